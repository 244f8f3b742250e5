/**
 * `map --output=json`, byte for byte as qemu-img 7.2 writes it: one object per line in brackets, runs with equal
 * flags and continuing offsets merged. Beyond qemu-img: an entry that breaks a rule is listed with its `fault`
 * (qemu-img stops there), and a backing file that was not opened is named, instead of being opened unasked.
 *
 * Two writers of one line: plain strings, which are quick to start, and bytes for long listings, which are 15 times
 * faster at length (a list of 1 TiB has 16 million lines). A property test holds one to the other.
 */
import {
  COMPRESSED,
  DATA,
  ENCRYPTED,
  INVALID,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { decimal64 } from '../bytes/size.ts';
import { jsonText } from './json-text.ts';
import { extentsOf, type MapBatch, mapBatches } from './map-walk.ts';
import type { Sink } from './sink.ts';
import type { MapView } from './view.ts';

/** The flags of a line, and whether it has an offset. Index: the code of the kind. */
interface LineKind {
  readonly present: boolean;
  readonly zero: boolean;
  readonly data: boolean;
  readonly offset: boolean;
}

const present = { present: true, zero: false, data: true, offset: true };
const LINE_KINDS: readonly LineKind[] = Object.assign([], {
  [UNALLOCATED]: { present: false, zero: true, data: false, offset: false },
  [DATA]: present,
  [ZERO]: { present: true, zero: true, data: false, offset: false },
  [ZERO_ALLOCATED]: { present: true, zero: true, data: false, offset: true },
  [UNALLOCATED_ALLOCATED]: { present: false, zero: true, data: false, offset: true },
  [COMPRESSED]: { ...present, offset: false },
  [ENCRYPTED]: { ...present, offset: false },
  [INVALID]: { present: true, zero: false, data: false, offset: false },
});

/** Lines written as strings before the byte writer, whose tables and code take a while to warm up, pays. */
const SHORT_LISTING = 20_000;
const BUFFER_BYTES = 128 * 1024;
/** No line is longer: the literals are below 110 bytes, the numbers below 20 digits each. */
const LINE_BYTES = 256;

/** Writes the listing; answers how many entries were invalid. */
export function* writeMapJson(view: MapView, sink: Sink, shortListing = SHORT_LISTING): Generator<Progress, number> {
  const { chain, from, to } = view;
  const top = chain[0];
  if (!top) throw new Error('a map of no image');
  if (to <= from) {
    sink.text('[{ "start": 0, "length": 0, "depth": 0, "present": false, "zero": false, "data": false}]\n');
    return 0;
  }
  const lines = new Lines(sink, shortListing);
  sink.text('[');
  let invalid = 0;
  const behind = view.unopened === undefined ? undefined : { name: view.unopened, depth: chain.length };
  for (const batch of mapBatches(chain, from, to)) {
    if (behind && batch.depth === chain.length - 1) invalid += slowRows(batch, lines, behind);
    else invalid += fastRows(batch, lines);
    yield { what: 'mapping', done: lines.done - from, total: to - from };
  }
  lines.finish();
  sink.text(']\n');
  return invalid;
}

/** Whole runs of rows through the byte writer; only invalid rows leave it. */
function fastRows(batch: MapBatch, lines: Lines): number {
  let invalid = 0;
  let first = batch.first;
  const { kind } = batch.columns;
  for (let i = first; i < batch.end; i++) {
    if (kind[i] !== INVALID) continue;
    lines.rows(batch, first, i);
    for (const extent of extentsOf({ ...batch, first: i, end: i + 1 })) {
      lines.special(extent.guest, extent.length, batch.depth, LINE_KINDS[INVALID] as LineKind, { fault: extent.fault });
      invalid++;
    }
    first = i + 1;
  }
  lines.rows(batch, first, batch.end);
  return invalid;
}

/** As fastRows, but what falls through to a file that was not opened is said to. */
function slowRows(batch: MapBatch, lines: Lines, behind: { name: string; depth: number }): number {
  let invalid = 0;
  const { kind } = batch.columns;
  const unknown: LineKind = { present: false, zero: false, data: false, offset: false };
  for (let i = batch.first; i < batch.end; i++) {
    const row = { ...batch, first: i, end: i + 1 };
    if (kind[i] !== UNALLOCATED && kind[i] !== UNALLOCATED_ALLOCATED) invalid += fastRows(row, lines);
    else {
      for (const { guest, length } of extentsOf(row)) {
        lines.special(guest, length, behind.depth, unknown, { backing: behind.name });
      }
    }
  }
  return invalid;
}

/** Gathers rows into lines: a line is written when the next row does not continue it. */
class Lines {
  /** Bytes: the end of what was listed. */
  done = 0;
  readonly #sink: Sink;
  readonly #shortListing: number;
  #bytes: ByteLines | undefined;
  #written = 0;
  #text = '';
  // The run being gathered. `#kind` is -1 before the first.
  #kind = -1;
  #depth = 0;
  #start = 0;
  #length = 0;
  #offset = 0;

  constructor(sink: Sink, shortListing: number) {
    this.#sink = sink;
    this.#shortListing = shortListing;
  }

  /** Rows `first` .. `end` - 1 of the batch, none of them invalid. The hot loop: fields live in locals. */
  rows(batch: MapBatch, first: number, end: number): void {
    const { columns, depth, from, to } = batch;
    const { kind: kinds, guest, length, host, unit } = columns;
    let kind = this.#kind;
    let start = this.#start;
    let run = this.#length;
    let offset = this.#offset;
    if (this.#depth !== depth && kind >= 0) {
      this.#flush(kind, start, run, offset);
      kind = -1;
    }
    this.#depth = depth;
    for (let i = first; i < end; i++) {
      const line = KIND_OF_LINE[kinds[i] as number] as number;
      let at = (guest[i] as number) * unit;
      let bytes = (length[i] as number) * unit;
      let where = line < FIRST_WITH_OFFSET ? 0 : (host[i] as number) * unit;
      if (at < from) {
        where += line < FIRST_WITH_OFFSET ? 0 : from - at;
        bytes -= from - at;
        at = from;
      }
      if (at + bytes > to) bytes = to - at;
      if (line === kind && (line < FIRST_WITH_OFFSET || offset + run === where)) {
        run += bytes;
        continue;
      }
      if (kind >= 0) this.#flush(kind, start, run, offset);
      kind = line;
      start = at;
      run = bytes;
      offset = where;
    }
    this.#kind = kind;
    this.#start = start;
    this.#length = run;
    this.#offset = offset;
    this.done = start + run;
  }

  /** A line with keys that qemu-img does not know. Never merged. */
  special(start: number, length: number, depth: number, line: LineKind, more: Record<string, unknown>): void {
    this.#endRun();
    this.#bytes?.drain();
    const extra = Object.entries(more).map(([key, value]) => `, "${key}": ${jsonText(value ?? null)}`);
    this.#put(textLine(start, length, depth, line, undefined, extra.join('')));
    this.done = start + length;
  }

  finish(): void {
    this.#endRun();
    this.#bytes?.drain();
    if (this.#text !== '') this.#sink.text(this.#text);
    this.#text = '';
  }

  #endRun(): void {
    if (this.#kind >= 0) this.#flush(this.#kind, this.#start, this.#length, this.#offset);
    this.#kind = -1;
  }

  #flush(kind: number, start: number, length: number, offset: number): void {
    const bytes = this.#bytes;
    if (bytes !== undefined) {
      bytes.line(kind, this.#depth, start, length, offset);
      return;
    }
    this.#put(textLine(start, length, this.#depth, LINES[kind] as LineKind, offset, ''));
    if (this.#written >= this.#shortListing) {
      this.#sink.text(this.#text);
      this.#text = '';
      this.#bytes = new ByteLines(this.#sink);
    }
  }

  /** The comma and line end belong to the next line: the last one has neither. */
  #put(line: string): void {
    this.#text += this.#written++ === 0 ? line : `,\n${line}`;
    if (this.#bytes !== undefined || this.#text.length > BUFFER_BYTES) {
      this.#sink.text(this.#text);
      this.#text = '';
    }
  }
}

/** Different lines: those without an offset first. Compressed and encrypted clusters read the same here. */
const LINES: readonly LineKind[] = [UNALLOCATED, ZERO, COMPRESSED, DATA, ZERO_ALLOCATED, UNALLOCATED_ALLOCATED].map(
  (kind) => LINE_KINDS[kind] as LineKind,
);
const FIRST_WITH_OFFSET = 3;
/** From a kind's code to the index in LINES; -1 for invalid, which never comes here. */
const KIND_OF_LINE: readonly number[] = LINE_KINDS.map((kind) =>
  LINES.findIndex(
    (line) =>
      line.present === kind.present &&
      line.zero === kind.zero &&
      line.data === kind.data &&
      line.offset === kind.offset,
  ),
);

function textLine(
  start: number,
  length: number,
  depth: number,
  line: LineKind,
  offset: number | undefined,
  extra: string,
): string {
  const where = line.offset ? `, "offset": ${decimal(offset ?? 0)}` : '';
  return `{ "start": ${decimal(start)}, "length": ${decimal(length)}${flagText(depth, line)}${where}${extra}}`;
}

function flagText(depth: number, { present, zero, data }: LineKind): string {
  return `, "depth": ${depth}, "present": ${present}, "zero": ${zero}, "data": ${data}`;
}

/** Digits of a whole number, also above 2^53, where String() would round. */
function decimal(value: number): string {
  return value <= Number.MAX_SAFE_INTEGER ? String(value) : decimal64(Math.floor(value / 2 ** 32), value % 2 ** 32);
}

/** The same lines as bytes, straight into a buffer: literals eight bytes at a time, digits four at a time. */
class ByteLines {
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

  line(kind: number, depth: number, start: number, length: number, offset: number): void {
    if (this.#at > BUFFER_BYTES - LINE_BYTES) this.drain();
    const which = depth * LINES.length + kind;
    const flags = this.#flags[which] ?? this.#addFlags(which, depth, kind);
    const view = this.#view;
    const digits = this.#digits;
    let at = this.#at;
    view.setFloat64(at, OPENING[0] as number, true);
    view.setFloat64(at + 8, OPENING[1] as number, true);
    at = putNumber(view, digits, at + OPENING_TEXT.length, start);
    view.setFloat64(at, MIDDLE[0] as number, true);
    view.setFloat64(at + 8, MIDDLE[1] as number, true);
    at = putNumber(view, digits, at + MIDDLE_TEXT.length, length);
    for (let i = 0; i < flags.length; i++) view.setFloat64(at + i * 8, flags[i] as number, true);
    at += this.#flagsLength[which] as number;
    if (kind >= FIRST_WITH_OFFSET) {
      at = putNumber(view, digits, at, offset);
      view.setUint8(at++, CLOSING_BRACE);
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

function putNumber(view: DataView, digits: Uint32Array, at: number, value: number): number {
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
