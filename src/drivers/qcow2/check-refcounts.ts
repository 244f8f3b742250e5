/**
 * Check, third walk: the refcount table, its blocks, and the comparison of every refcount with what was counted.
 *
 * Invariants:
 *  1. Only clusters of the file are compared; counters behind its end are looked at once per block, because QEMU does
 *     not look at them at all.
 *  2. Neighbouring clusters with the same two numbers make one finding.
 */

import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../bytes/progress.ts';
import { hex, hex64 } from '../../bytes/size.ts';
import type { Where } from '../../errors.ts';
import type { Finding } from '../finding.ts';
import type { Claims } from './check-claims.ts';
import type { Ownership } from './check-owners.ts';
import { BLOCK_PIECE, decodeCounters, type RefcountTable } from './check-refcount-table.ts';
import { refcountBits } from './geometry.ts';
import { RefcountTableEntry } from './layout.ts';

/** Rules of the refcount table's entries; claims the blocks. */
export function countRefcountBlocks(claims: Claims, table: RefcountTable): void {
  const { g, log } = claims;
  for (let i = 0; i < table.entries; i++) {
    const lo = table.words[2 * i] as number;
    const hi = table.words[2 * i + 1] as number;
    if ((lo | hi) === 0) continue;
    const offset = table.block(i);
    const where = (): Where => ({
      offset: g.refcountTableOffset + 8 * i,
      length: 8,
      path: `refcount_table[${i}]`,
      spec: RefcountTableEntry.spec,
    });
    if ((lo & RefcountTableEntry.reserved.lo) !== 0) {
      log.addLazily('corruption', 1, () => ({
        code: 'refcount-table-reserved-bits',
        severity: 'corruption',
        class: 'reserved',
        where: where(),
        what: `refcount table entry ${hex64(hi, lo)} has bits of ${hex(lo & RefcountTableEntry.reserved.lo)} set, which are reserved and must be 0`,
        means: 'QEMU builds all refcounts anew when it repairs the image',
      }));
    } else if (!table.aligned(i)) {
      log.addLazily('corruption', 1, () => ({
        code: 'refcount-block-align',
        severity: 'corruption',
        class: 'align',
        where: where(),
        what: `refcount table entry ${hex64(hi, lo)} is not a multiple of the cluster size ${hex(g.clusterSize)}, as the offset of a block must be`,
        means: 'the refcounts in this block cannot be read, and the image cannot be written',
      }));
    } else if (offset / g.clusterSize >= claims.clusters) {
      log.addLazily('corruption', 1, () => ({
        code: 'refcount-block-past-end',
        severity: 'corruption',
        class: 'eof',
        where: where(),
        what: `refcount table entry ${hex64(hi, lo)} puts its block at ${hex(offset)}, behind the end of the file at ${hex(claims.device.size)}`,
        means: 'all refcounts of this block read as 0: writes would take clusters that are in use',
      }));
    } else {
      claimBlock(claims, i, offset, where);
    }
  }
}

function claimBlock(claims: Claims, i: number, offset: number, where: () => Where): void {
  const { g, log } = claims;
  const cluster = offset / g.clusterSize;
  claims.claim(offset, g.clusterSize, 1, () => ({ what: 'a refcount block', where: where() }));
  const again = claims.refcountBlocks.testAndSet(cluster);
  const count = claims.counts.get(cluster);
  if (count === 1) return;
  log.addLazily('corruption', 1, () => ({
    code: again ? 'refcount-block-dup' : 'refcount-block-overlap',
    severity: 'corruption',
    class: again ? 'dup' : 'overlap',
    where: where(),
    what: `refcount block ${i} at ${hex(offset)} is referenced ${count} times, expected 1${again ? ': another entry of the refcount table points to it' : ''}`,
    means: 'a write to the other owner changes refcounts, and the other way round',
    references: claims.wanted.of(cluster),
  }));
}

/** What comparing gave. Bytes of the file, without what lies behind its end. */
export interface Comparison {
  /** The highest cluster of the file that is in use or marked so; 0 when there is none, as QEMU. */
  readonly highest: number;
  readonly freeBytes: number;
  readonly leakedBytes: number;
  /** Whether every refcount is what was counted. */
  readonly allEqual: boolean;
}

/** Compares every refcount of the file's clusters with the references counted. */
export function* compareRefcounts(
  claims: Claims,
  table: RefcountTable,
  ownership: Ownership,
  tell?: (run: Mismatch) => void,
): Generator<Progress, Comparison> {
  const { g } = claims;
  const comparer = new Comparer(claims, table, ownership, tell);
  const blocks = Math.ceil(claims.clusters / g.refcountsPerBlock);
  let absentFrom = 0;
  for (let i = 0; i < Math.min(blocks, table.entries); i++) {
    const from = i * g.refcountsPerBlock;
    if (table.block(i) === 0) continue;
    comparer.absent(absentFrom, from);
    const to = Math.min(from + g.refcountsPerBlock, claims.clusters);
    if (table.readable(i)) yield* comparer.block(i, from, to);
    else comparer.unreadable(from, to);
    absentFrom = to;
  }
  comparer.absent(absentFrom, claims.clusters);
  comparer.end();
  countBehindEnd(claims, table, blocks);
  return comparer;
}

/** A run of clusters with the same refcount and the same number of references, which differ. */
export interface Mismatch {
  readonly first: number;
  readonly count: number;
  readonly disk: number;
  readonly counted: number;
}

class Comparer implements Comparison {
  highest = 0;
  freeBytes = 0;
  leakedBytes = 0;
  allEqual = true;
  readonly #claims: Claims;
  readonly #table: RefcountTable;
  readonly #ownership: Ownership;
  readonly #piece = Buffer.alloc(BLOCK_PIECE);
  readonly #ones: Buffer;
  readonly #tell: ((run: Mismatch) => void) | undefined;
  #run: { first: number; count: number; disk: number; counted: number } | undefined;

  constructor(claims: Claims, table: RefcountTable, ownership: Ownership, tell?: (run: Mismatch) => void) {
    this.#tell = tell;
    this.#claims = claims;
    this.#table = table;
    this.#ownership = ownership;
    this.#ones = countersOfOne(claims.g.refcountOrder);
  }

  /** Block `i`, which covers the clusters from `first`; compares those below `end`. */
  *block(i: number, first: number, end: number): Generator<Progress, void> {
    const { clusterSize, refcountOrder } = this.#claims.g;
    const width = 2 ** refcountOrder;
    for (let at = 0; at < clusterSize; at += BLOCK_PIECE) {
      const bytes = this.#piece.subarray(0, Math.min(BLOCK_PIECE, clusterSize - at));
      const from = first + (at * 8) / width;
      const to = Math.min(from + (bytes.length * 8) / width, end);
      if (from >= to) return;
      this.#claims.device.read(this.#table.block(i) + at, bytes);
      this.#comparePiece(bytes, from, to);
      yield { what: 'refcounts', done: to, total: this.#claims.clusters };
    }
  }

  #comparePiece(bytes: Buffer, from: number, to: number): void {
    const { counts, g } = this.#claims;
    const whole = to - from === (bytes.length * 8) / refcountBits(g);
    if (whole && bytes.equals(this.#ones.subarray(0, bytes.length)) && counts.allAre(1, from, to)) {
      this.highest = to - 1;
      return;
    }
    this.#compareEach(decodeCounters(bytes, g.refcountOrder), from, to);
  }

  /** All clusters lie in one page of the counts: pieces are powers of two, and aligned to their size. */
  #compareEach(disk: ArrayLike<number>, from: number, to: number): void {
    const { planes, firstWord } = this.#claims.counts.pageOf(from);
    const counted = new Float64Array(32);
    let free = 0;
    for (let base = from, i = firstWord; base < to; base += 32, i++) {
      const count = Math.min(32, to - base);
      for (let j = 0; j < count; j++) counted[j] = 0;
      for (let p = 0; p < planes.length; p++) addPlane(counted, count, (planes[p] as Int32Array)[i] as number, 2 ** p);
      for (let j = 0; j < count; j++) {
        const onDisk = disk[base - from + j] as number;
        const references = counted[j] as number;
        if (onDisk !== references) this.#mismatch(base + j, onDisk, references);
        else if (onDisk === 0) {
          free++;
          continue;
        }
        this.highest = base + j;
      }
    }
    this.freeBytes += free * this.#claims.g.clusterSize;
    if (free > 0 && this.highest < to - 1) this.freeBytes += this.#bytes(to - 1, 1) - this.#claims.g.clusterSize;
  }

  /** Clusters without a refcount block: all their refcounts are 0. */
  absent(from: number, to: number): void {
    if (from >= to) return;
    this.freeBytes += this.#bytes(from, to - from);
    for (const cluster of this.#claims.counts.referenced(from, to)) {
      this.highest = cluster;
      this.freeBytes -= this.#bytes(cluster, 1);
      this.#mismatch(cluster, 0, this.#claims.counts.get(cluster));
    }
  }

  /** QEMU counts an internal error for each refcount it cannot read. */
  unreadable(from: number, to: number): void {
    this.allEqual = false;
    this.#claims.log.checkErrors += to - from;
  }

  /** Bytes of `count` clusters from `first` that the file has. */
  #bytes(first: number, count: number): number {
    const { g, device } = this.#claims;
    const end = Math.min((first + count) * g.clusterSize, device.size);
    return Math.max(0, end - first * g.clusterSize);
  }

  #mismatch(cluster: number, disk: number, counted: number): void {
    const run = this.#run;
    this.allEqual = false;
    if (run && cluster === run.first + run.count && disk === run.disk && counted === run.counted) {
      run.count++;
      return;
    }
    this.end();
    this.#run = { first: cluster, count: 1, disk, counted };
  }

  /** Reports the run of equal mismatches, if there is one. */
  end(): void {
    const run = this.#run;
    this.#run = undefined;
    if (!run) return;
    this.#tell?.(run);
    if (run.counted === 0) this.leakedBytes += this.#bytes(run.first, run.count);
    const severity = run.disk > run.counted ? 'leak' : 'corruption';
    this.#claims.log.addLazily(severity, run.count, () => this.#finding(run, severity));
  }

  #finding(run: Mismatch, severity: 'leak' | 'corruption'): Finding {
    const { first, count, disk, counted } = run;
    const { clusterSize } = this.#claims.g;
    const owners = severity === 'corruption' && counted > 1 ? this.#ownership.of(first) : [];
    const which = count === 1 ? `cluster ${first}` : `clusters ${first} to ${first + count - 1}`;
    const value = this.#table.text(first);
    const references = `${counted} ${counted === 1 ? 'reference' : 'references'}`;
    return {
      code: disk === 0 ? 'referenced-but-free' : severity === 'leak' ? 'leaked' : 'refcount-too-low',
      severity,
      class: owners.length > 0 ? 'overlap' : severity === 'corruption' && counted > 1 ? 'dup' : 'consistency',
      where: this.#table.where(first, count),
      what: `the refcount of ${which} (at ${hex(first * clusterSize)}) is ${value}, expected ${counted}: ${references} found${owners.length > 0 ? `, one of them as ${owners.join(' and ')}` : ''}`,
      means:
        severity === 'leak'
          ? 'the space is not used again; guest data is not affected'
          : 'the next write may take a cluster that is in use',
      ...(counted > 0 && { references: this.#claims.wanted.of(first) }),
      qemuCount: count,
    };
  }
}

/** Adds what one plane of the counts says of 32 clusters. */
function addPlane(counted: Float64Array, count: number, word: number, weight: number): void {
  if (word === 0) return;
  for (let j = 0; j < count; j++) if (((word >>> j) & 1) !== 0) counted[j] = (counted[j] as number) + weight;
}

/** Counters that are all 1, one piece of a block. */
function countersOfOne(order: number): Buffer {
  const width = 2 ** order;
  const ones = Buffer.alloc(BLOCK_PIECE, width < 8 ? 255 / (2 ** width - 1) : 0);
  if (width >= 8) for (let i = width / 8 - 1; i < ones.length; i += width / 8) ones[i] = 1;
  return ones;
}

/** Counters of clusters that the file does not have: QEMU does not look at them. Each block once. */
function countBehindEnd(claims: Claims, table: RefcountTable, blocks: number): void {
  const { g, device } = claims;
  const seen = new ClusterBitmap();
  const piece = Buffer.alloc(BLOCK_PIECE);
  const zeros = Buffer.alloc(BLOCK_PIECE);
  const width = refcountBits(g);
  for (let i = Math.max(0, blocks - 1); i < table.entries; i++) {
    const offset = table.block(i);
    if (offset === 0 || offset >= device.size || !table.readable(i) || seen.testAndSet(offset / g.clusterSize))
      continue;
    const from = Math.max(0, claims.clusters - i * g.refcountsPerBlock);
    const start = Math.floor((from * width) / 8);
    for (let at = start; at < g.clusterSize; at += piece.length) {
      const bytes = piece.subarray(0, Math.min(piece.length, g.clusterSize - at));
      device.read(offset + at, bytes);
      // The first byte may hold counters of clusters that the file does have.
      if (at === start) bytes[0] = (bytes[0] as number) & (-1 << ((from * width) % 8));
      if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
      const index = bytes.findIndex((byte) => byte !== 0);
      claims.log.add(behindEnd(claims, table, i * g.refcountsPerBlock + Math.floor(((at + index) * 8) / width)));
      break;
    }
  }
}

function behindEnd(claims: Claims, table: RefcountTable, near: number): Finding {
  const cluster = Math.max(near, claims.clusters);
  return {
    code: 'refcount-behind-end',
    severity: 'leak',
    class: 'consistency',
    where: table.where(cluster, 1),
    what: `refcounts of clusters behind the end of the file are not 0, the first near cluster ${cluster}; the file has ${claims.clusters} clusters`,
    means: 'space that a growing file will not use; guest data is not affected',
    qemuCount: 0,
  };
}
