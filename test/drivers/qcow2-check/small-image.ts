/**
 * Small qcow2 files for the tests of check: an honest one of 512-byte clusters (or as asked), built byte by byte, and
 * the driver's check run over bytes.
 */
import { runToEnd } from '../../../src/bytes/progress.ts';
import type { Device } from '../../../src/device/device.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type { CheckReport } from '../../../src/drivers/finding.ts';
import { readBitmaps } from '../../../src/drivers/qcow2/bitmaps.ts';
import { geometry, readHeader } from '../../../src/drivers/qcow2/header.ts';
import { checkQcow2 } from '../../../src/drivers/qcow2/rules.ts';
import { readSnapshots } from '../../../src/drivers/qcow2/snapshots.ts';

export interface SmallOptions {
  readonly version?: 2 | 3;
  readonly clusterBits?: number;
  readonly refcountOrder?: number;
  readonly extended?: boolean;
  readonly incompatible?: number;
  /** Clusters of the file. */
  readonly clusters?: number;
  /** Entries of the active L1 table; at most what one cluster holds. */
  readonly l1Entries?: number;
}

/** Cluster numbers of the structures in a small image. */
export const AT = { table: 1, block: 2, l1: 3, l2: 4, data: 5 } as const;
export const COPIED = 1n << 63n;

/**
 * Header, refcount table, one refcount block, L1, one L2 table with two data clusters; the rest of the file is free.
 */
export function smallImage(options: SmallOptions = {}): Buffer {
  const { version = 3, clusterBits = 9, refcountOrder = 4, extended = false, clusters = 12, l1Entries = 4 } = options;
  const c = 2 ** clusterBits;
  const file = Buffer.alloc(clusters * c);
  file.writeUInt32BE(0x5146_49fb, 0);
  file.writeUInt32BE(version, 4);
  file.writeUInt32BE(clusterBits, 20);
  file.writeBigUInt64BE(BigInt(c * 4), 24);
  file.writeUInt32BE(l1Entries, 36);
  file.writeBigUInt64BE(BigInt(AT.l1 * c), 40);
  file.writeBigUInt64BE(BigInt(AT.table * c), 48);
  file.writeUInt32BE(1, 56);
  if (version === 3) {
    file.writeUInt32BE((options.incompatible ?? 0) | (extended ? 16 : 0), 76);
    file.writeUInt32BE(refcountOrder, 96);
    file.writeUInt32BE(104, 100);
  }
  file.writeBigUInt64BE(BigInt(AT.block * c), AT.table * c);
  file.writeBigUInt64BE(COPIED | BigInt(AT.l2 * c), AT.l1 * c);
  file.writeBigUInt64BE(COPIED | BigInt(AT.data * c), AT.l2 * c);
  file.writeBigUInt64BE(COPIED | BigInt((AT.data + 1) * c), AT.l2 * c + (extended ? 16 : 8));
  if (extended) {
    file.writeUInt32BE(0xffff_ffff, AT.l2 * c + 12);
    file.writeUInt32BE(0xffff_ffff, AT.l2 * c + 28);
  }
  for (let i = 0; i <= AT.data + 1; i++) setRefcount(file, i, 1n);
  return file;
}

/** Writes the refcount of `cluster` into the image's only block. */
export function setRefcount(file: Buffer, cluster: number, count: bigint): void {
  const c = 2 ** file.readUInt32BE(20);
  const width = file.readUInt32BE(4) === 3 ? 2 ** file.readUInt32BE(96) : 16;
  const at = AT.block * c + Math.floor((cluster * width) / 8);
  if (width < 8) {
    const shift = (cluster * width) % 8;
    const mask = (2 ** width - 1) << shift;
    file[at] = ((file[at] as number) & ~mask) | ((Number(count) << shift) & mask);
    return;
  }
  for (let i = 0; i < width / 8; i++) file[at + i] = Number((count >> BigInt(width - 8 - 8 * i)) & 0xffn);
}

/** Runs the driver's check. Throws what opening throws. */
export function checkBytes(file: Uint8Array): CheckReport {
  return checkDevice(new MemoryDevice(file));
}

export function checkDevice(device: Device): CheckReport {
  const header = readHeader(device);
  const g = geometry(header, device.size);
  const snapshotTable = readSnapshots(device, header);
  const bitmapTable = readBitmaps(device, header, g);
  return runToEnd(checkQcow2({ device, header, geometry: g, snapshotTable, bitmapTable }));
}
