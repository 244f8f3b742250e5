/**
 * QED's tables: reading them in pieces, and turning L2 entries into runs. The loop in `RunDecoder.entries` sees every
 * entry of a disk (16.8 million at 1 TiB), so it compares each entry's halves with the one that would continue the
 * open run and does arithmetic only where a run begins. QED is little-endian like every machine Node's typed arrays
 * are fast on: an Int32Array over the bytes as read gives [lo, hi] pairs. `decodeOne` says the same slowly, from the
 * declared layout; test/drivers/qed holds one to the other.
 *
 * Invariants:
 *  1. An entry equal to the file's end is invalid, never a run's continuation.
 *  2. The last row of the columns is the open run; its length is complete only after `close`.
 */
import { decodeEntry, hasReservedBits } from '../../bytes/bits.ts';
import { DATA, ExtentColumns, INVALID, UNALLOCATED, ZERO } from '../../bytes/extents.ts';
import type { Device } from '../../device/device.ts';
import type { MappingRows } from '../driver.ts';
import { clusterFault, type Geometry, guestClusters, tableFault } from './geometry.ts';
import { L2Entry } from './layout.ts';

/** Entries read at a time: 256 KiB, one table of QEMU's default shape. */
export const PIECE_ENTRIES = 32_768;

/** A stretch of a table, as [lo, hi] pairs of 32-bit halves. */
export interface Piece {
  /** Reused by the next piece. */
  readonly words: Int32Array;
  /** Index of the first entry in its table. */
  readonly first: number;
  /** Entries. */
  readonly count: number;
}

/** Reads tables in pieces of at most `entries`, into one buffer. */
export class TableReader {
  readonly #device: Device;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  constructor(device: Device, entries: number) {
    this.#device = device;
    this.#bytes = new Uint8Array(entries * 8);
    this.#words = new Int32Array(this.#bytes.buffer);
  }

  /** Entries `from` .. `to` - 1 of the table at `offset` (bytes). */
  *pieces(offset: number, from: number, to: number): Generator<Piece> {
    const most = this.#words.length / 2;
    for (let first = from; first < to; first += most) {
      const count = Math.min(most, to - first);
      this.#device.read(offset + first * 8, this.#bytes.subarray(0, count * 8));
      yield { words: this.#words, first, count };
    }
  }
}

/** An entry's value as a double: exact for every aligned offset, and for an unaligned one below 2^53. */
export function entryValue(words: Int32Array, index: number): number {
  return ((words[2 * index + 1] as number) >>> 0) * 2 ** 32 + ((words[2 * index] as number) >>> 0);
}

/** One L2 entry from its declaration: its kind, and the host offset (bytes) it names when it is data. */
export function decodeOne(g: Geometry, hi: number, lo: number): { kind: number; host: number } {
  const { zero, offset } = decodeEntry(L2Entry, hi, lo);
  if (hasReservedBits(L2Entry, hi, lo) || (zero === 1 && offset !== 0)) return { kind: INVALID, host: 0 };
  if (offset === 0) return { kind: zero === 1 ? ZERO : UNALLOCATED, host: 0 };
  return clusterFault(g, offset) === undefined ? { kind: DATA, host: offset } : { kind: INVALID, host: 0 };
}

/** In place of a kind: before the first entry, and inside a gap that is no row. */
const NOTHING_YET = -2;
const NO_ROW = -1;

/** Gathers entries and gaps, in guest order, into maximal runs. */
export class RunDecoder {
  readonly columns: ExtentColumns;
  readonly #g: Geometry;
  /** Closed rows that make a batch. */
  readonly #batch: number;
  /** The entry that would continue the open run; the value 2, which is invalid, where that run is invalid. */
  #nextLo = 0;
  #nextHi = 0;
  /** Whether unallocated runs are rows; where they are not, `#inGap` says that no run is open. */
  readonly #gaps: boolean;
  #inGap = false;

  /** `end` (guest bytes) clips the last row; a batch holds at least `batch` rows, a piece at most `piece` entries. */
  constructor(g: Geometry, end: number, batch: number, piece: number, kept: MappingRows = 'all') {
    this.#gaps = kept === 'all';
    this.#g = g;
    this.#batch = batch;
    const rows = Math.min(batch + piece, guestClusters(g)) + 2;
    this.columns = new ExtentColumns(g.clusterSize, end, g.fileEnd, rows);
  }

  /** Whether a batch is complete; `take` it before decoding on. */
  get full(): boolean {
    return this.columns.count > this.#batch;
  }

  /** The closed rows. The open run stays for the next batch, which begins with `keep`. */
  take(): ExtentColumns {
    if (!this.#inGap) this.columns.count--;
    return this.columns;
  }

  /** Begins the next batch with the run that was open when the last one was taken. */
  keep(): void {
    const { columns } = this;
    const i = columns.count;
    columns.count = 0;
    if (this.#inGap) return;
    columns.push(
      columns.kind[i] as number,
      columns.guest[i] as number,
      columns.length[i] as number,
      columns.host[i] as number,
    );
  }

  /** `length` clusters from `guest` (in clusters) that no entry says anything about but `kind`, which has no host. */
  gap(kind: number, guest: number, length: number): void {
    const { columns } = this;
    const open = columns.count - 1;
    const inGap = this.#inGap;
    this.#inGap = kind === UNALLOCATED && !this.#gaps;
    if (this.#inGap) this.#nextLo = 0;
    else if (open >= 0 && !inGap && columns.kind[open] === kind)
      columns.length[open] = (columns.length[open] as number) + length;
    else columns.push(kind, guest, length, 0);
    this.#nextLo = kind === INVALID ? 2 : 0;
    this.#nextHi = 0;
  }

  /** Entries `first` .. `first + count` - 1 of `words`, for the guest clusters from `guest` on. */
  entries(words: Int32Array, first: number, count: number, guest: number): void {
    const { columns } = this;
    const { kind: kinds, guest: guests, length: lengths, host: hosts } = columns;
    const { clusterSize, clusterBits, headerBytes, fileEnd } = this.#g;
    const alignMask = clusterSize - 1;
    const hostScale = 2 ** (32 - clusterBits);
    const endLo = (fileEnd % 2 ** 32) | 0;
    const endHi = Math.floor(fileEnd / 2 ** 32) | 0;
    let open = columns.count - 1;
    const gaps = this.#gaps;
    const begun = open >= 0 || this.#inGap;
    let kind = this.#inGap ? NO_ROW : open >= 0 ? (kinds[open] as number) : NOTHING_YET;
    let length = kind >= 0 ? (lengths[open] as number) : 0;
    let step = kind === DATA ? clusterSize : 0;
    let nextLo = begun ? this.#nextLo : 2;
    let nextHi = this.#nextHi;
    const last = (first + count) * 2;
    for (let o = first * 2; o < last; o += 2) {
      const lo = words[o] as number;
      const hi = words[o + 1] as number;
      if (lo === nextLo && hi === nextHi && kind > NOTHING_YET && (lo !== endLo || hi !== endHi)) {
        length++;
        if (step !== 0) {
          nextLo = (nextLo + step) | 0;
          if (nextLo === 0) nextHi = (nextHi + 1) | 0;
        }
        continue;
      }
      let begins = UNALLOCATED;
      let host = 0;
      nextLo = lo;
      nextHi = hi;
      step = 0;
      if (hi !== 0 || (lo & ~1) !== 0) {
        const offset = (hi >>> 0) * 2 ** 32 + (lo >>> 0);
        if ((lo & alignMask) === 0 && offset >= headerBytes && offset < fileEnd) {
          begins = DATA;
          host = hi * hostScale + (lo >>> clusterBits);
          step = clusterSize;
          nextLo = (lo + clusterSize) | 0;
          if (nextLo === 0) nextHi = (hi + 1) | 0;
        } else {
          begins = INVALID;
          nextLo = 2;
          nextHi = 0;
        }
      } else if (lo === 1) {
        begins = ZERO;
      }
      if (begins === INVALID && kind === INVALID) {
        length++;
        continue;
      }
      if (kind >= 0) lengths[open] = length;
      if (begins === UNALLOCATED && !gaps) {
        kind = NO_ROW;
        continue;
      }
      open++;
      kinds[open] = begins;
      guests[open] = guest + ((o >> 1) - first);
      hosts[open] = host;
      kind = begins;
      length = 1;
    }
    if (kind >= 0) lengths[open] = length;
    columns.count = open + 1;
    this.#inGap = kind === NO_ROW;
    this.#nextLo = nextLo;
    this.#nextHi = nextHi;
  }
}

/** The runs of guest clusters `from` .. `to` - 1, in batches; `end` (bytes) clips the last. */
export function* runs(
  device: Device,
  g: Geometry,
  range: { readonly from: number; readonly to: number; readonly end: number },
  size: { readonly batch: number; readonly piece: number },
  kept: MappingRows = 'all',
): Generator<ExtentColumns> {
  if (range.from >= range.to) return;
  const n = g.tableEntries;
  const piece = Math.min(size.piece, n, range.to - range.from);
  const decoder = new RunDecoder(g, range.end, Math.min(size.batch, range.to - range.from), piece, kept);
  const l1Reader = new TableReader(device, piece);
  const l2Reader = new TableReader(device, piece);
  for (const l1 of l1Reader.pieces(g.l1Offset, Math.floor(range.from / n), Math.ceil(range.to / n))) {
    for (let i = 0; i < l1.count; i++) {
      const base = (l1.first + i) * n;
      const from = Math.max(range.from - base, 0);
      const to = Math.min(range.to - base, n);
      const kind = slotKind(g, l1.words, i);
      if (kind === DATA) {
        for (const l2 of l2Reader.pieces(entryValue(l1.words, i), from, to)) {
          decoder.entries(l2.words, 0, l2.count, base + l2.first);
          if (decoder.full) {
            yield decoder.take();
            decoder.keep();
          }
        }
      } else {
        decoder.gap(kind, base + from, to - from);
        if (decoder.full) {
          yield decoder.take();
          decoder.keep();
        }
      }
    }
  }
  yield decoder.columns;
}

/** What an L1 entry says of its whole span: nothing allocated, invalid, or (DATA) look into the table. */
function slotKind(g: Geometry, words: Int32Array, index: number): number {
  const offset = entryValue(words, index);
  if (offset === 0) return UNALLOCATED;
  return tableFault(g, offset) === undefined ? DATA : INVALID;
}
