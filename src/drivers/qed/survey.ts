/**
 * One pass over every table of a QED image, as `qemu-img check` makes it: which clusters are claimed, by what, and
 * which entries break a rule. `check`, the conversion options and the regions are all told from it.
 *
 * Invariants:
 *  1. The order is QEMU's (L1 table, then each L2 table and its entries), so that which of two claims is the second
 *     one, and with it every count, is QEMU's too.
 *  2. A table that shares a cluster with an earlier claim is not read: every cluster of the file is read as a table
 *     at most once, however many L1 entries point at it.
 *  3. Memory is two bits per cluster that is claimed, plus the list of tables.
 */
import { ClusterBitmap, PAGE_BITS } from '../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../bytes/progress.ts';
import { hex, hex64 } from '../../bytes/size.ts';
import type { Device } from '../../device/device.ts';
import type { Where } from '../../errors.ts';
import { FINDING_LIMIT, FindingLog } from '../finding.ts';
import { WantedReferences } from '../two-level/wanted-references.ts';
import { clusterFault, type Geometry, guestClusters, l1EntriesFor, type OffsetFault, tableFault } from './geometry.ts';
import { l1Where } from './header.ts';
import { ZERO_CLUSTER } from './layout.ts';
import { findReferences } from './references.ts';
import { entryValue, PIECE_ENTRIES, TableReader } from './tables.ts';

/** A table that was read, or at least claimed clusters that nothing had claimed before. */
export interface TablePlace {
  /** Bytes. */
  readonly offset: number;
  /** Index in the L1 table; -1 is the L1 table itself. */
  readonly index: number;
}

/** How much is decoded between two reports of progress: about two milliseconds. */
const ENTRIES_PER_STEP = 2 ** 17;
/** Clusters that 32-bit operators can compute with. */
const NEAR = 2 ** 31;
const PAGE_MASK = 2 ** PAGE_BITS - 1;

export class Survey {
  readonly log = new FindingLog();
  readonly #wanted = new WantedReferences();
  /** Clusters that something refers to, and those that more than one thing refers to. */
  readonly used = new ClusterBitmap();
  readonly twice = new ClusterBitmap();
  readonly tables: TablePlace[] = [];
  /** Entries with an offset, as QEMU counts them: beyond the disk's end and invalid ones too. */
  allocated = 0;
  fragmented = 0;
  zeros = 0;
  invalid = 0;
  shared = 0;
  /** Entries that say something about clusters behind the disk's end. */
  pastDisk = 0;
  readonly #device: Device;
  readonly #g: Geometry;
  /** OR of all starts and ends of data runs, guest and host, in clusters: its lowest bit is their alignment. */
  #edges = 0;
  /** Pages of `used` by number, for clusters below NEAR: one look-up per entry. */
  readonly #pages: (Int32Array | undefined)[] = [];
  /** Whether the guest cluster before is data. */
  #inData = false;
  /** Whether this table has had an entry with an offset: QEMU counts fragments within one table, and across holes. */
  #before = false;
  /** The entry that would continue the last one with an offset. */
  #nextLo = 0;
  #nextHi = 0;
  /** Bytes: the L2 table being read. */
  #table = 0;

  constructor(device: Device, g: Geometry) {
    this.#device = device;
    this.#g = g;
  }

  /**
   * Bytes: the largest power of two dividing guest and host start of every data run, and its length but for one that
   * ends with the disk. 2^62 when there is no data to constrain it.
   */
  get alignment(): number {
    return this.#edges === 0 ? 2 ** 62 : this.#g.clusterSize * ((this.#edges & -this.#edges) >>> 0);
  }

  *run(): Generator<Progress, void> {
    const g = this.#g;
    this.#claimTable(g.l1Offset, -1);
    const reader = new TableReader(this.#device, Math.min(PIECE_ENTRIES, g.tableEntries));
    const l2Reader = new TableReader(this.#device, Math.min(PIECE_ENTRIES, g.tableEntries));
    const onDisk = l1EntriesFor(g);
    let reported = 0;
    let entries = 0;
    for (const l1 of reader.pieces(g.l1Offset, 0, g.tableEntries)) {
      for (let i = 0; i < l1.count; i++) {
        const index = l1.first + i;
        if (entryValue(l1.words, i) === 0) {
          this.#endData(index * g.tableEntries);
          continue;
        }
        if (index >= onDisk) this.pastDisk++;
        if (!this.#l1Entry(l1.words, i, index)) {
          this.#endData(index * g.tableEntries);
          continue;
        }
        this.#table = entryValue(l1.words, i);
        for (const piece of l2Reader.pieces(this.#table, 0, g.tableEntries)) {
          this.#piece(piece.words, piece.count, index, piece.first);
          entries += piece.count;
          if (entries - reported < ENTRIES_PER_STEP) continue;
          reported = entries;
          yield { what: 'l2 tables', done: index, total: Math.max(onDisk, index + 1) };
        }
      }
      yield { what: 'l2 tables', done: Math.min(l1.first + l1.count, onDisk), total: onDisk };
    }
    const read = new Set(this.tables.map(({ index }) => index));
    yield* findReferences(this.#device, g, this.#wanted, (index) => read.has(index));
  }

  /** Whether the entry's table is to be read. */
  #l1Entry(words: Int32Array, i: number, index: number): boolean {
    const offset = entryValue(words, i);
    const fault = tableFault(this.#g, offset);
    if (fault === undefined) return this.#claimTable(offset, index);
    this.invalid++;
    const value = hex64(words[2 * i + 1] as number, words[2 * i] as number);
    this.log.add({
      code: 'l1-entry-invalid',
      severity: 'corruption',
      class: fault,
      where: l1Where(this.#g, index),
      what: `l1[${index}] is ${value}, ${faultText(this.#g, fault, 'table')}`,
      means: 'the guest range that this table describes cannot be read',
    });
    return false;
  }

  /** Claims a table's clusters; false, with a finding, when one of them was claimed before. */
  #claimTable(offset: number, index: number): boolean {
    const g = this.#g;
    const first = offset / g.clusterSize;
    let taken = 0;
    let contested = first;
    for (let cluster = first; cluster < first + g.tableClusters; cluster++) {
      if (!this.used.testAndSet(cluster)) continue;
      if (taken++ === 0) contested = cluster;
      this.twice.testAndSet(cluster);
    }
    if (taken === 0) {
      this.tables.push({ offset, index });
      return true;
    }
    this.shared++;
    const kept = this.log.findings.length < FINDING_LIMIT;
    const owner = kept ? tableCovering(this.tables, offset, g.tableBytes, g.tableBytes) : undefined;
    if (taken < g.tableClusters) this.tables.push({ offset, index });
    this.log.add({
      code: 'table-shared',
      severity: 'corruption',
      class: owner?.offset === offset && owner.index >= 0 ? 'dup' : 'overlap',
      where: l1Where(g, index),
      what: `l1[${index}] points to a table at ${hex(offset)}, where ${ownerText(owner)} lies already`,
      means: 'two guest ranges share one table; a write to one of them changes the other',
      ...(kept && { references: this.#wanted.of(contested) }),
      qemuCount: taken,
    });
    return false;
  }

  /** A stretch of the L2 table of slot `index`, on both sides of the disk's end. */
  #piece(words: Int32Array, count: number, index: number, first: number): void {
    if (first === 0) this.#before = false;
    const guest = index * this.#g.tableEntries + first;
    const onDisk = Math.max(Math.min(guestClusters(this.#g) - guest, count), 0);
    this.#entries(words, 0, onDisk, index, first);
    if (onDisk === count) return;
    const edges = this.#edges;
    const said = this.allocated + this.zeros;
    const { zeros } = this;
    this.#entries(words, onDisk, count, index, first);
    this.pastDisk += this.allocated + this.zeros - said;
    this.zeros = zeros;
    this.#edges = edges;
    this.#inData = false;
  }

  /** Entries `from` .. `to` - 1 of a stretch that begins at entry `first`. Every entry of the image passes here. */
  #entries(words: Int32Array, from: number, to: number, index: number, first: number): void {
    const { clusterSize, clusterBits, headerBytes, fileEnd, tableEntries } = this.#g;
    const alignMask = clusterSize - 1;
    const hostScale = 2 ** (32 - clusterBits);
    const guest = index * tableEntries + first;
    const pages = this.#pages;
    let edges = this.#edges;
    let inData = this.#inData;
    let before = this.#before;
    let nextLo = this.#nextLo;
    let nextHi = this.#nextHi;
    let { allocated, fragmented, zeros } = this;
    for (let i = from; i < to; i++) {
      const lo = words[2 * i] as number;
      const hi = words[2 * i + 1] as number;
      if (hi === 0 && (lo === 0 || lo === ZERO_CLUSTER)) {
        if (inData) edges |= guest + i;
        inData = false;
        zeros += lo;
        continue;
      }
      allocated++;
      const continues = lo === nextLo && hi === nextHi;
      if (before && !continues) fragmented++;
      before = true;
      nextLo = (lo + clusterSize) | 0;
      nextHi = nextLo >= 0 && nextLo < clusterSize ? (hi + 1) | 0 : hi;
      const offset = (hi >>> 0) * 2 ** 32 + (lo >>> 0);
      if ((lo & alignMask) !== 0 || offset < headerBytes || offset >= fileEnd) {
        if (inData) edges |= guest + i;
        inData = false;
        this.#invalidEntry(offset, hi, lo, index, first + i);
        continue;
      }
      const host = hi * hostScale + (lo >>> clusterBits);
      if (!inData || !continues) edges |= (guest + i) | host;
      inData = true;
      const page = host < NEAR ? (pages[host >>> PAGE_BITS] ?? this.#page(host)) : this.used.page(host);
      const word = (host & PAGE_MASK) >>> 5;
      const bit = 1 << (host & 31);
      const old = page[word] as number;
      page[word] = old | bit;
      if ((old & bit) !== 0) this.#sharedCluster(host, index, first + i);
    }
    this.#edges = edges;
    this.#inData = inData;
    this.#before = before;
    this.#nextLo = nextLo;
    this.#nextHi = nextHi;
    this.allocated = allocated;
    this.fragmented = fragmented;
    this.zeros = zeros;
  }

  /** The page of a near cluster, from now on in `#pages`. */
  #page(cluster: number): Int32Array {
    const page = this.used.page(cluster);
    this.#pages[cluster >>> PAGE_BITS] = page;
    return page;
  }

  /** The slot at guest cluster `guest` has no table that was read: a run of data ends there. */
  #endData(guest: number): void {
    if (this.#inData) this.#edges |= guest;
    this.#inData = false;
  }

  #invalidEntry(offset: number, hi: number, lo: number, index: number, entry: number): void {
    this.invalid++;
    const fault = clusterFault(this.#g, offset) as OffsetFault;
    this.log.add({
      code: 'l2-entry-invalid',
      severity: 'corruption',
      class: fault,
      where: this.#l2Where(index, entry),
      what: `l2[${index}][${entry}] is ${hex64(hi, lo)}, ${faultText(this.#g, fault, 'cluster')}`,
      means: 'this guest cluster cannot be read',
    });
  }

  #sharedCluster(host: number, index: number, entry: number): void {
    this.shared++;
    this.twice.testAndSet(host);
    // Which table, if any: looked up only for findings that are kept.
    const kept = this.log.findings.length < FINDING_LIMIT;
    const offset = host * this.#g.clusterSize;
    const owner = kept ? tableCovering(this.tables, offset, this.#g.clusterSize, this.#g.tableBytes) : undefined;
    this.log.add({
      code: 'cluster-shared',
      severity: 'corruption',
      class: owner ? 'overlap' : 'dup',
      where: this.#l2Where(index, entry),
      what: `l2[${index}][${entry}] points to ${hex(offset)}, where ${ownerText(owner)} lies already`,
      means: owner
        ? 'a guest write there destroys the table'
        : 'two guest clusters share one host cluster; a write to one changes the other',
      ...(kept && { references: this.#wanted.of(host) }),
    });
  }

  #l2Where(index: number, entry: number): Where {
    return { offset: this.#table + entry * 8, length: 8, path: `l2[${index}][${entry}]`, spec: 'QED: Tables' };
  }
}

/** A table that covers a byte of the range, all tables being `tableBytes` long. Looks at all of them: for messages. */
function tableCovering(
  tables: readonly TablePlace[],
  offset: number,
  length: number,
  tableBytes: number,
): TablePlace | undefined {
  return tables.find((t) => t.offset < offset + length && offset < t.offset + tableBytes);
}

function ownerText(owner: TablePlace | undefined): string {
  if (!owner) return 'guest data';
  return owner.index < 0 ? 'the L1 table' : `L2 table ${owner.index}`;
}

/** What was expected of an offset that has this fault. */
export function faultText(g: Geometry, fault: OffsetFault, what: 'table' | 'cluster'): string {
  if (fault === 'align') return `a multiple of the cluster size ${hex(g.clusterSize)} required`;
  if (fault === 'overlap') return `inside the header area, which ends at ${hex(g.headerBytes)}`;
  const whole = what === 'table' ? `the table of ${hex(g.tableBytes)} bytes` : 'the cluster';
  return `${whole} must end by ${hex(g.fileEnd)}, where the whole clusters of the file end`;
}
