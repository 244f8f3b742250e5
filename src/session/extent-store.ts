/**
 * The extents of an image in memory, made to be asked "which is the row shown at place N?" in constant time, whatever
 * kinds are shown: chunks of packed columns (a scattered 1 TiB image: 7 bytes a row), and for each block of 256 rows
 * how many there are of each kind before it. Unallocated runs are not stored: they are the gaps between rows, and
 * are counted like rows of their kind.
 *
 * Invariants:
 *  1. Rows are in ascending guest order, do not overlap, and only grow in number; a row never changes but for `host`
 *     of kinds whose place in the file the walk does not tell (`placeRows`).
 *  2. The gap before row r belongs to r's block, and stands before r. `~r` names it; `~count` is the gap at the end.
 *  3. Rows are in `unit`s (bytes); the last one is clipped at `end` (bytes).
 */
import { UNALLOCATED } from '../bytes/extents.ts';
import { Packed } from './packed.ts';

const CHUNK_BITS = 15;
/** Rows of a chunk. With every second cluster in use, the guest offsets of this many rows fit 16 bits. */
export const CHUNK = 1 << CHUNK_BITS;
const BLOCK_BITS = 8;
const BLOCK = 1 << BLOCK_BITS;
/** Counters of a block: one a kind. */
const KINDS = 8;
/** No gap and no row. */
export const NOWHERE = Number.NaN;

export interface Chunk {
  readonly kind: Packed;
  readonly guest: Packed;
  readonly length: Packed;
  readonly host: Packed;
}

export class ExtentStore {
  readonly unit: number;
  /** Bytes: the guest disk's size. */
  readonly end: number;
  /** Rows stored. */
  count = 0;
  /** Set by `finish`: no row follows, and the gap at the end is known. */
  finished = false;
  readonly #chunks: Chunk[] = [];
  readonly #kinds = new Float64Array(CHUNK);
  readonly #guests = new Float64Array(CHUNK);
  readonly #lengths = new Float64Array(CHUNK);
  readonly #hosts = new Float64Array(CHUNK);
  /** Rows and gaps by kind, of all rows so far. */
  readonly #counts = new Uint32Array(KINDS);
  /** Units by kind; gaps too, once finished. */
  readonly #units = new Float64Array(KINDS);
  /** For each block: the counters as they were before it. */
  #before = new Uint32Array(KINDS * 16);
  /** Units: where the last row ends. */
  #tail = 0;

  constructor(unit: number, end: number) {
    this.unit = unit;
    this.end = end;
  }

  /** Appends a row, in units. It must lie behind the last one. */
  push(kind: number, guest: number, length: number, host: number): void {
    const row = this.count;
    const at = row & (CHUNK - 1);
    if (at === 0) this.#openChunk();
    if ((row & (BLOCK - 1)) === 0) this.#openBlock(row >>> BLOCK_BITS);
    if (guest > this.#tail) this.#gap(guest);
    this.#counts[kind] = (this.#counts[kind] as number) + 1;
    this.#units[kind] = (this.#units[kind] as number) + length;
    this.#kinds[at] = kind;
    this.#guests[at] = guest;
    this.#lengths[at] = length;
    this.#hosts[at] = host;
    this.#tail = guest + length;
    this.count = row + 1;
    if (at === CHUNK - 1) this.#seal(CHUNK);
  }

  /** Units: where the last row ends. */
  get tail(): number {
    return this.#tail;
  }

  finish(): void {
    const at = this.count & (CHUNK - 1);
    if (at > 0) this.#seal(at);
    if (this.#tail * this.unit < this.end) this.#gap(this.end / this.unit);
    this.finished = true;
  }

  /** Bytes of guest disk of a kind; those of UNALLOCATED are complete once finished. */
  bytesOf(kind: number): number {
    const bytes = (this.#units[kind] as number) * this.unit;
    const over = this.#tail * this.unit - this.end;
    return over > 0 && this.count > 0 && this.kindAt(this.count - 1) === kind ? bytes - over : bytes;
  }

  /** How many rows of one kind there are (gaps, of UNALLOCATED). */
  countOf(kind: number): number {
    return this.#counts[kind] as number;
  }

  /** How many rows and gaps the kinds of `mask` (one bit a kind) have. */
  countIn(mask: number): number {
    let sum = 0;
    for (let kind = 0; kind < KINDS; kind++) if ((mask >>> kind) & 1) sum += this.#counts[kind] as number;
    return sum;
  }

  /** The row, or gap, at place `index` among those that `mask` shows; NOWHERE past the last one. */
  select(mask: number, index: number): number {
    if (index < 0 || index >= this.countIn(mask)) return NOWHERE;
    let low = 0;
    let high = Math.max(Math.ceil(this.count / BLOCK) - 1, 0);
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#shownBefore(middle, mask) <= index) low = middle;
      else high = middle - 1;
    }
    let left = index - (this.count > 0 ? this.#shownBefore(low, mask) : 0);
    const stop = Math.min((low + 1) * BLOCK, this.count);
    const gaps = (mask & (1 << UNALLOCATED)) !== 0;
    for (let row = low * BLOCK; row < stop; row++) {
      if (gaps && this.hasGapBefore(row) && left-- === 0) return ~row;
      if ((mask >>> this.kindAt(row)) & 1 && left-- === 0) return row;
    }
    return ~this.count;
  }

  /** How many rows and gaps that `mask` shows stand before row `row` and the gap before it. */
  rank(mask: number, row: number): number {
    if (row >= this.count) {
      const endGap = this.finished && this.hasGapBefore(this.count) && (mask & (1 << UNALLOCATED)) !== 0;
      return this.countIn(mask) - (endGap ? 1 : 0);
    }
    const block = row >>> BLOCK_BITS;
    let shown = this.#shownBefore(block, mask);
    const gaps = (mask & (1 << UNALLOCATED)) !== 0;
    for (let r = block * BLOCK; r < row; r++) {
      if (gaps && this.hasGapBefore(r)) shown++;
      shown += (mask >>> this.kindAt(r)) & 1;
    }
    return shown;
  }

  /** The last row that starts at or before the guest byte; -1 when there is none. */
  rowAtOrBefore(guest: number): number {
    const unit = guest / this.unit;
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.guestAt(middle) <= unit) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  hasGapBefore(row: number): boolean {
    const start = row === 0 ? 0 : this.guestAt(row - 1) + this.lengthAt(row - 1);
    if (row < this.count) return this.guestAt(row) > start;
    return start * this.unit < this.end;
  }

  /** Bytes. */
  gapBefore(row: number): { guest: number; length: number } {
    const guest = (row === 0 ? 0 : this.guestAt(row - 1) + this.lengthAt(row - 1)) * this.unit;
    const end = row < this.count ? this.guestAt(row) * this.unit : this.end;
    return { guest, length: end - guest };
  }

  kindAt(row: number): number {
    return this.chunkOf(row).kind.at(row & (CHUNK - 1));
  }

  /** Units, as the others. */
  guestAt(row: number): number {
    return this.chunkOf(row).guest.at(row & (CHUNK - 1));
  }

  lengthAt(row: number): number {
    return this.chunkOf(row).length.at(row & (CHUNK - 1));
  }

  hostAt(row: number): number {
    return this.chunkOf(row).host.at(row & (CHUNK - 1));
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  /** Rows of chunk `index`. */
  chunkCount(index: number): number {
    return Math.min(this.count - index * CHUNK, CHUNK);
  }

  /** Gives the rows of a sealed chunk other host units. */
  placeRows(index: number, hosts: Float64Array): void {
    const chunk = this.#chunks[index] as Chunk;
    this.#chunks[index] = { ...chunk, host: Packed.of(hosts, this.chunkCount(index)) };
  }

  /** Forgets a chunk's rows, to make room; nothing may ask for them again. */
  drop(index: number): void {
    delete this.#chunks[index];
  }

  private chunkOf(row: number): Chunk {
    return this.#chunks[row >>> CHUNK_BITS] as Chunk;
  }

  #gap(end: number): void {
    this.#counts[UNALLOCATED] = (this.#counts[UNALLOCATED] as number) + 1;
    this.#units[UNALLOCATED] = (this.#units[UNALLOCATED] as number) + end - this.#tail;
  }

  #openChunk(): void {
    this.#chunks.push({
      kind: Packed.open(this.#kinds),
      guest: Packed.open(this.#guests),
      length: Packed.open(this.#lengths),
      host: Packed.open(this.#hosts),
    });
  }

  #seal(rows: number): void {
    this.#chunks[this.#chunks.length - 1] = {
      kind: Packed.of(this.#kinds, rows),
      guest: Packed.of(this.#guests, rows),
      length: Packed.of(this.#lengths, rows),
      host: Packed.of(this.#hosts, rows),
    };
  }

  #openBlock(block: number): void {
    if ((block + 1) * KINDS > this.#before.length) {
      const longer = new Uint32Array(this.#before.length * 2);
      longer.set(this.#before);
      this.#before = longer;
    }
    this.#before.set(this.#counts, block * KINDS);
  }

  #shownBefore(block: number, mask: number): number {
    let sum = 0;
    for (let kind = 0; kind < KINDS; kind++) {
      if ((mask >>> kind) & 1) sum += this.#before[block * KINDS + kind] as number;
    }
    return sum;
  }
}
