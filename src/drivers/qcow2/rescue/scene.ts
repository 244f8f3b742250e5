/**
 * An image that opens, as rescue sees it: what its tables still lead to, what nothing leads to, and the guest's disk as
 * far as it can be read.
 *
 *  1. A cluster that something leads to is never a candidate: nothing that still works is taken apart.
 *  2. Memory: one bit a cluster, and the tables that were found.
 */

import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../../bytes/progress.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { isZero } from '../../../device/zeros.ts';
import type { Disk } from '../../../evidence/disk.ts';
import { storedCount } from '../counters.ts';
import { type L2Words, l1State, unitState } from '../entry.ts';
import type { Geometry } from '../geometry.ts';
import type { Qcow2Image } from '../image.ts';
import { blockOf, countedInSlices } from '../refcounts.ts';
import { type LookedAt, lookAtTable, type TableRules } from './look.ts';

/** A table that nothing leads to. */
export interface Orphan extends LookedAt {
  readonly host: number;
}

export interface Scene {
  readonly image: Qcow2Image;
  readonly device: Device;
  readonly rules: TableRules;
  /** Clusters that nothing leads to: those counted as used, or all where the refcounts are lost too. */
  readonly loose: ClusterBitmap;
  /** Whether refcounts can be relied on. */
  readonly isCounted: boolean;
  readonly orphans: readonly Orphan[];
  /** Clusters that hold zeros only, among the loose ones. */
  readonly zeros: number;
}

/** Bytes looked at between two reports. */
const STEP = 2 ** 22;

export function* sceneOf(image: Qcow2Image): Generator<Progress, Scene> {
  const { device, geometry: g } = image;
  const rules: TableRules = { ...g, fileSize: device.size };
  const counted = yield* countedInSlices(device, g);
  const isCounted = countsItself(image, counted);
  const loose = new ClusterBitmap();
  for (const { role, offset, length } of yield* image.ownership()) {
    if (role !== 'leaked' && (role !== 'free' || isCounted)) continue;
    const first = Math.ceil(offset / g.clusterSize);
    const end = Math.ceil((offset + length) / g.clusterSize);
    if (end > first) loose.setRun(first, end - first);
  }
  const { orphans, zeros } = yield* findOrphans(device, rules, loose);
  return { image, device, rules, loose, isCounted, orphans, zeros };
}

/** Header, refcount table and its first block count themselves: else the counts say nothing. */
function countsItself({ device, geometry: g }: Qcow2Image, counted: ClusterBitmap): boolean {
  if (!counted.has(0)) return false;
  if (!counted.has(Math.floor(g.refcountTableOffset / g.clusterSize))) return false;
  const first = blockOf(device, g, 0);
  return first !== undefined && first > 0 && counted.has(Math.floor(first / g.clusterSize));
}

function* findOrphans(
  device: Device,
  rules: TableRules,
  loose: ClusterBitmap,
): Generator<Progress, { orphans: Orphan[]; zeros: number }> {
  const { clusterSize } = rules;
  const found: Orphan[] = [];
  const bytes = new Uint8Array(clusterSize);
  let zeros = 0;
  let since = 0;
  const total = Math.ceil(device.size / clusterSize);
  for (let cluster = loose.nextSet(0); cluster >= 0; cluster = loose.nextSet(cluster + 1)) {
    if (cluster >= total) break;
    device.read(cluster * clusterSize, bytes);
    const looked = lookAtTable(bytes, rules);
    if (looked) found.push({ host: cluster * clusterSize, ...looked });
    else if (isZero(bytes)) {
      // Zeros tell nothing and read the same wherever they are: not worth a place.
      loose.clear(cluster);
      zeros++;
    }
    since += clusterSize;
    if (since < STEP) continue;
    since = 0;
    yield { what: 'looking for tables', done: cluster * clusterSize, total: device.size, unit: 'bytes' };
  }
  return { orphans: realOnes(found, loose, clusterSize), zeros };
}

/**
 * A guest's disk may hold an image, with tables in it: those are clusters that another table leads to. What nothing leads to
 * is real; what a real one leads to is data, and what only data leads to is real after all.
 */
function realOnes(found: readonly Orphan[], loose: ClusterBitmap, clusterSize: number): Orphan[] {
  const byHost = new Map(found.map((orphan) => [orphan.host, orphan]));
  // Entries of a real table lead to clusters that nothing else leads to.
  const plausible = found.filter(({ hosts, copied, used }) => {
    let own = 0;
    for (const host of hosts) if (loose.has(host / clusterSize) || byHost.has(host)) own++;
    return hosts.length === 0 ? used > 0 : copied > 0 || own === hosts.length;
  });
  const pointers = new Map<Orphan, Orphan[]>();
  for (const table of plausible) {
    for (const host of table.hosts) {
      const target = byHost.get(host);
      if (target) pointers.set(target, [...(pointers.get(target) ?? []), table]);
    }
  }
  const real = new Set<Orphan>();
  const data = new Set<Orphan>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const table of plausible) {
      if (real.has(table) || data.has(table)) continue;
      const by = pointers.get(table) ?? [];
      if (by.some((one) => real.has(one))) data.add(table);
      else if (by.every((one) => data.has(one) || one === table)) real.add(table);
      else continue;
      changed = true;
    }
  }
  return plausible.filter((table) => real.has(table));
}

/** A counter of the refcount structure; 1 where it cannot be read. */
export function refcountOf(device: Device, g: Geometry, offset: number): number {
  const cluster = Math.floor(offset / g.clusterSize);
  const block = blockOf(device, g, Math.floor(cluster / g.refcountsPerBlock));
  if (!block) return 1;
  return storedCount(device, block, g.refcountOrder, cluster % g.refcountsPerBlock);
}

/** The guest's disk through the tables that work. What a backing file holds is not known. */
export class ImageDisk implements Disk {
  readonly size: number;
  readonly #image: Qcow2Image;
  #table: { readonly slot: number; readonly bytes: DataView | undefined; readonly known: boolean } | undefined;

  constructor(image: Qcow2Image) {
    this.#image = image;
    this.size = image.size;
  }

  read(guest: number, target: Uint8Array): boolean {
    const { clusterSize } = this.#image;
    for (let at = 0; at < target.length; ) {
      const inCluster = (guest + at) % clusterSize;
      const part = target.subarray(at, at + Math.min(clusterSize - inCluster, target.length - at));
      if (!this.#readPart(guest + at, part)) return false;
      at += part.length;
    }
    return true;
  }

  #readPart(guest: number, target: Uint8Array): boolean {
    const { geometry: g, device, backing } = this.#image;
    if (guest >= this.size) return false;
    const cluster = Math.floor(guest / g.clusterSize);
    const { bytes, known } = this.#tableAt(Math.floor(cluster / g.l2Entries));
    if (!known) return false;
    const at = (cluster % g.l2Entries) * g.l2EntrySize;
    const word = (i: number): number => (bytes && i * 4 < g.l2EntrySize ? bytes.getInt32(at + i * 4) : 0);
    const entry: L2Words = { hi: word(0), lo: word(1), zeroBits: word(2), allocatedBits: word(3) };
    const sub = g.l2EntrySize === 16 ? Math.floor(((guest % g.clusterSize) * 32) / g.clusterSize) : 0;
    const { kind, host, hostLength } = unitState(g, device.size, cluster, entry, sub);
    if (kind === 'data' && !g.dataFile)
      device.read(Math.floor((host as number) / g.clusterSize) * g.clusterSize + (guest % g.clusterSize), target);
    else if (kind === 'zero' || kind === 'zero-allocated') target.fill(0);
    else if (kind === 'unallocated' || kind === 'unallocated-allocated') {
      target.fill(0);
      return backing === undefined;
    } else if (kind === 'compressed') {
      const start = cluster * g.clusterSize;
      return this.#readCompressed({ host, hostLength }, guest - start, target);
    } else return false;
    return true;
  }

  #readCompressed(stream: { host?: number; hostLength?: number }, from: number, target: Uint8Array): boolean {
    try {
      const bytes = this.#image.readCompressed({ kind: 'compressed', guest: 0, length: 0, ...stream });
      target.set(bytes.subarray(from, from + target.length));
      return true;
    } catch {
      return false;
    }
  }

  #tableAt(slot: number): { bytes: DataView | undefined; known: boolean } {
    if (this.#table?.slot === slot) return this.#table;
    const { geometry: g, device } = this.#image;
    const entry = new DataView(readBytes(device, g.l1Offset + slot * 8, 8).buffer);
    const { offset, fault } = l1State(g, device.size, entry.getInt32(0), entry.getInt32(4));
    const bytes =
      offset > 0 && fault === undefined ? new DataView(readBytes(device, offset, g.clusterSize).buffer) : undefined;
    this.#table = { slot, bytes, known: fault === undefined };
    return this.#table;
  }
}
