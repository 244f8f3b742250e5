/**
 * `map --output=json`, byte for byte as qemu-img 7.2 writes it: one object per line in brackets, runs with equal
 * flags and continuing offsets merged. Beyond qemu-img: an entry that breaks a rule is listed with its `fault`
 * (qemu-img stops there), and a backing file that was not opened is named, instead of being opened unasked.
 *
 * Two writers of one line: plain strings, which are quick to start, and bytes for long listings, which are 15 times
 * faster at length (a list of 1 TiB has 16 million lines). A property test holds one to the other.
 */
import { INVALID, UNALLOCATED, UNALLOCATED_ALLOCATED } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { jsonText } from './json-text.ts';
import { ByteLines } from './map-json-bytes.ts';
import { FIRST_WITH_OFFSET, KIND_OF_LINE, LINE_KINDS, LINES, type LineKind, textLine } from './map-json-line.ts';
import { extentsOf, type MapBatch, mapBatches } from './map-walk.ts';
import type { Sink } from './sink.ts';
import type { MapView } from './view.ts';

/** Lines written as strings before the byte writer, whose tables and code take a while to warm up, pays. */
const SHORT_LISTING = 1000;
/** Characters gathered before they are written. */
const TEXT_CHARACTERS = 128 * 1024;

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
    yield { what: 'mapping', done: lines.done - from, total: to - from, unit: 'bytes' };
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

/** Runs gathered before they are written. */
const RUNS = 1024;

/**
 * Gathers rows into runs, and writes those that no later row can continue. Runs are kept in typed columns, and so are
 * handed to the writers: a number that is passed from function to function would be put into an object on the way.
 */
class Lines {
  /** Bytes: the end of what was listed. */
  done = 0;
  readonly #sink: Sink;
  readonly #shortListing: number;
  readonly #kinds = new Uint8Array(RUNS);
  /** Start, length and offset of each run, bytes. */
  readonly #numbers = new Float64Array(RUNS * 3);
  #count = 0;
  /** The depth of all gathered runs. */
  #depth = 0;
  #bytes: ByteLines | undefined;
  #written = 0;
  #text = '';

  constructor(sink: Sink, shortListing: number) {
    this.#sink = sink;
    this.#shortListing = shortListing;
  }

  /** Rows `first` .. `end` - 1 of the batch, none of them invalid. The hot loop. */
  rows(batch: MapBatch, first: number, end: number): void {
    const { columns, depth, from, to } = batch;
    if (depth !== this.#depth) this.#writeAll();
    this.#depth = depth;
    const { kind, guest, length, host, unit } = columns;
    const kinds = this.#kinds;
    const numbers = this.#numbers;
    let count = this.#count;
    for (let i = first; i < end; i++) {
      const line = KIND_OF_LINE[kind[i] as number] as number;
      const hasOffset = line >= FIRST_WITH_OFFSET;
      let start = (guest[i] as number) * unit;
      let bytes = (length[i] as number) * unit;
      let offset = hasOffset ? (host[i] as number) * unit : 0;
      if (start < from) {
        if (hasOffset) offset += from - start;
        bytes -= from - start;
        start = from;
      }
      if (start + bytes > to) bytes = to - start;
      const last = count * 3 - 3;
      if (count > 0 && line === kinds[count - 1]) {
        if (!hasOffset || (numbers[last + 2] as number) + (numbers[last + 1] as number) === offset) {
          numbers[last + 1] = (numbers[last + 1] as number) + bytes;
          continue;
        }
      }
      if (count === RUNS) count = this.#writeAllButLast();
      kinds[count] = line;
      numbers[count * 3] = start;
      numbers[count * 3 + 1] = bytes;
      numbers[count * 3 + 2] = offset;
      count++;
    }
    this.#count = count;
    if (count > 0) this.done = (numbers[count * 3 - 3] as number) + (numbers[count * 3 - 2] as number);
  }

  /** A line with keys that qemu-img does not know. Never merged. */
  special(start: number, length: number, depth: number, line: LineKind, more: Record<string, unknown>): void {
    this.#writeAll();
    this.#bytes?.drain();
    const extra = Object.entries(more).map(([key, value]) => `, "${key}": ${jsonText(value ?? null)}`);
    this.#put(textLine(start, length, depth, line, undefined, extra.join('')));
    if (this.#bytes) this.#drainText();
    this.done = start + length;
  }

  finish(): void {
    this.#writeAll();
    this.#bytes?.drain();
    this.#drainText();
  }

  #writeAll(): void {
    this.#write(this.#count);
    this.#count = 0;
  }

  /** The last run may go on with the next row. */
  #writeAllButLast(): number {
    this.#write(RUNS - 1);
    this.#kinds[0] = this.#kinds[RUNS - 1] as number;
    this.#numbers.copyWithin(0, RUNS * 3 - 3);
    return 1;
  }

  /** The first runs as plain text; beyond a short listing, as bytes. The very first line has no comma before it. */
  #write(count: number): void {
    const kinds = this.#kinds;
    const numbers = this.#numbers;
    let i = 0;
    for (; i < count && (this.#written <= this.#shortListing || this.#written === 0); i++) {
      const [start, length, offset] = numbers.subarray(i * 3, i * 3 + 3) as unknown as [number, number, number];
      this.#put(textLine(start, length, this.#depth, LINES[kinds[i] as number] as LineKind, offset, ''));
    }
    if (i === count) return;
    this.#drainText();
    this.#bytes ??= new ByteLines(this.#sink);
    this.#bytes.lines(this.#depth, kinds, numbers, i, count);
  }

  /** The comma and line end belong to the next line: the last one has neither. */
  #put(line: string): void {
    this.#text += this.#written++ === 0 ? line : `,\n${line}`;
    if (this.#text.length > TEXT_CHARACTERS) this.#drainText();
  }

  #drainText(): void {
    if (this.#text !== '') this.#sink.text(this.#text);
    this.#text = '';
  }
}
