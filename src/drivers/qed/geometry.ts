/**
 * QED's checked geometry: only `geometry()` (header.ts) makes one from a header as read, and only functions here do
 * arithmetic on it. Everything is in bytes unless the name says entries or clusters.
 */
import { roundDown, roundUp } from '../../bytes/size.ts';

export interface Geometry {
  readonly clusterSize: number;
  readonly clusterBits: number;
  /** Clusters of one table. */
  readonly tableClusters: number;
  /** Bytes of one table. */
  readonly tableBytes: number;
  /** Entries of one table, L1 and L2 alike. */
  readonly tableEntries: number;
  /** Clusters of the header area, header_size. */
  readonly headerClusters: number;
  readonly headerBytes: number;
  readonly l1Offset: number;
  /** Guest bytes. */
  readonly size: number;
  /** Where the file's last whole cluster ends, its last sector perhaps cut short: QEMU sees nothing behind it. */
  readonly fileEnd: number;
}

/** Table entries of 8 bytes. */
export function tableEntries(clusterSize: number, tableClusters: number): number {
  return (tableClusters * clusterSize) / 8;
}

/** Guest bytes that one L2 table covers. */
export function bytesPerL2(g: Geometry): number {
  return g.tableEntries * g.clusterSize;
}

/** How many L1 entries the guest disk needs. */
export function l1EntriesFor(g: Geometry): number {
  return Math.ceil(g.size / bytesPerL2(g));
}

/** Guest clusters of the disk, the last one perhaps partial. */
export function guestClusters(g: Geometry): number {
  return Math.ceil(g.size / g.clusterSize);
}

/** The largest disk that tables of this shape address. */
export function largestDisk(clusterSize: number, tableClusters: number): number {
  return tableEntries(clusterSize, tableClusters) ** 2 * clusterSize;
}

/**
 * QEMU computes the largest disk modulo 2^64: for shapes that address 2^64 bytes or more it gets 0, and refuses every
 * image that is not empty.
 */
export function qemuOverflows(clusterSize: number, tableClusters: number): boolean {
  return largestDisk(clusterSize, tableClusters) >= 2 ** 64;
}

/** QEMU multiplies clusters by bytes in 32 bits while it maps: an L2 table must cover less than 4 GiB to be safe. */
export function qemuMapIsSafe(clusterSize: number, tableClusters: number): boolean {
  return tableEntries(clusterSize, tableClusters) * clusterSize < 2 ** 32;
}

/**
 * Leaks that `qemu-img check` reports beside the true ones: it numbers clusters by dividing bytes by
 * cluster_size - 1, so one number in every cluster_size is nobody's.
 */
export function qemuBogusLeaks(clusterSize: number, fileSize: number): number {
  return Math.floor(Math.floor(fileSize / clusterSize) / (clusterSize - 1));
}

/** Why an offset cannot be a data cluster's, or undefined when it can. QED: Consistency checking. */
export type OffsetFault = 'align' | 'overlap' | 'eof';

/** `offset` may be any 64-bit value as a double; doubles that lost bits lie past every file. */
export function clusterFault(g: Geometry, offset: number): OffsetFault | undefined {
  if (offset % g.clusterSize !== 0) return 'align';
  if (offset < g.headerBytes) return 'overlap';
  return offset < g.fileEnd ? undefined : 'eof';
}

/** The same for a table, all of whose clusters must be valid. */
export function tableFault(g: Geometry, offset: number): OffsetFault | undefined {
  return clusterFault(g, offset) ?? (offset + g.tableBytes <= g.fileEnd ? undefined : 'eof');
}

/** Rounds a file length to whole clusters as QEMU does at open: up to a sector first, then down. */
export function wholeClusters(clusterSize: number, fileSize: number): number {
  return roundDown(roundUp(fileSize, SECTOR), clusterSize);
}

const SECTOR = 512;
