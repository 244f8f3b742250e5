/**
 * A zstd frame of bytes that are all there: what Node 20 cannot make. Written for the clusters of a disk image, at most
 * a few MiB: the window is all of it.
 *
 *  1. Every frame says its size, and decodes to what it was made of (test/bytes/zstd.test.ts holds it to two decoders).
 *  2. A block that does not shrink is stored as it is: a frame is never longer than its bytes by more than 3 bytes a
 *     block and 9 for the frame.
 */
import { literalsSection } from './huffman.ts';
import { type Sequence, sequencesSection } from './sequences.ts';

/** Bytes of the largest block. */
const BLOCK = 128 * 1024;
const HASH_BITS = 16;
/** The shortest match looked for, and how many candidates are tried for each. */
const SHORTEST = 4;
const TRIES = 12;
/** A match that long is taken without a look at the next byte's. */
const LONG_ENOUGH = 64;

/** The frame for `bytes`, at most 2^31 - 1 of them. */
export function zstdFrame(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [frameHeader(bytes.length)];
  const finder = new MatchFinder(bytes);
  let start = 0;
  do {
    const end = Math.min(start + BLOCK, bytes.length);
    parts.push(block(finder, bytes, start, end));
    start = end;
  } while (start < bytes.length);
  return Buffer.concat(parts);
}

/** A single segment: its size is its window. */
function frameHeader(size: number): Uint8Array {
  const form = size < 256 ? 0 : size < 65_536 + 256 ? 1 : 2;
  const header = new Uint8Array(5 + 2 ** form);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0xfd2f_b528, true);
  header[4] = (form << 6) | 0x20;
  if (form === 0) header[5] = size;
  else if (form === 1) view.setUint16(5, size - 256, true);
  else view.setUint32(5, size, true);
  return header;
}

function block(finder: MatchFinder, bytes: Uint8Array, start: number, end: number): Uint8Array {
  const isLast = end === bytes.length;
  const size = end - start;
  const head = (type: number, length: number): Uint8Array => {
    const value = Number(isLast) | (type << 1) | (length << 3);
    return Uint8Array.of(value & 255, (value >> 8) & 255, value >> 16);
  };
  const first = bytes[start] as number;
  if (size > 1 && bytes.subarray(start, end).every((byte) => byte === first)) {
    return Buffer.concat([head(1, size), Uint8Array.of(first)]);
  }
  const { sequences, literals, distances } = finder.parse(start, end);
  const body = Buffer.concat([literalsSection(literals), sequencesSection(sequences)]);
  if (body.length >= size) return Buffer.concat([head(0, size), bytes.subarray(start, end)]);
  finder.distances = distances;
  return Buffer.concat([head(2, body.length), body]);
}

type Distances = readonly [number, number, number];

/** What repeats: the last places of every four bytes, in chains. */
class MatchFinder {
  /** The last three distances, as a reader of the frame knows them at a block's start. */
  distances: Distances = [1, 4, 8];
  readonly #bytes: Uint8Array;
  readonly #heads = new Int32Array(1 << HASH_BITS).fill(-1);
  readonly #before: Int32Array;
  #known = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#before = new Int32Array(bytes.length);
  }

  /** What of `start` .. `end` - 1 is literals, and what has stood before. */
  parse(start: number, end: number): { sequences: Sequence[]; literals: Uint8Array; distances: Distances } {
    const bytes = this.#bytes;
    const literals = new Uint8Array(end - start);
    const sequences: Sequence[] = [];
    let distances = this.distances;
    let count = 0;
    let from = start;
    let misses = 0;
    for (let at = start; at + SHORTEST <= end; ) {
      let found = this.#longest(at, end, distances);
      if (found.length === 0) {
        // Where nothing repeats, fewer and fewer places are looked at.
        at += 1 + (misses++ >> 6);
        continue;
      }
      misses = 0;
      if (found.length < LONG_ENOUGH && at + 1 + SHORTEST <= end) {
        const next = this.#longest(at + 1, end, distances);
        if (next.length > found.length + 1) {
          found = next;
          at++;
        }
      }
      literals.set(bytes.subarray(from, at), count);
      count += at - from;
      const { offset, next } = offsetOf(found.distance, at - from, distances);
      sequences.push({ literals: at - from, match: found.length, offset });
      distances = next;
      at += found.length;
      from = at;
    }
    literals.set(bytes.subarray(from, end), count);
    count += end - from;
    return { sequences, literals: literals.subarray(0, count), distances };
  }

  #longest(at: number, end: number, [latest]: Distances): { length: number; distance: number } {
    const bytes = this.#bytes;
    this.#learn(at);
    let length = 0;
    let distance = 0;
    if (at >= latest) {
      const repeated = this.#common(at - latest, at, end);
      if (repeated >= SHORTEST) {
        length = repeated + 1;
        distance = latest;
      }
    }
    let candidate = this.#heads[this.#hash(at)] as number;
    for (let tries = 0; candidate >= 0 && tries < TRIES; tries++) {
      if (candidate < at && bytes[candidate + length] === bytes[at + length]) {
        const common = this.#common(candidate, at, end);
        if (common > length && common >= SHORTEST) {
          length = common;
          distance = at - candidate;
        }
      }
      candidate = this.#before[candidate] as number;
    }
    // The distance before costs less: it counts as one byte more, above.
    if (distance === latest && length > 0) length = this.#common(at - latest, at, end);
    return { length, distance };
  }

  /** All places before `at` are in the chains. */
  #learn(at: number): void {
    for (; this.#known < at; this.#known++) {
      if (this.#known + SHORTEST > this.#bytes.length) return;
      const hash = this.#hash(this.#known);
      this.#before[this.#known] = this.#heads[hash] as number;
      this.#heads[hash] = this.#known;
    }
  }

  #hash(at: number): number {
    const bytes = this.#bytes;
    const four =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    return Math.imul(four, 0x9e37_79b1) >>> (32 - HASH_BITS);
  }

  #common(a: number, b: number, end: number): number {
    const bytes = this.#bytes;
    let i = b;
    while (i < end && bytes[a + i - b] === bytes[i]) i++;
    return i - b;
  }
}

/** How a distance is written, and the last three after it. Behind no literals, the numbers mean the ones after. */
function offsetOf(distance: number, literals: number, last: Distances): { offset: number; next: Distances } {
  const [a, b, c] = last;
  if (literals > 0 && distance === a) return { offset: 1, next: last };
  if (distance === b) return { offset: literals > 0 ? 2 : 1, next: [b, a, c] };
  if (distance === c) return { offset: literals > 0 ? 3 : 2, next: [c, a, b] };
  if (literals === 0 && distance === a - 1) return { offset: 3, next: [distance, a, b] };
  return { offset: distance + 3, next: [distance, a, b] };
}
