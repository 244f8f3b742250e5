/**
 * Who uses each host cluster of the file: one walk over everything that points into it, active table, snapshots and
 * bitmaps included.
 *
 *  1. Each L2 table, each part of a snapshot's L1 table and of a bitmap's table is read once, however many pointers
 *     lead to it: work and memory are bounded by the file's length.
 *  2. What snapshots share with the active table or with each other is no overlap; what one table claims twice is,
 *     except that compressed streams may share a cluster.
 *  3. References that break a rule claim nothing; references behind the end of the file are cut there.
 *  4. The walk yields after at most STEP table entries: a screen stays alive while it goes on.
 */
import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../bytes/progress.ts';
import { Ranges } from '../../bytes/ranges.ts';
import { decode } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { Role } from '../driver.ts';
import type { Bitmaps } from './bitmaps.ts';
import { extensionOf } from './extensions.ts';
import { compressedRange, type Geometry, l1EntriesFor } from './geometry.ts';
import type { Header } from './header.ts';
import { BitmapTableEntry, CryptoExtension, EXTENSION, L2Entry } from './layout.ts';
import { refcountBlocks } from './refcounts.ts';
import type { SnapshotTable } from './snapshots.ts';
import { L1Reader, tableAt } from './walk.ts';

/** What owners are told from: an open image. */
export interface Claimants {
  readonly device: Device;
  readonly header: Header;
  readonly geometry: Geometry;
  readonly snapshotTable: SnapshotTable;
  readonly bitmapTable: Bitmaps;
}

/** A table: which clusters, and which of its kind it is. */
export interface Place {
  readonly cluster: number;
  readonly clusters: number;
  readonly role: Role;
  /** Index of the L1 entry, refcount table entry or snapshot it belongs to, where there are several. */
  readonly index?: number;
  /** The bitmap's name, or ' of snapshot N'. */
  readonly of?: string;
}

/** 'l2 table 3', 'snapshot l1 table 0', "bitmap 'b'": made when asked for, there may be millions of places. */
export function labelOf({ role, index, of = '' }: Place): string | undefined {
  if (role === 'bitmap-table') return `bitmap '${of}'`;
  if (index === undefined) return undefined;
  if (role === 'l2' || role === 'snapshot-l2') return `l2 table ${index}${of}`;
  if (role === 'snapshot-l1') return `l1 table of snapshot ${index}`;
  return `${role.replace('-', ' ')} ${index}`;
}

/** What a label of `labelOf` says: the index, and the snapshot it is of. */
export function placeNamed(label: string | undefined): { readonly index?: number; readonly snapshot?: number } {
  const match = /^(?:.*? )?(\d+)(?: of snapshot (\d+))?$/.exec(label ?? '');
  if (!match) return {};
  return { index: Number(match[1]), ...(match[2] !== undefined && { snapshot: Number(match[2]) }) };
}

/** Roles that come in millions of clusters and have no labels. */
export const BULK_ROLES = [
  'data',
  'compressed',
  'zero-allocated',
  'snapshot-data',
  'vm-state',
  'bitmap-data',
] as const satisfies readonly Role[];
type BulkRole = (typeof BULK_ROLES)[number];

/** Bytes of a table read at a time. */
const PIECE = 64 * 1024;
/** Table entries between two reports of progress: about two milliseconds. */
const STEP = 64 * 1024;
/** Reading a table costs as much as this many entries. */
const TABLE_COST = 128;
/** L1 entries looked at in one go: empty ones cost little. */
const L1_PIECE = 32 * 1024;

export class Owners {
  /** Clusters of the file, the last one perhaps partial. */
  readonly clusters: number;
  readonly places: Place[] = [];
  readonly bulk: Readonly<Record<BulkRole, ClusterBitmap>>;
  /** Clusters with an owner, and those that more than one claims. */
  readonly used = new ClusterBitmap();
  readonly twice = new ClusterBitmap();
  readonly #image: Claimants;
  readonly #g: Geometry;
  /** L2 tables walked, by cluster. */
  readonly #tables = new ClusterBitmap();
  /** Entries since the last report. */
  #since = 0;

  /** Claims nothing yet: `walk` does. */
  constructor(image: Claimants) {
    this.#image = image;
    this.#g = image.geometry;
    this.clusters = Math.ceil(image.device.size / this.#g.clusterSize);
    const bulk = BULK_ROLES.map((role) => [role, new ClusterBitmap()] as const);
    this.bulk = Object.fromEntries(bulk) as Record<BulkRole, ClusterBitmap>;
  }

  /** The walk: once, to its end. */
  *walk(): Generator<Progress, void> {
    this.#header();
    yield* this.#refcounts();
    yield* this.#active();
    yield* this.#snapshots();
    yield* this.#bitmaps();
  }

  /** Counts `entries`; whether it is time to report. */
  #due(entries: number): boolean {
    this.#since += entries;
    if (this.#since < STEP) return false;
    this.#since = 0;
    return true;
  }

  #header(): void {
    const { header } = this.#image;
    this.#place('header', 0, 1);
    const crypto = extensionOf(header.extensions, EXTENSION.crypto_header);
    if (!crypto) return;
    const { offset, length } = decode(CryptoExtension, crypto.data);
    this.#place('crypto-header', offset, length);
  }

  *#refcounts(): Generator<Progress, void> {
    const { device } = this.#image;
    const { refcountTableOffset, refcountTableClusters, clusterSize } = this.#g;
    this.#place('refcount-table', refcountTableOffset, refcountTableClusters * clusterSize);
    for (const { index, first, offset } of refcountBlocks(device, this.#g)) {
      if (offset !== undefined) this.#place('refcount-block', offset, clusterSize, index);
      if (this.#due(TABLE_COST)) yield { what: 'refcount table', done: first, total: this.clusters };
    }
  }

  *#active(): Generator<Progress, void> {
    const { device } = this.#image;
    const g = this.#g;
    this.#place('l1', g.l1Offset, g.l1Entries * 8);
    const l1 = new L1Reader(device, g.l1Offset, g.l1Entries);
    const onDisk = l1EntriesFor(g);
    const total = l1.present;
    for (let first = 0; first < total; first += L1_PIECE) {
      const end = Math.min(first + L1_PIECE, total);
      for (let slot = l1.nextSet(first, end); slot < end; slot = l1.nextSet(slot + 1, end)) {
        const table = tableAt(l1, slot, g, device.size);
        if (table <= 0) continue;
        this.#place('l2', table, g.clusterSize, slot);
        if (this.#tables.testAndSet(table / g.clusterSize)) continue;
        const role = slot < onDisk ? 'data' : 'vm-state';
        for (let at = 0; at < g.clusterSize; at += PIECE) {
          if (this.#due(this.#tablePiece(table + at, at, role))) yield { what: 'l2 tables', done: slot, total };
        }
      }
      yield { what: 'l2 tables', done: end, total };
    }
  }

  *#snapshots(): Generator<Progress, void> {
    const { device, header, snapshotTable } = this.#image;
    const g = this.#g;
    this.#place('snapshot-table', header.snapshots_offset, snapshotTable.tableBytes);
    const walked = new Ranges();
    const onDisk = l1EntriesFor(g);
    const total = snapshotTable.snapshots.length;
    for (const { l1Offset, l1Entries, index, diskSize } of snapshotTable.snapshots) {
      if (l1Offset % g.clusterSize !== 0) continue;
      this.#place('snapshot-l1', l1Offset, l1Entries * 8, index);
      const ownDisk = diskSize === undefined ? onDisk : Math.ceil(diskSize / (g.clusterSize * g.l2Entries));
      const l1 = new L1Reader(device, l1Offset, l1Entries);
      for (let slot = 0; slot < l1.present; ) {
        const piece = Math.min(PIECE / 8, l1.present - slot);
        const seen = walked.covers(l1Offset + slot * 8, piece * 8);
        walked.add(l1Offset + slot * 8, piece * 8);
        const end = slot + piece;
        if (!seen) yield* this.#snapshotSlots(l1, slot, end, ownDisk, index);
        if (this.#due(piece)) yield { what: 'snapshots', done: index, total };
        slot = end;
      }
    }
  }

  *#snapshotSlots(l1: L1Reader, from: number, to: number, onDisk: number, index: number): Generator<Progress, void> {
    const { device, snapshotTable } = this.#image;
    const progress = { what: 'snapshots', done: index, total: snapshotTable.snapshots.length };
    const g = this.#g;
    for (let slot = l1.nextSet(from, to); slot < to; slot = l1.nextSet(slot + 1, to)) {
      const table = tableAt(l1, slot, g, device.size);
      if (table <= 0 || this.#tables.testAndSet(table / g.clusterSize)) continue;
      this.#place('snapshot-l2', table, g.clusterSize, slot, ` of snapshot ${index}`);
      const role = slot < onDisk ? 'snapshot-data' : 'vm-state';
      for (let at = 0; at < g.clusterSize; at += PIECE) {
        if (this.#due(this.#tablePiece(table + at, at, role))) yield progress;
      }
    }
  }

  /**
   * Claims what some entries of an L2 table point at: a piece at `offset` in the file, `at` bytes into the table;
   * `role` is what its data clusters are. Answers what it cost, in entries.
   */
  #tablePiece(offset: number, at: number, role: 'data' | 'snapshot-data' | 'vm-state'): number {
    const g = this.#g;
    const { clusterSize, l2EntrySize } = g;
    const { offset: offsetMask, compressed, copied } = L2Entry.mask;
    const odd = ~(offsetMask.hi | copied.hi);
    if (offset >= this.#image.device.size) return 0;
    const bytes = readBytes(this.#image.device, offset, Math.min(PIECE, clusterSize - at));
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < bytes.length; i += l2EntrySize) {
      const hi = view.getInt32(i);
      const lo = view.getInt32(i + 4);
      if ((hi | lo) === 0) continue;
      if ((hi & odd) !== 0) {
        if ((hi & compressed.hi) !== 0 && hi >= 0) this.#compressed(hi, lo, role);
        continue;
      }
      const host = ((hi & offsetMask.hi) * 2 ** 32 + (lo >>> 0) - (lo & 1)) / clusterSize;
      // With a data file the entries mean clusters of that file, not of this one.
      if (host === 0 || g.dataFile || (lo & (clusterSize - 2)) !== 0) continue;
      const holdsData = l2EntrySize === 16 ? view.getInt32(i + 12) !== 0 : (lo & 1) === 0;
      this.#guest(holdsData || role !== 'data' ? role : 'zero-allocated', host, role);
    }
    return TABLE_COST + bytes.length / l2EntrySize;
  }

  #compressed(hi: number, lo: number, role: 'data' | 'snapshot-data' | 'vm-state'): void {
    const { clusterSize, dataFile } = this.#g;
    const { offset, length } = compressedRange(this.#g, hi, lo);
    if (dataFile || offset >= this.#image.device.size) return;
    const last = Math.floor((offset + length - 1) / clusterSize);
    for (let cluster = Math.floor(offset / clusterSize); cluster <= last; cluster++) {
      this.#guest('compressed', cluster, role);
    }
  }

  /** A cluster of guest data, claimed by the active table (`from` data, or vm-state) or by a snapshot. */
  #guest(role: BulkRole, cluster: number, from: 'data' | 'snapshot-data' | 'vm-state'): void {
    if (cluster >= this.clusters) return;
    if (!this.used.testAndSet(cluster)) {
      this.bulk[role].testAndSet(cluster);
      return;
    }
    const sharedStreams = role === 'compressed' && this.bulk.compressed.has(cluster);
    const sharedWithSnapshot = from !== 'data' && BULK_ROLES.some((other) => this.bulk[other].has(cluster));
    if (!sharedStreams && !sharedWithSnapshot) this.twice.testAndSet(cluster);
  }

  *#bitmaps(): Generator<Progress, void> {
    const { device, bitmapTable } = this.#image;
    const { clusterSize } = this.#g;
    this.#place('bitmap-directory', bitmapTable.directoryOffset, bitmapTable.directoryBytes);
    const walked = new Ranges();
    const total = bitmapTable.bitmaps.length;
    for (const [done, { name, tableOffset, tableEntries }] of bitmapTable.bitmaps.entries()) {
      this.#place('bitmap-table', tableOffset, tableEntries * 8, undefined, name);
      const end = Math.min(tableOffset + tableEntries * 8, device.size);
      for (let at = tableOffset; at < end; at += PIECE) {
        const length = Math.min(PIECE, end - at);
        const seen = walked.covers(at, length);
        walked.add(at, length);
        if (!seen) this.#bitmapClusters(readBytes(device, at, Math.ceil(length / 8) * 8), clusterSize);
        if (this.#due(PIECE / 8)) yield { what: 'bitmaps', done, total };
      }
    }
  }

  #bitmapClusters(table: Uint8Array, clusterSize: number): void {
    const view = new DataView(table.buffer);
    for (let i = 0; i < table.length; i += 8) {
      const lo = view.getUint32(i + 4) & BitmapTableEntry.mask.offset.lo;
      const cluster = ((view.getUint32(i) & BitmapTableEntry.mask.offset.hi) * 2 ** 32 + (lo >>> 0)) / clusterSize;
      if (cluster === 0 || !Number.isInteger(cluster) || cluster >= this.clusters) continue;
      if (this.used.testAndSet(cluster)) this.twice.testAndSet(cluster);
      else this.bulk['bitmap-data'].testAndSet(cluster);
    }
  }

  /** A table at `offset`, `length` bytes, cut at the end of the file. */
  #place(role: Role, offset: number, length: number, index?: number, of?: string): void {
    const { clusterSize } = this.#g;
    const first = Math.floor(offset / clusterSize);
    const end = Math.min(Math.ceil((offset + length) / clusterSize), this.clusters);
    if (length === 0 || first >= end) return;
    this.places.push({ cluster: first, clusters: end - first, role, index, of });
    const { used, twice } = this;
    // Most tables: no look for the next cluster in use, which may be far away.
    if (end - first === 1) {
      if (used.testAndSet(first)) twice.testAndSet(first);
      return;
    }
    for (let taken = used.nextSet(first); taken >= 0 && taken < end; ) {
      const clear = Math.min(used.nextClear(taken), end);
      twice.setRun(taken, clear - taken);
      taken = used.nextSet(clear);
    }
    used.setRun(first, end - first);
  }
}
