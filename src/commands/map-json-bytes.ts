/**
 * The lines of map-json-line.ts as bytes, for long listings: straight into a buffer, literals eight bytes at a time,
 * digits four at a time, no strings and no objects. A property test holds it to the text.
 */
import { decimal, FIRST_WITH_OFFSET, flagText, LINES, type LineKind } from './map-json-line.ts';
import type { Sink } from './sink.ts';

const BUFFER_BYTES = 128 * 1024;
/** No line is longer: the literals are below 110 bytes, the numbers below 20 digits each. */
const LINE_BYTES = 256;

export class ByteLines {
  readonly #sink: Sink;
  readonly #buffer = new Uint8Array(BUFFER_BYTES + LINE_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #digits = fourDigits();
  /** By depth and line: the flags, up to where the offset stands, or to the end. */
  readonly #flags: Float64Array[] = [];
  readonly #flagsLength: number[] = [];
  #at = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Runs `first` .. `end` - 1; three numbers each. */
  lines(depth: number, kinds: Uint8Array, numbers: Float64Array, first: number, end: number): void {
    const view = this.#view;
    const digits = this.#digits;
    let at = this.#at;
    for (let i = first; i < end; i++) {
      if (at > BUFFER_BYTES - LINE_BYTES) {
        this.#at = at;
        this.drain();
        at = 0;
      }
      const kind = kinds[i] as number;
      const which = depth * LINES.length + kind;
      const flags = this.#flags[which] ?? this.#addFlags(which, depth, kind);
      view.setFloat64(at, OPENING[0] as number, true);
      view.setFloat64(at + 8, OPENING[1] as number, true);
      at = putNumber(view, digits, at + OPENING_TEXT.length, numbers, i * 3);
      view.setFloat64(at, MIDDLE[0] as number, true);
      view.setFloat64(at + 8, MIDDLE[1] as number, true);
      at = putNumber(view, digits, at + MIDDLE_TEXT.length, numbers, i * 3 + 1);
      for (let w = 0; w < flags.length; w++) view.setFloat64(at + w * 8, flags[w] as number, true);
      at += this.#flagsLength[which] as number;
      if (kind >= FIRST_WITH_OFFSET) {
        at = putNumber(view, digits, at, numbers, i * 3 + 2);
        view.setUint8(at++, CLOSING_BRACE);
      }
    }
    this.#at = at;
  }

  drain(): void {
    if (this.#at > 0) this.#sink.bytes(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
  }

  #addFlags(which: number, depth: number, kind: number): Float64Array {
    const line = LINES[kind] as LineKind;
    const text = flagText(depth, line) + (line.offset ? ', "offset": ' : '}');
    const flags = asWords(text);
    this.#flags[which] = flags;
    this.#flagsLength[which] = text.length;
    return flags;
  }
}

const CLOSING_BRACE = 0x7d;
const OPENING_TEXT = ',\n{ "start": ';
const MIDDLE_TEXT = ', "length": ';
const OPENING = asWords(OPENING_TEXT);
const MIDDLE = asWords(MIDDLE_TEXT);

/**
 * A text as doubles, to be copied eight bytes at a time; what is copied too much the next write covers. ASCII never
 * makes a NaN, whose bits a copy may change.
 */
function asWords(text: string): Float64Array {
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8);
  padded.write(text, 'latin1');
  return Float64Array.from({ length: padded.length / 8 }, (_, i) => padded.readDoubleLE(i * 8));
}

/** The four ASCII digits of 0 .. 9999, as one little-endian word each, the first digit lowest. */
function fourDigits(): Uint32Array {
  const table = new Uint32Array(10_000);
  for (let n = 0; n < 10_000; n++) {
    const [a, b, c] = [(n / 1000) | 0, (n / 100) | 0, (n / 10) | 0];
    table[n] = (0x30303030 + a + ((b % 10) << 8) + ((c % 10) << 16) + ((n % 10) << 24)) >>> 0;
  }
  return table;
}

function putNumber(view: DataView, digits: Uint32Array, at: number, numbers: Float64Array, i: number): number {
  const value = numbers[i] as number;
  if (value < 1e8) return putShort(view, digits, at, value | 0);
  if (value > Number.MAX_SAFE_INTEGER) return putText(view, at, decimal(value));
  // Below 2^53 the quotient is below 2^27, and never rounded up to the next whole number.
  const high = (value / 1e8) | 0;
  const low = (value - high * 1e8) | 0;
  const end = putShort(view, digits, at, high);
  const upper = (low / 1e4) | 0;
  view.setUint32(end, digits[upper] as number, true);
  view.setUint32(end + 4, digits[low - upper * 10_000] as number, true);
  return end + 8;
}

/** Up to eight digits, without leading zeros. */
function putShort(view: DataView, digits: Uint32Array, at: number, value: number): number {
  const upper = (value / 1e4) | 0;
  if (upper === 0) return putLeading(view, digits, at, value);
  const end = putLeading(view, digits, at, upper);
  view.setUint32(end, digits[value - upper * 10_000] as number, true);
  return end + 4;
}

/** 0 .. 9999 without leading zeros. */
function putLeading(view: DataView, digits: Uint32Array, at: number, value: number): number {
  const length = value >= 1000 ? 4 : value >= 100 ? 3 : value >= 10 ? 2 : 1;
  view.setUint32(at, (digits[value] as number) >>> (32 - 8 * length), true);
  return at + length;
}

function putText(view: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}
