/**
 * Which rows of a table were not in the table before the last step: a merge of the two, as the new one is walked.
 * Tables of different units compare, for a step may change the format.
 */
import { hasHost } from '../bytes/extents.ts';
import { CHUNK, type ExtentStore } from './extent-store.ts';

/** A set of row numbers that is asked for and added to in any order, and costs memory only where it has members. */
class RowSet {
  readonly #parts: (Uint8Array | undefined)[] = [];

  add(row: number): void {
    const part = Math.floor(row / CHUNK);
    const bits = this.#parts[part] ?? new Uint8Array(CHUNK / 8);
    this.#parts[part] = bits;
    const at = row % CHUNK;
    bits[at >>> 3] = (bits[at >>> 3] as number) | (1 << (at & 7));
  }

  has(row: number): boolean {
    const bits = this.#parts[Math.floor(row / CHUNK)];
    const at = row % CHUNK;
    return bits !== undefined && (((bits[at >>> 3] as number) >>> (at & 7)) & 1) === 1;
  }
}

export class ExtentChanges {
  /** Until the merge is over. */
  #old: ExtentStore | undefined;
  /** Whether chunks of the old table are dropped once they are behind. */
  readonly #consume: boolean;
  readonly #rows = new RowSet();
  readonly #gaps = new RowSet();
  /** Where the merge stands in the old table: the first row not yet behind; its chunk in bytes. */
  #row = 0;
  #chunk = -1;
  readonly #kinds = new Float64Array(CHUNK);
  readonly #guests = new Float64Array(CHUNK);
  readonly #lengths = new Float64Array(CHUNK);
  readonly #hosts = new Float64Array(CHUNK);
  /** Bytes: where the old row before `#row` ends. */
  #oldEnd = 0;

  constructor(old: ExtentStore, consume: boolean) {
    this.#old = old;
    this.#consume = consume;
  }

  rowChanged(row: number): boolean {
    return this.#rows.has(row);
  }

  /** Of the gap before the row. */
  gapChanged(row: number): boolean {
    return this.#gaps.has(row);
  }

  /** The next row of the new table, in bytes, whose predecessor ends at `from`. Rows come in order. */
  next(row: number, kind: number, from: number, guest: number, length: number, host: number): void {
    const old = this.#old as ExtentStore;
    this.#advance(old, guest);
    const at = this.#row < old.count ? this.#row % CHUNK : -1;
    const begins = at >= 0 && this.#guests[at] === guest;
    if (guest > from && !(begins && this.#oldEnd === from)) this.#gaps.add(row);
    const same =
      begins &&
      this.#kinds[at] === kind &&
      this.#lengths[at] === length &&
      (!hasHost(kind) || this.#hosts[at] === host);
    if (!same) this.#rows.add(row);
  }

  /** The gap at the end of the new table, after row `count - 1`, from byte `from` to the disk's end at `end`. */
  finish(count: number, from: number, end: number): void {
    const old = this.#old as ExtentStore;
    this.#advance(old, Number.POSITIVE_INFINITY);
    if (from < end && !(this.#oldEnd === from && old.end === end)) this.#gaps.add(count);
    this.#old = undefined;
  }

  #advance(old: ExtentStore, guest: number): void {
    const { count } = old;
    for (; this.#row < count; this.#row++) {
      const at = this.#row % CHUNK;
      if (at === 0 || this.#chunk < 0) this.#load(old, Math.floor(this.#row / CHUNK));
      if ((this.#guests[at] as number) >= guest) return;
      this.#oldEnd = (this.#guests[at] as number) + (this.#lengths[at] as number);
    }
  }

  #load(old: ExtentStore, index: number): void {
    if (this.#chunk === index) return;
    const { unit, end } = old;
    const chunk = old.chunks[index];
    if (!chunk) throw new Error(`chunk ${index} of the table was dropped before it was compared`);
    const rows = old.chunkCount(index);
    chunk.kind.unpack(this.#kinds, rows);
    chunk.guest.unpack(this.#guests, rows);
    chunk.length.unpack(this.#lengths, rows);
    chunk.host.unpack(this.#hosts, rows);
    for (let i = 0; i < rows; i++) {
      const guest = (this.#guests[i] as number) * unit;
      this.#guests[i] = guest;
      this.#lengths[i] = Math.min((this.#lengths[i] as number) * unit, end - guest);
      this.#hosts[i] = (this.#hosts[i] as number) * unit;
    }
    this.#chunk = index;
    if (this.#consume && index > 0) old.drop(index - 1);
  }
}
