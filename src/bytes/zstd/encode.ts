/**
 * A zstd frame of bytes that are all there: what Node 20 cannot make. Written for the clusters of a disk image, at most
 * a few MiB: the window is all of it.
 *
 *  1. Every frame says its size, and decodes to what it was made of (test/bytes/zstd.test.ts holds it to two decoders).
 *  2. A block that does not shrink is stored as it is: a frame is never longer than its bytes by more than 3 bytes a
 *     block and 9 for the frame.
 */
import { literalsSection } from './huffman.ts';
import { type Sequences, sequencesFor, sequencesSection } from './sequences.ts';

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
  finder.parse(start, end);
  const body = Buffer.concat([literalsSection(finder.literals), sequencesSection(finder.sequences)]);
  if (body.length >= size) return Buffer.concat([head(0, size), bytes.subarray(start, end)]);
  finder.keepDistances();
  return Buffer.concat([head(2, body.length), body]);
}

/** Where four bytes with a hash were seen last; one table for all frames, for making one costs more than a cluster. */
const heads = new Int32Array(1 << HASH_BITS);

/** What repeats: the last places of every four bytes, in chains. */
class MatchFinder {
  readonly #bytes: Uint8Array;
  readonly #before: Int32Array;
  readonly #room: Uint8Array;
  /** Of the block that was parsed last. */
  literals: Uint8Array = new Uint8Array(0);
  sequences: Sequences;
  /** The last three distances, as a reader of the frame knows them at the block's start, and at its end. */
  readonly #kept = [1, 4, 8];
  readonly #last = [1, 4, 8];
  #known = 0;
  /** The match that `#longest` found. */
  #length = 0;
  #distance = 0;

  constructor(bytes: Uint8Array) {
    // Not a Buffer: views of those are slow to make.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#before = new Int32Array(bytes.length);
    const most = Math.min(bytes.length, BLOCK);
    this.#room = new Uint8Array(most);
    this.sequences = sequencesFor(Math.ceil(most / SHORTEST));
    heads.fill(-1);
  }

  /** What of `start` .. `end` - 1 is literals, and what has stood before. */
  parse(start: number, end: number): void {
    const bytes = this.#bytes;
    const room = this.#room;
    const { literals, matches, offsets } = this.sequences;
    this.#last.splice(0, 3, ...this.#kept);
    let sequence = 0;
    let count = 0;
    let from = start;
    let misses = 0;
    for (let at = start; at + SHORTEST <= end; ) {
      this.#longest(at, end);
      if (this.#length === 0) {
        // Where nothing repeats, fewer and fewer places are looked at.
        at += 1 + (misses++ >> 6);
        continue;
      }
      misses = 0;
      const length = this.#length;
      const distance = this.#distance;
      if (length < LONG_ENOUGH && at + 1 + SHORTEST <= end) {
        this.#longest(at + 1, end);
        if (this.#length > length + 1) at++;
        else {
          this.#length = length;
          this.#distance = distance;
        }
      }
      for (let i = from; i < at; i++) room[count++] = bytes[i] as number;
      literals[sequence] = at - from;
      matches[sequence] = this.#length;
      offsets[sequence] = this.#offset(this.#distance, at - from);
      sequence++;
      at += this.#length;
      from = at;
    }
    this.#room.set(bytes.subarray(from, end), count);
    this.literals = this.#room.subarray(0, count + end - from);
    this.sequences.count = sequence;
  }

  /** The block is coded: its distances are what the next one begins with. */
  keepDistances(): void {
    this.#kept.splice(0, 3, ...this.#last);
  }

  #longest(at: number, end: number): void {
    const bytes = this.#bytes;
    const latest = this.#last[0] as number;
    this.#learn(at);
    let length = 0;
    let distance = 0;
    if (at >= latest) {
      // The distance before costs less: it counts as one byte more.
      const repeated = this.#common(at - latest, at, end);
      if (repeated >= SHORTEST) {
        length = repeated + 1;
        distance = latest;
      }
    }
    let candidate = heads[hashAt(bytes, at)] as number;
    for (let tries = 0; candidate >= 0 && tries < TRIES; tries++) {
      if (bytes[candidate + length] === bytes[at + length]) {
        const common = this.#common(candidate, at, end);
        if (common > length && common >= SHORTEST) {
          length = common;
          distance = at - candidate;
          if (common >= LONG_ENOUGH) break;
        }
      }
      candidate = this.#before[candidate] as number;
    }
    this.#length = distance === latest && length > 0 ? this.#common(at - latest, at, end) : length;
    this.#distance = distance;
  }

  /** All places before `at` are in the chains. */
  #learn(at: number): void {
    const bytes = this.#bytes;
    const stop = Math.min(at, bytes.length - SHORTEST + 1);
    for (let place = this.#known; place < stop; place++) {
      const hash = hashAt(bytes, place);
      this.#before[place] = heads[hash] as number;
      heads[hash] = place;
    }
    this.#known = Math.max(this.#known, at);
  }

  #common(a: number, b: number, end: number): number {
    const bytes = this.#bytes;
    let i = b;
    for (let j = a; i < end && bytes[j] === bytes[i]; j++) i++;
    return i - b;
  }

  /** How a distance is written; it is the last one then. Behind no literals, the numbers mean the ones after. */
  #offset(distance: number, literals: number): number {
    const last = this.#last;
    const [a, b, c] = last as [number, number, number];
    if (literals > 0 && distance === a) return 1;
    const empty = literals === 0 ? 1 : 0;
    last[0] = distance;
    last[1] = a;
    if (distance === b) return 2 - empty;
    last[2] = b;
    if (distance === c) return 3 - empty;
    return empty === 1 && distance === a - 1 ? 3 : distance + 3;
  }
}

function hashAt(bytes: Uint8Array, at: number): number {
  const four =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  return Math.imul(four, 0x9e37_79b1) >>> (32 - HASH_BITS);
}
