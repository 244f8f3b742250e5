/**
 * Who else is in a cluster of metadata. QEMU's check only sees a refcount that does not match; here each such cluster
 * gets one finding, `overlap`, that names its owners and the entry that points there.
 */
import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import { hex } from '../../bytes/size.ts';
import type { Where } from '../../errors.ts';
import { FINDING_LIMIT } from '../finding.ts';
import type { Claims } from './check-claims.ts';
import type { L1Tables } from './check-l1.ts';
import { L2Reader } from './check-l2.ts';
import { whereOfEntry } from './check-l2-entry.ts';
import { l2Pieces } from './check-l2-pieces.ts';
import type { RefcountTable } from './check-refcount-table.ts';
import { compressedRange } from './geometry.ts';
import { L2Entry } from './layout.ts';

/** Names of owners in one sentence. */
const MOST_NAMES = 4;

export class Ownership {
  readonly #claims: Claims;
  readonly #l1: L1Tables;

  constructor(claims: Claims, l1: L1Tables) {
    this.#claims = claims;
    this.#l1 = l1;
  }

  /** What metadata the cluster holds, by name, the first few; none for data. */
  of(cluster: number): string[] {
    const { owners, g, refcountBlocks } = this.#claims;
    const at = cluster * g.clusterSize;
    const names: string[] = [];
    if (this.#tableReferences(cluster) > 0 || this.#oddTable(at)) names.push('an L2 table');
    if (refcountBlocks.has(cluster)) names.push('a refcount block');
    for (const { offset, length, label } of owners) {
      if (names.length === MOST_NAMES) break;
      if (offset < at + g.clusterSize && offset + length > at) names.push(label);
    }
    return names;
  }

  #tableReferences(cluster: number): number {
    return this.#l1.active.get(cluster) + this.#l1.inactive.get(cluster);
  }

  #oddTable(at: number): boolean {
    const { clusterSize } = this.#claims.g;
    for (const offset of this.#l1.odd.keys()) if (Math.abs(offset - at) < clusterSize) return true;
    return false;
  }

  /** Clusters of metadata that something else claims too; sharing an L2 table between L1 tables is in order. */
  overlaps(): ClusterBitmap {
    const { counts } = this.#claims;
    const metadata = this.#metadata();
    const found = new ClusterBitmap();
    for (let cluster = metadata.nextSet(0); cluster >= 0; cluster = metadata.nextSet(cluster + 1)) {
      const count = counts.get(cluster);
      const tables = this.#tableReferences(cluster);
      const isFull = counts.overflowed.has(cluster);
      if (!isFull && (count <= 1 || count === tables)) continue;
      const explained = !isFull && this.of(cluster).length === 1 && count === Math.max(1, tables);
      if (!explained) found.testAndSet(cluster);
    }
    return found;
  }

  /** All clusters of metadata. */
  #metadata(): ClusterBitmap {
    const { owners, g, refcountBlocks, clusters } = this.#claims;
    const found = new ClusterBitmap();
    const add = (offset: number, length: number): void => {
      const first = Math.floor(offset / g.clusterSize);
      const end = Math.min(Math.ceil((offset + length) / g.clusterSize), clusters);
      if (first < end) found.setRun(first, end - first);
    };
    for (const { offset, length } of owners) add(offset, length);
    for (const offset of this.#l1.odd.keys()) add(offset, g.clusterSize);
    for (const tables of [this.#l1.active, this.#l1.inactive]) {
      for (const cluster of tables.referenced(0, clusters)) found.testAndSet(cluster);
    }
    for (let at = refcountBlocks.nextSet(0); at >= 0; at = refcountBlocks.nextSet(at + 1)) found.testAndSet(at);
    return found;
  }
}

/** One finding for each cluster of metadata that has another owner. Walks the L2 tables once more where there is one. */
export function findOverlaps(claims: Claims, l1: L1Tables, ownership: Ownership, table: RefcountTable): void {
  if (!claims.counts.anyShared) return;
  const suspects = ownership.overlaps();
  if (suspects.nextSet(0) < 0) return;
  const pointers = findPointers(claims, l1, suspects);
  const { clusterSize } = claims.g;
  for (let cluster = suspects.nextSet(0); cluster >= 0; cluster = suspects.nextSet(cluster + 1)) {
    const count = claims.counts.get(cluster);
    // Where the refcount is wrong too, QEMU has noticed, and the overlap is what explains that finding.
    const noticed = table.get(cluster) !== count || claims.counts.overflowed.has(cluster);
    const severity = noticed ? 'note' : 'corruption';
    claims.log.addLazily(severity, 0, () => {
      const pointer = pointers.get(cluster);
      const owners = ownership.of(cluster);
      if (pointer) owners.push(`the cluster that ${pointer.path} points to`);
      return {
        code: 'overlap',
        severity,
        class: 'overlap',
        where: pointer ?? { offset: cluster * clusterSize, length: clusterSize, path: `cluster[${cluster}]` },
        what: `the cluster at ${hex(cluster * clusterSize)} has ${count} references and is ${owners.join(' and ')}, expected one owner`,
        means: 'writing through one of them destroys the other',
        references: claims.wanted.of(cluster),
        qemuCount: 0,
      };
    });
  }
}

/** The first L2 entry that points to each suspect. */
function findPointers(claims: Claims, l1: L1Tables, suspects: ClusterBitmap): Map<number, Where> {
  const pointers = new Map<number, Where>();
  const { g } = claims;
  const reader = new L2Reader(claims);
  for (const piece of l2Pieces(claims, l1)) {
    const words = reader.read(piece);
    for (let o = 0; o < words.length; o += g.l2EntrySize / 4) {
      const lo = words[o] as number;
      const hi = words[o + 1] as number;
      if ((hi | lo) === 0) continue;
      const { offset, length } = hostRange(claims, hi, lo);
      if (length === 0 || offset >= claims.device.size) continue;
      const last = Math.floor((offset + length - 1) / g.clusterSize);
      for (let cluster = Math.floor(offset / g.clusterSize); cluster <= last; cluster++) {
        if (!suspects.has(cluster) || pointers.has(cluster)) continue;
        pointers.set(cluster, whereOfEntry(claims, l1, piece, 4 * o));
        if (pointers.size >= FINDING_LIMIT) return pointers;
      }
    }
  }
  return pointers;
}

/** The bytes of the file that an L2 entry points to; length 0 for none. */
export function hostRange({ g }: Claims, hi: number, lo: number): { offset: number; length: number } {
  if ((hi & L2Entry.mask.compressed.hi) !== 0) {
    return g.dataFile ? { offset: 0, length: 0 } : compressedRange(g, hi, lo);
  }
  const { hi: offsetHi, lo: offsetLo } = L2Entry.mask.offset;
  const offset = ((hi & offsetHi) >>> 0) * 2 ** 32 + ((lo & offsetLo) >>> 0);
  return { offset, length: offset === 0 || g.dataFile ? 0 : g.clusterSize };
}
