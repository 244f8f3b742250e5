/**
 * From a guest range to its runs: reads the L1 table in bounded pieces, skips what it leaves out, reads L2 tables (up
 * to 1 MiB at once where they are neighbours in the file) and hands their entries to the decoder.
 *
 *  1. Memory is bounded whatever the image: two buffers and one batch of columns.
 *  2. A stretch without L2 tables costs nothing per cluster; L1 entries behind the end of the file cost nothing at all.
 *  3. It yields at least once per MiB of L2 tables, an empty batch if need be: the caller can always stop.
 */
import { ExtentColumns, hasHost, INVALID, UNALLOCATED } from '../../bytes/extents.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { MappingRows } from '../driver.ts';
import { type Geometry, SUBCLUSTERS } from './geometry.ts';
import { L1Entry } from './layout.ts';
import { RunDecoder } from './tables.ts';

/** Bytes of L2 tables read at once, and decoded at once: what stays in the processor's cache. */
const READ = 1024 * 1024;
const BLOCK = 64 * 1024;
/** An extended table's block is smaller: each entry of 16 bytes can give 32 runs. */
const EXTENDED_BLOCK = 8 * 1024;
/** L1 entries read at once. */
const L1_PIECE = 8192;

/** An L1 table in pieces. Slots behind the end of the file, or of the table, are zero. */
export class L1Reader {
  readonly #device: Device;
  readonly #offset: number;
  /** Slots that the file holds. */
  readonly present: number;
  #first = 0;
  #view: DataView | undefined;

  constructor(device: Device, offset: number, entries: number) {
    this.#device = device;
    this.#offset = offset;
    this.present = Math.max(0, Math.min(entries, Math.ceil((device.size - offset) / 8)));
  }

  hi(slot: number): number {
    return slot < this.present ? this.#piece(slot).getInt32((slot - this.#first) * 8) : 0;
  }

  lo(slot: number): number {
    return slot < this.present ? this.#piece(slot).getInt32((slot - this.#first) * 8 + 4) : 0;
  }

  /** The first slot in `from` .. `to` - 1 that is not zero, or `to`. */
  nextSet(from: number, to: number): number {
    const end = Math.min(to, this.present);
    for (let slot = from; slot < end; slot++) {
      if ((this.hi(slot) | this.lo(slot)) !== 0) return slot;
    }
    return to;
  }

  #piece(slot: number): DataView {
    if (!this.#view || slot < this.#first || slot >= this.#first + L1_PIECE) {
      this.#first = slot - (slot % L1_PIECE);
      const count = Math.min(L1_PIECE, this.present - this.#first);
      this.#view = new DataView(readBytes(this.#device, this.#offset + this.#first * 8, count * 8).buffer);
    }
    return this.#view;
  }
}

/** An L1 entry seen by the walk: the L2 table's offset in bytes, or one of the two. */
export const NO_TABLE = 0;
export const BAD_TABLE = -1;

/** Where slot's L2 table lies, NO_TABLE, or BAD_TABLE when the entry breaks a rule. */
export function tableAt(l1: L1Reader, slot: number, g: Geometry, fileSize: number): number {
  const hi = l1.hi(slot);
  const lo = l1.lo(slot);
  if ((hi | lo) === 0) return NO_TABLE;
  if (((hi & L1Entry.reserved.hi) | (lo & L1Entry.reserved.lo)) !== 0) return BAD_TABLE;
  const offset = (hi & L1Entry.mask.offset.hi) * 2 ** 32 + (lo >>> 0);
  return offset < fileSize && (lo & (g.clusterSize - 1)) === 0 ? offset : BAD_TABLE;
}

/** Which L1 table, and which part of what it maps: guest bytes, from a unit's border. */
export interface WalkRange {
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly from: number;
  readonly to: number;
}

export class TableWalk {
  readonly #device: Device;
  readonly #g: Geometry;
  readonly #range: WalkRange;
  readonly #l1: L1Reader;
  readonly #decoder: RunDecoder;
  readonly #out: ExtentColumns;
  readonly #blockEntries: number;
  readonly #perEntry: number;
  #chunk: number;
  #buffer: Buffer = Buffer.alloc(0);
  #words: Int32Array = new Int32Array(0);
  /** Bytes decoded between two yields, and since the last one. */
  readonly #pace: number;
  #since = 0;
  /** Bytes of L2 entries decoded so far. */
  decoded = 0;
  /** Guest bytes: where the walk stands. What lies before it is in batches handed over, or in the run still open. */
  reached = 0;

  /** `firstRead`: bytes of L2 entries of the first read; each read after it is four times as long, up to 1 MiB. */
  constructor(device: Device, g: Geometry, range: WalkRange, firstRead = READ, rows: MappingRows = 'all') {
    this.#device = device;
    this.#g = g;
    this.#range = range;
    this.#l1 = new L1Reader(device, range.l1Offset, range.l1Entries);
    const extended = g.l2EntrySize === 16;
    this.#perEntry = extended ? SUBCLUSTERS : 1;
    this.#chunk = firstRead;
    this.#pace = firstRead;
    const block = Math.min(extended ? EXTENDED_BLOCK : BLOCK, this.#chunk);
    this.#blockEntries = block / g.l2EntrySize;
    const hostEnd = g.dataFile ? range.to : device.size + g.clusterSize;
    const unit = g.clusterSize / this.#perEntry;
    this.#out = new ExtentColumns(unit, range.to, hostEnd, 2 * this.#blockEntries * this.#perEntry + 2);
    this.#decoder = new RunDecoder(g, device.size, this.#out, rows);
  }

  /** The runs of the range. The batch is reused: consume it before asking for the next. */
  *runs(): Generator<ExtentColumns, void> {
    const { l2Entries, l2EntrySize, clusterSize } = this.#g;
    const out = this.#out;
    const to = Math.ceil(this.#range.to / clusterSize);
    const lastSlot = Math.ceil(to / l2Entries);
    for (let cluster = Math.floor(this.#range.from / clusterSize); cluster < to; ) {
      const slot = Math.floor(cluster / l2Entries);
      const table = tableAt(this.#l1, slot, this.#g, this.#device.size);
      if (table > 0) {
        const entries = this.#load(slot, table, cluster, to);
        for (let done = 0; done < entries; done += this.#blockEntries) {
          const count = Math.min(this.#blockEntries, entries - done);
          this.#decode(done, count, cluster + done);
          // Room for one more block and the end of a run, else hand over what there is.
          if (out.count > out.capacity / 2) yield* this.#flush();
        }
        cluster += entries;
        this.decoded += entries * l2EntrySize;
        this.#since += entries * l2EntrySize;
      } else {
        const next = table === NO_TABLE ? this.#l1.nextSet(slot + 1, lastSlot) : slot + 1;
        this.#decoder.stretch(table === NO_TABLE ? UNALLOCATED : INVALID, cluster * this.#perEntry);
        cluster = next * l2Entries;
      }
      this.reached = cluster * clusterSize;
      if (this.#since >= this.#pace || out.count > out.capacity / 2) yield* this.#flush();
    }
    this.#decoder.close(to * this.#perEntry);
    yield* this.#flush();
  }

  *#flush(): Generator<ExtentColumns, void> {
    if (this.#perEntry > 1) this.#cutSubclusters();
    yield this.#out;
    this.#out.count = 0;
    this.#since = 0;
  }

  /** Subclusters of the first and last cluster may lie outside the range. */
  #cutSubclusters(): void {
    const { guest, length, host, kind, unit } = this.#out;
    const from = Math.floor(this.#range.from / unit);
    const to = Math.ceil(this.#range.to / unit);
    const rows = this.#out.count;
    this.#out.count = 0;
    for (let i = 0; i < rows; i++) {
      const start = Math.max(guest[i] as number, from);
      const end = Math.min((guest[i] as number) + (length[i] as number), to);
      const at = kind[i] as number;
      const skipped = hasHost(at) ? start - (guest[i] as number) : 0;
      if (start < end) this.#out.push(at, start, end - start, (host[i] as number) + skipped);
    }
  }

  /** Reads entries from `cluster` on, of this table and of those that follow it in the file. Answers how many. */
  #load(slot: number, table: number, cluster: number, to: number): number {
    const { l2Entries, l2EntrySize, clusterSize } = this.#g;
    const first = cluster - slot * l2Entries;
    const most = Math.min(this.#chunk / l2EntrySize, to - cluster);
    let entries = l2Entries - first;
    for (let next = 1; entries < most; next++) {
      if (tableAt(this.#l1, slot + next, this.#g, this.#device.size) !== table + next * clusterSize) break;
      entries += l2Entries;
    }
    entries = Math.min(entries, most);
    const bytes = entries * l2EntrySize;
    if (this.#buffer.length < bytes) {
      const whole = Math.ceil(Math.min(this.#chunk, bytes * 2) / 8) * 8;
      this.#buffer = Buffer.from(new ArrayBuffer(Math.max(bytes, whole)));
      this.#words = new Int32Array(this.#buffer.buffer);
    }
    this.#device.read(table + first * l2EntrySize, this.#buffer.subarray(0, bytes));
    this.#chunk = Math.min(READ, this.#chunk * 4);
    return entries;
  }

  #decode(first: number, count: number, cluster: number): void {
    const { l2EntrySize } = this.#g;
    const from = first * l2EntrySize;
    const to = from + count * l2EntrySize;
    this.#buffer.subarray(from, to).swap64();
    const words = this.#words.subarray(from / 4, to / 4);
    if (l2EntrySize === 16) this.#decoder.extended(words, count, cluster);
    else this.#decoder.standard(words, count, cluster);
  }
}
