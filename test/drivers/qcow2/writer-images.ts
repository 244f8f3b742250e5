/** qcow2 images in memory for tests of the writer: empty ones of any shape, and snapshots taken of them. */
import { runToEnd } from '../../../src/bytes/progress.ts';
import { patch } from '../../../src/bytes/struct.ts';
import { type Device, readBytes } from '../../../src/device/device.ts';
import { runRequest } from '../../../src/device/events.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { overlay } from '../../../src/device/overlay.ts';
import { type Disk, openForWriting } from '../../../src/disk/disk.ts';
import { qcow2Driver } from '../../../src/drivers/qcow2/driver.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import { HeaderCompression, HeaderV2, HeaderV3, MAGIC, SnapshotEntry } from '../../../src/drivers/qcow2/layout.ts';
import { allocateClusters } from '../../../src/drivers/qcow2/write/allocate.ts';
import { changeRefcounts } from '../../../src/drivers/qcow2/write/refcounts.ts';
import { openWriter } from '../../../src/drivers/qcow2/write/writer.ts';
import { rawDriver } from '../../../src/drivers/raw.ts';

export interface Shape {
  readonly clusterBits: number;
  readonly version?: 2 | 3;
  /** log2 of the refcounts' width. */
  readonly refcountOrder?: number;
  readonly extended?: boolean;
  readonly lazy?: boolean;
  /** Guest bytes. */
  readonly size: number;
  /** What lies below. */
  readonly below?: Uint8Array;
}

export function clusterSizeOf(shape: Shape): number {
  return 2 ** shape.clusterBits;
}

/** Header, refcount table, one refcount block, L1 table: as a new image is. */
export function emptyQcow2(shape: Shape): MemoryDevice {
  const { clusterBits, version = 3, refcountOrder = 4, extended = false, lazy = false, size } = shape;
  const cluster = 2 ** clusterBits;
  const l1Entries = Math.ceil(size / (cluster * (cluster / (extended ? 16 : 8))));
  const l1Clusters = Math.ceil((l1Entries * 8) / cluster);
  const head = new Uint8Array(cluster);
  patch(HeaderV2, head, {
    magic: MAGIC,
    version,
    cluster_bits: clusterBits,
    size,
    l1_size: l1Entries,
    l1_table_offset: 3 * cluster,
    refcount_table_offset: cluster,
    refcount_table_clusters: 1,
    // A name that nobody opens: who tests gives what lies below.
    ...(shape.below ? { backing_file_offset: 256, backing_file_size: 5 } : {}),
  });
  if (shape.below) head.set(Buffer.from('below'), 256);
  if (version === 3) {
    patch(HeaderV3, head, {
      incompatible_features: { extended_l2: extended },
      compatible_features: { lazy_refcounts: lazy },
      refcount_order: refcountOrder,
      header_length: HeaderCompression.size,
    });
  }
  const device = new MemoryDevice(head, 'x.qcow2');
  device.resize((3 + l1Clusters) * cluster);
  const entry = new Uint8Array(8);
  new DataView(entry.buffer).setUint32(4, 2 * cluster);
  device.write(cluster, entry);
  const block = new Uint8Array(cluster);
  const width = 2 ** refcountOrder;
  for (let i = 0; i < 3 + l1Clusters; i++) {
    const at = i * width;
    if (width < 8) block[at >> 3] = (block[at >> 3] ?? 0) | (1 << (at & 7));
    else block[(at + width) / 8 - 1] = 1;
  }
  device.write(2 * cluster, block);
  return device;
}

export function openDisk(device: Device, shape: Shape, warn?: (text: string) => void): Disk {
  const chain = shape.below ? [rawDriver.open(new MemoryDevice(shape.below), { name: 'below' })] : [];
  return runRequest(openForWriting(qcow2Driver, device, { name: 'x', warn }, chain));
}

/** The disk's bytes before anything is written. */
export function blank(shape: Shape): Uint8Array {
  const bytes = new Uint8Array(shape.size);
  if (shape.below) bytes.set(shape.below.subarray(0, shape.size));
  return bytes;
}

export function contents(disk: Disk): Uint8Array {
  const bytes = new Uint8Array(disk.size);
  runRequest(disk.read(0, bytes));
  return bytes;
}

/** Findings of our own check, `but` those that a test expects. */
export function findings(device: Device, severity: 'corruption' | 'any', but: readonly string[] = []): string[] {
  const report = runToEnd(Qcow2Image.open(device, { name: 'x' }).check());
  return report.findings
    .filter((finding) => severity === 'any' || finding.severity === 'corruption')
    .map(({ code }) => code)
    .filter((code) => !but.includes(code));
}

/** Takes a snapshot of an image without any, as `qemu-img snapshot -c` does: tables and clusters are shared afterwards. */
export function takeSnapshot(device: Device): void {
  const { state: w } = runRequest(openWriter(device, { name: 'x' }));
  const image = w.image;
  const { clusterSize, l1Entries, l1Offset, l2EntrySize } = w.g;
  const more = (offset: number, length: number): boolean => runRequest(changeRefcounts(w, offset, length, 1));
  for (const columns of image.mappings()) {
    for (let i = 0; i < columns.count; i++) {
      const { host, length, kind } = columns.at(i);
      if (kind === 'compressed') {
        for (let guest = columns.at(i).guest, end = guest + length; guest < end; guest += clusterSize) {
          const one = image.getMapping(guest);
          more(one.host as number, one.hostLength as number);
        }
      } else if (host !== undefined && host % clusterSize === 0) {
        // Of a cluster with subclusters the first piece counts; test images have no hole at a cluster's start then.
        more(host, length);
      }
    }
  }
  const l1 = readBytes(device, l1Offset, l1Entries * 8);
  const l1View = new DataView(l1.buffer);
  for (let i = 0; i < l1Entries; i++) {
    const table = l1View.getUint32(i * 8 + 4);
    if (table === 0) continue;
    more(table, clusterSize);
    const entries = readBytes(device, table, clusterSize);
    for (let at = 0; at < clusterSize; at += l2EntrySize) entries[at] = (entries[at] as number) & 0x7f;
    device.write(table, entries);
    l1View.setUint8(i * 8, 0);
  }
  const copy = runRequest(allocateClusters(w, l1.length));
  const list = runRequest(allocateClusters(w, 64));
  runRequest(w.blocks.flush());
  device.write(l1Offset, l1);
  device.write(copy, l1);
  const entry = new Uint8Array(64);
  patch(SnapshotEntry, entry, {
    l1_table_offset: copy,
    l1_size: l1Entries,
    id_str_size: 1,
    name_size: 1,
    extra_data_size: 16,
  });
  new DataView(entry.buffer).setUint32(52, w.g.size);
  entry.set(Buffer.from('1s'), 56);
  device.write(list, entry);
  const head = readBytes(device, 0, HeaderV2.size);
  patch(HeaderV2, head, { nb_snapshots: 1, snapshots_offset: list });
  device.write(0, head);
}

/** What the snapshot's guest reads: its L1 table in the place of the active one. */
export function snapshotContents(device: Device, shape: Shape): Uint8Array {
  const [snapshot] = Qcow2Image.open(device, { name: 'x' }).snapshots;
  if (!snapshot) throw new Error('no snapshot');
  const head = readBytes(device, 0, HeaderV2.size);
  patch(HeaderV2, head, { l1_table_offset: snapshot.l1Offset, l1_size: snapshot.l1Entries });
  return contents(openDisk(new MemoryDevice(readBytes(overlay(device, 0, head), 0, device.size)), shape));
}
