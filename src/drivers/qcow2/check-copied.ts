/**
 * Check, last walk: COPIED (bit 63) of active L1 and L2 entries says exactly whether the refcount in the file is 1.
 * QEMU trusts the flag when it writes: a cluster marked COPIED is overwritten in place, whoever else uses it. Like
 * QEMU this compares with the refcount as stored, so one wrong refcount may count twice: here and as a mismatch.
 *
 * This walk is left out where it could find nothing (`copiedMayBeWrong`), which spares honest images a second reading
 * of all L2 tables.
 */
import { ClusterBitmap, PAGE_BITS, PAGE_WORDS } from '../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../bytes/progress.ts';
import { hex, hex64 } from '../../bytes/size.ts';
import type { Where } from '../../errors.ts';
import { type Claims, COPIED } from './check-claims.ts';
import type { L1Tables } from './check-l1.ts';
import { L2Reader } from './check-l2.ts';
import { type L2Rules, whereOfEntry } from './check-l2-entry.ts';
import { type L2Piece, l2Pieces } from './check-l2-pieces.ts';
import { BLOCK_PIECE, decodeCounters, type RefcountTable } from './check-refcount-table.ts';
import { refcountBits } from './geometry.ts';
import { L1Entry, L2Entry } from './layout.ts';

/**
 * Whether a COPIED flag can disagree with its refcount: not when every active entry has the flag, every reference was
 * counted, no cluster is referenced twice and every refcount is what was counted (and so 1).
 */
export function copiedMayBeWrong(claims: Claims, l1: L1Tables, l2: L2Rules, allEqual: boolean): boolean {
  return l1.anyWithoutCopied || l2.anyWithoutCopied || claims.anyPastEnd || !allEqual || claims.counts.anyShared;
}

export function* checkCopied(claims: Claims, l1: L1Tables, table: RefcountTable): Generator<Progress, void> {
  const refcounts = new StoredRefcounts(claims, table);
  checkL1(claims, l1, refcounts);
  const reader = new L2Reader(claims);
  let done = 0;
  for (const piece of l2Pieces(claims, l1, true)) {
    // QEMU leaves out the header, should an L1 entry without an offset make it a table, and the entries of a table
    // whose own refcount it cannot read.
    if (piece.active === 0 || piece.table === 0) continue;
    if (refcounts.isOne(Math.floor(piece.table / claims.g.clusterSize)) === undefined) continue;
    checkEntries(reader.read(piece), piece, claims, l1, refcounts);
    if (++done % 64 === 0) yield { what: 'copied flags', done, total: Math.max(done, l1.activeEntries) };
  }
}

const NO_ONES = new Int32Array(PAGE_WORDS);

/** Whether refcounts as stored are exactly 1: a bit for each cluster of the file, others looked up. */
export class StoredRefcounts {
  /** For loops: bit n of word n / 32 of the page n / 2^20, for every cluster n of the file below 2^31. */
  readonly pages: readonly Int32Array[];
  readonly #ones = new ClusterBitmap();
  readonly #clusters: number;
  readonly #table: RefcountTable;
  readonly #allReadable: boolean;

  constructor({ device, g, clusters }: Claims, table: RefcountTable) {
    this.#table = table;
    this.#clusters = clusters;
    const piece = Buffer.alloc(BLOCK_PIECE);
    const blocks = Math.min(Math.ceil(clusters / g.refcountsPerBlock), table.entries);
    let readable = true;
    for (let i = 0; i < blocks; i++) {
      if (!table.readable(i)) readable = false;
      else if (table.block(i) !== 0) {
        for (let at = 0; at < g.clusterSize; at += piece.length) {
          const bytes = piece.subarray(0, Math.min(piece.length, g.clusterSize - at));
          const first = i * g.refcountsPerBlock + (at * 8) / refcountBits(g);
          if (first >= clusters) break;
          device.read(table.block(i) + at, bytes);
          this.#note(decodeCounters(bytes, g.refcountOrder), first);
        }
      }
    }
    this.#allReadable = readable;
    const count = Math.ceil(Math.min(clusters, 2 ** 31) / 2 ** PAGE_BITS);
    this.pages = Array.from({ length: count }, (_, number) => this.#ones.pageAt(number) ?? NO_ONES);
  }

  /** All counters of a piece lie in one page of the bitmap. */
  #note(counters: ArrayLike<number>, first: number): void {
    const offset = first % 2 ** PAGE_BITS;
    let words: Int32Array = NO_ONES;
    for (let i = 0; i < counters.length; i++) {
      if (counters[i] !== 1) continue;
      if (words === NO_ONES) words = this.#ones.page(first);
      const at = offset + i;
      words[at >>> 5] = (words[at >>> 5] as number) | (1 << (at & 31));
    }
  }

  /** Undefined where the refcount cannot be read. */
  isOne(cluster: number): boolean | undefined {
    if (cluster < this.#clusters && this.#allReadable) return this.#ones.has(cluster);
    const count = this.#table.get(cluster);
    return count === undefined ? undefined : count === 1;
  }

  text(cluster: number): string {
    return this.#table.text(cluster);
  }
}

function checkL1(claims: Claims, l1: L1Tables, refcounts: StoredRefcounts): void {
  const { mask } = L1Entry;
  for (const { words, count, offset: start } of l1.activeBatches()) {
    for (let i = 0; i < count; i++) {
      const lo = words[2 * i] as number;
      const hi = words[2 * i + 1] as number;
      const offset = ((hi & mask.offset.hi) >>> 0) * 2 ** 32 + ((lo & mask.offset.lo) >>> 0);
      if (offset === 0) continue;
      const cluster = Math.floor(offset / claims.g.clusterSize);
      const one = refcounts.isOne(cluster);
      if (one === undefined || one === ((hi & COPIED) !== 0)) continue;
      report(claims, 'l1', 1, hex64(hi, lo), offset, refcounts.text(cluster), () => l1.whereOf(start + 8 * i, true));
    }
  }
}

function checkEntries(
  words: Int32Array,
  piece: L2Piece,
  claims: Claims,
  l1: L1Tables,
  refcounts: StoredRefcounts,
): void {
  const stride = claims.g.l2EntrySize / 4;
  for (let o = 0; o < words.length; o += stride) {
    if (!claims.g.dataFile) o = skipRight(words, o, stride, claims, refcounts);
    if (o >= words.length) return;
    const lo = words[o] as number;
    const hi = words[o + 1] as number;
    const offset = clusterOffset(claims, hi, lo);
    const copied = (hi & COPIED) !== 0;
    if (offset === undefined) continue;
    const cluster = Math.floor(offset / claims.g.clusterSize);
    const one = claims.g.dataFile ? true : refcounts.isOne(cluster);
    if (one === undefined || one === copied) continue;
    const refcount = claims.g.dataFile ? '1 by definition (external data file)' : refcounts.text(cluster);
    report(claims, 'l2', piece.active, hex64(hi, lo), offset, refcount, () => whereOfEntry(claims, l1, piece, 4 * o));
  }
}

/** Skips empty entries and plain ones whose flag is right, from word `from`; answers the next word to look at. */
function skipRight(
  words: Int32Array,
  from: number,
  stride: number,
  claims: Claims,
  refcounts: StoredRefcounts,
): number {
  const { oddHi, oddLo, up, down, limit } = claims.plain;
  const { pages } = refcounts;
  let o = from;
  for (; o < words.length; o += stride) {
    const lo = words[o] as number;
    const hi = words[o + 1] as number;
    if ((hi | lo) === 0) continue;
    const cluster = (hi << up) | (lo >>> down);
    if (((hi & oddHi) | (lo & oddLo)) !== 0 || cluster === 0 || cluster >= limit) break;
    const one = ((pages[cluster >>> 20] as Int32Array)[(cluster >>> 5) & 0x7fff] as number) >>> (cluster & 31);
    if (((one ^ (hi >>> 31)) & 1) !== 0) break;
  }
  return o;
}

/** The host offset of a data or zero cluster (bytes); undefined where the entry has none. */
export function clusterOffset({ g }: Claims, hi: number, lo: number): number | undefined {
  const { mask } = L2Entry;
  if ((hi & mask.compressed.hi) !== 0) return undefined;
  const offset = ((hi & mask.offset.hi) >>> 0) * 2 ** 32 + ((lo & mask.offset.lo) >>> 0);
  if (offset !== 0) return offset;
  const zero = g.l2EntrySize === 8 && (lo & mask.zero.lo) !== 0;
  return g.dataFile && !zero && (hi & COPIED) !== 0 ? 0 : undefined;
}

function report(
  claims: Claims,
  level: 'l1' | 'l2',
  times: number,
  entry: string,
  offset: number,
  refcount: string,
  where: () => Where,
): void {
  claims.log.addLazily('corruption', times, () => {
    const set = refcount !== '1' && !refcount.startsWith('1 ');
    return {
      code: `${level}-copied`,
      severity: 'corruption',
      class: 'consistency',
      where: where(),
      what: `${level.toUpperCase()} entry ${entry} has COPIED (bit 63) ${set ? 'set' : 'clear'}, but the refcount of the cluster at ${hex(offset)} is ${refcount}: the flag is expected exactly where it is 1`,
      means: set ? 'a write would go to a cluster that others may use' : 'a write copies the cluster without need',
      qemuCount: times,
    };
  });
}
