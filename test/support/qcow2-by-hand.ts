/**
 * A qcow2 file made of a raw disk, its clusters allocated in any order wanted: as a guest wrote them, and not as
 * `qemu-img convert` does, from front to back. An L2 table comes into being with the first cluster in it, as in QEMU.
 */

import type { Device } from '../../src/device/device.ts';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';

export interface ByHand {
  readonly clusterSize: number;
  readonly version?: 2 | 3;
  /** Guest clusters in the order in which they are written; those not named are written front to back at the end. */
  order?(clusters: readonly number[]): readonly number[];
}

/** Clusters of zeros are left out. */
export function qcow2ByHand(disk: Device, { clusterSize, version = 3, order }: ByHand): MemoryDevice {
  const perTable = clusterSize / 8;
  const perBlock = clusterSize / 2;
  const l1Entries = Math.ceil(disk.size / (clusterSize * perTable));
  const l1Clusters = Math.ceil((l1Entries * 8) / clusterSize);
  const used: number[] = [];
  const cluster = new Uint8Array(clusterSize);
  for (let i = 0; i < Math.ceil(disk.size / clusterSize); i++) {
    disk.read(i * clusterSize, cluster);
    if (cluster.some((byte) => byte !== 0)) used.push(i);
  }
  const file = new MemoryDevice(0, 'by-hand.qcow2');
  // Refcount table and blocks have room for twice what could be needed.
  const most = (used.length + l1Entries + 8) * 2;
  const blocks = Math.ceil(most / perBlock);
  const tableClusters = Math.ceil((blocks * 8) / clusterSize);
  const tableAt = clusterSize;
  const blocksAt = tableAt + tableClusters * clusterSize;
  const l1At = blocksAt + blocks * clusterSize;
  let end = l1At + l1Clusters * clusterSize;
  const tables = new Map<number, number>();
  const sorted = order ? [...new Set([...order(used), ...used])] : used;
  for (const guest of sorted) {
    const index = Math.floor(guest / perTable);
    let table = tables.get(index);
    if (table === undefined) {
      table = end;
      tables.set(index, table);
      file.write(l1At + index * 8, entry(table));
      file.write(table, new Uint8Array(clusterSize));
      end += clusterSize;
    }
    file.write(table + (guest % perTable) * 8, entry(end));
    file.write(end, readBytes(disk, guest * clusterSize, clusterSize));
    end += clusterSize;
  }
  for (let i = 0; i < blocks; i++) {
    const block = new Uint8Array(clusterSize);
    for (let j = 0; j < perBlock && (i * perBlock + j) * clusterSize < end; j++) block[j * 2 + 1] = 1;
    file.write(blocksAt + i * clusterSize, block);
    file.write(tableAt + i * 8, number64(blocksAt + i * clusterSize));
  }
  file.write(0, header({ version, clusterSize, size: disk.size, l1Entries, l1At, tableAt, tableClusters }));
  if (file.size < end) file.resize(end);
  return file;
}

function entry(offset: number): Uint8Array {
  const bytes = number64(offset);
  bytes[0] = 0x80;
  return bytes;
}

function number64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(value / 2 ** 32));
  view.setUint32(4, value % 2 ** 32);
  return bytes;
}

function header(of: {
  version: 2 | 3;
  clusterSize: number;
  size: number;
  l1Entries: number;
  l1At: number;
  tableAt: number;
  tableClusters: number;
}): Uint8Array {
  const bytes = new Uint8Array(of.clusterSize);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x5146_49fb);
  view.setUint32(4, of.version);
  view.setUint32(20, Math.log2(of.clusterSize));
  bytes.set(number64(of.size), 24);
  view.setUint32(36, of.l1Entries);
  bytes.set(number64(of.l1At), 40);
  bytes.set(number64(of.tableAt), 48);
  view.setUint32(56, of.tableClusters);
  if (of.version === 3) {
    view.setUint32(96, 4);
    view.setUint32(100, 104);
  }
  return bytes;
}
