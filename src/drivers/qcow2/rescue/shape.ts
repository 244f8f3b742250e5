/**
 * What a file would be with one cluster size: its tables, the refcount table that counts itself, and the L1 table whose
 * entries lead to tables. Each is judged by how well it agrees with the others.
 */

import type { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { isZero } from '../../../device/zeros.ts';
import { countAt, storedCount } from '../counters.ts';
import { refcountsPerBlock } from '../geometry.ts';
import { LIMITS } from '../layout.ts';
import { type LookedAt, lookAtTable, type TableRules } from './look.ts';
import { SECTOR } from './sectors.ts';

/** Clusters that are looked at as tables, of one cluster size. */
const MOST_TABLES = 65_536;

export interface Shape {
  readonly clusterBits: number;
  readonly l2EntrySize: 8 | 16;
  readonly score: number;
  /** What speaks for it. */
  readonly evidence: readonly string[];
  readonly refcounts?: { readonly offset: number; readonly clusters: number; readonly order: number };
  readonly l1?: { readonly offset: number; readonly entries: number };
  /** Tables by the byte they begin at. */
  readonly tables: ReadonlyMap<number, LookedAt>;
}

export function shapeOf(
  device: Device,
  like: ClusterBitmap,
  clusterBits: number,
  l2EntrySize: 8 | 16,
): Shape | undefined {
  const clusterSize = 2 ** clusterBits;
  const rules: TableRules = { clusterSize, clusterBits, l2EntrySize, version: 3, fileSize: device.size };
  const tables = tablesOf(device, like, rules);
  const plain = l2EntrySize === 8 ? tables : tablesOf(device, like, { ...rules, l2EntrySize: 8 });
  if (tables.size === 0 && plain.size === 0) return undefined;
  const evidence: string[] = [];
  let score = 0;
  const refcounts = refcountsOf(device, plain, clusterSize);
  if (refcounts) {
    score += 20;
    evidence.push(`a refcount table of ${2 ** refcounts.order} bits that counts itself`);
    const end = lastCounted(device, refcounts, clusterSize);
    const clusters = Math.ceil(device.size / clusterSize);
    // A file ends with its last cluster; some space may be left behind, never the other way round.
    if (end === clusters) {
      score += 20;
      evidence.push('the last cluster that it counts is the last of the file');
    } else if (end > clusters) score -= 30;
    else score -= Math.min(15, Math.log2(clusters / Math.max(1, end)) * 5);
  }
  const l1 = l1Of(device, plain, tables, clusterSize, refcounts);
  if (l1) {
    score += 10 + Math.min(10, l1.leads);
    evidence.push(
      `an L1 table with ${l1.leads === 1 ? '1 entry that leads' : `${l1.leads} entries that lead`} to L2 tables`,
    );
  }
  const unit = commonUnit(tables, plain, l1);
  if (unit === clusterSize) {
    score += 15;
    evidence.push(`all offsets are multiples of ${clusterSize}, and of nothing larger`);
  } else if (unit > clusterSize) score -= 10;
  return { clusterBits, l2EntrySize, score, evidence, tables, ...(refcounts && { refcounts }), ...(l1 && { l1 }) };
}

/** Clusters of which every sector is like a table or zero, and that keep all rules together. */
function tablesOf(device: Device, like: ClusterBitmap, rules: TableRules): Map<number, LookedAt> {
  const { clusterSize } = rules;
  const perCluster = clusterSize / SECTOR;
  const found = new Map<number, LookedAt>();
  const bytes = new Uint8Array(clusterSize);
  let looked = 0;
  for (let sector = like.nextSet(0); sector >= 0 && looked < MOST_TABLES; looked++) {
    const cluster = Math.floor(sector / perCluster);
    if (cluster > 0) {
      device.read(cluster * clusterSize, bytes);
      const table = lookAtTable(bytes, rules);
      if (table) found.set(cluster * clusterSize, table);
    }
    sector = like.nextSet((cluster + 1) * perCluster);
  }
  return found;
}

function refcountsOf(device: Device, plain: ReadonlyMap<number, LookedAt>, clusterSize: number): Shape['refcounts'] {
  for (const [offset, { slots, hosts, copied, used, last }] of plain) {
    if (copied > 0 || hosts.length !== used || slots[0] !== 0) continue;
    const block = hosts[0] as number;
    for (let order = 0; order <= 6; order++) {
      const counted = [0, offset / clusterSize, block / clusterSize];
      const perBlock = (clusterSize * 8) / 2 ** order;
      if (counted.some((cluster) => cluster >= perBlock && cluster !== offset / clusterSize)) continue;
      if (!counted.every((cluster) => countOf(device, hosts, slots, clusterSize, order, cluster) === 1)) continue;
      const clusters = Math.min(
        LIMITS.refcountTable / clusterSize,
        tableClusters(device, offset, last, clusterSize, order, hosts, slots),
      );
      return { offset, clusters, order };
    }
  }
  return undefined;
}

/** A table may have more clusters than the one found first: those that lead to blocks, or are zero and counted. */
function tableClusters(
  device: Device,
  offset: number,
  last: number,
  clusterSize: number,
  order: number,
  hosts: Float64Array,
  slots: Uint32Array,
): number {
  const perBlock = (clusterSize * 8) / 2 ** order;
  const needed = Math.ceil(Math.ceil(device.size / clusterSize) / perBlock / (clusterSize / 8));
  let clusters = Math.max(1, Math.ceil((last + 1) / (clusterSize / 8)));
  while (clusters < needed && countOf(device, hosts, slots, clusterSize, order, offset / clusterSize + clusters) === 1)
    clusters++;
  return clusters;
}

/** The counter of a cluster, through the blocks of the table's first cluster; -1 where it has none. */
function countOf(
  device: Device,
  hosts: Float64Array,
  slots: Uint32Array,
  clusterSize: number,
  order: number,
  cluster: number,
): number {
  const perBlock = refcountsPerBlock(clusterSize, order);
  const index = slots.indexOf(Math.floor(cluster / perBlock));
  if (index < 0) return -1;
  return storedCount(device, hosts[index] as number, order, cluster % perBlock);
}

/** One more than the last cluster that is counted. */
function lastCounted(
  device: Device,
  { offset, clusters, order }: NonNullable<Shape['refcounts']>,
  clusterSize: number,
): number {
  const table = new DataView(readBytes(device, offset, clusters * clusterSize).buffer);
  const perBlock = refcountsPerBlock(clusterSize, order);
  const block = new Uint8Array(clusterSize);
  for (let i = table.byteLength / 8 - 1; i >= 0; i--) {
    const host = table.getUint32(i * 8) * 2 ** 32 + table.getUint32(i * 8 + 4);
    if (host === 0 || host >= device.size) continue;
    device.read(host, block);
    for (let at = perBlock - 1; at >= 0; at--) {
      if (countAt(block, order, at) !== 0) return i * perBlock + at + 1;
    }
  }
  return 0;
}

/**
 * Tables that lead to tables, and that no table leads to: those of the guest's own images are led to. Neighbours are one L1
 * table; zeros between them are a part of it.
 */
function l1Of(
  device: Device,
  plain: ReadonlyMap<number, LookedAt>,
  tables: ReadonlyMap<number, LookedAt>,
  clusterSize: number,
  refcounts: Shape['refcounts'],
): { offset: number; entries: number; leads: number } | undefined {
  const ledTo = new Set<number>();
  for (const [at, { hosts }] of tables) if (at !== refcounts?.offset) for (const host of hosts) ledTo.add(host);
  const candidates = new Map<number, number>();
  for (const [offset, { hosts, used }] of plain) {
    if (offset === refcounts?.offset || ledTo.has(offset) || hosts.length !== used) continue;
    let leads = 0;
    const isL1 = hosts.every((host) => {
      if (tables.has(host)) {
        leads++;
        return true;
      }
      return isZero(readBytes(device, host, clusterSize));
    });
    if (isL1 && leads > 0) candidates.set(offset, leads);
  }
  let best: { offset: number; entries: number; leads: number } | undefined;
  const offsets = [...candidates.keys()].sort((a, b) => a - b);
  for (let i = 0; i < offsets.length; ) {
    const first = offsets[i] as number;
    let end = first;
    let leads = 0;
    // Zeros between two parts of the table belong to it, where nothing leads to them.
    for (; i < offsets.length; i++) {
      const next = offsets[i] as number;
      if (next > end && !allBlank(device, end, next, clusterSize, ledTo)) break;
      leads += candidates.get(next) as number;
      end = next + clusterSize;
    }
    const isOwn = blanksOf(device, clusterSize, ledTo, refcounts);
    let start = first;
    while (start > clusterSize && isOwn(start - clusterSize)) start -= clusterSize;
    let behind = end;
    while (isOwn(behind)) behind += clusterSize;
    const last = plain.get(end - clusterSize)?.last ?? 0;
    const entries = behind > end ? (behind - start) / 8 : (end - clusterSize - start) / 8 + last + 1;
    if (leads > (best?.leads ?? 0)) best = { offset: start, entries, leads };
  }
  return best;
}

/** Clusters of zeros that are counted and belong to nobody: beside parts of the L1 table they are parts of it too. */
function blanksOf(
  device: Device,
  clusterSize: number,
  ledTo: ReadonlySet<number>,
  refcounts: Shape['refcounts'],
): (offset: number) => boolean {
  const clusterBits = Math.log2(clusterSize);
  const rules: TableRules = { clusterSize, clusterBits, l2EntrySize: 8, version: 3, fileSize: device.size };
  const table = refcounts && lookAtTable(readBytes(device, refcounts.offset, clusterSize), rules);
  if (!refcounts || !table) return () => false;
  const { hosts, slots } = table;
  const tableEnd = refcounts.offset + refcounts.clusters * clusterSize;
  return (offset) => {
    const isTable = offset >= refcounts.offset && offset < tableEnd;
    if (offset >= device.size || isTable || ledTo.has(offset) || hosts.includes(offset)) return false;
    if (countOf(device, hosts, slots, clusterSize, refcounts.order, offset / clusterSize) !== 1) return false;
    return isZero(readBytes(device, offset, clusterSize));
  };
}

function allBlank(device: Device, from: number, to: number, clusterSize: number, ledTo: ReadonlySet<number>): boolean {
  if (to - from > LIMITS.l1Entries * 8) return false;
  for (let at = from; at < to; at += clusterSize)
    if (ledTo.has(at) || !isZero(readBytes(device, at, clusterSize))) return false;
  return true;
}

/** The largest power of two that divides all that tables lead to. */
function commonUnit(
  tables: ReadonlyMap<number, LookedAt>,
  plain: ReadonlyMap<number, LookedAt>,
  l1: { offset: number } | undefined,
): number {
  let low = 0;
  const root = l1 && plain.get(l1.offset);
  const all = root ? [root, ...[...root.hosts].flatMap((host) => tables.get(host) ?? [])] : [...tables.values()];
  for (const { hosts } of all) for (const host of hosts) low |= (host / SECTOR) | 0;
  return low === 0 ? 0 : (low & -low) * SECTOR;
}
