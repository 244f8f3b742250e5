/** QED images built by hand, byte by byte from the declared layout. */
import { patch } from '../../../src/bytes/struct.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { Header, MAGIC } from '../../../src/drivers/qed/layout.ts';

export interface Handmade {
  readonly clusterSize: number;
  readonly tableClusters: number;
  readonly headerClusters?: number;
  /** Guest bytes. */
  readonly size: number;
  /** L1 table at this cluster; default: behind the header area. */
  readonly l1Cluster?: number;
  /** L1 entries by index, as [lo, hi] or an offset in bytes. */
  readonly l1: Readonly<Record<number, Entry>>;
  /** L2 tables: the cluster they stand at, and their entries by index. */
  readonly l2: readonly { readonly cluster: number; readonly entries: Readonly<Record<number, Entry>> }[];
  /** Bytes; the file is cut or grown to it. */
  readonly fileSize: number;
}

export type Entry = number | readonly [lo: number, hi: number];

export function handmade(image: Handmade): MemoryDevice {
  const device = new MemoryDevice(image.fileSize);
  const { clusterSize } = image;
  const headerClusters = image.headerClusters ?? 1;
  const l1 = (image.l1Cluster ?? headerClusters) * clusterSize;
  const head = new Uint8Array(Header.size);
  patch(Header, head, {
    magic: MAGIC,
    cluster_size: clusterSize,
    table_size: image.tableClusters,
    header_size: headerClusters,
    l1_table_offset: l1,
    image_size: image.size,
  });
  device.write(0, head);
  writeEntries(device, l1, image.l1);
  for (const table of image.l2) writeEntries(device, table.cluster * clusterSize, table.entries);
  device.resize(image.fileSize);
  return device;
}

function writeEntries(device: MemoryDevice, table: number, entries: Readonly<Record<number, Entry>>): void {
  for (const [index, entry] of Object.entries(entries)) {
    const [lo, hi] = typeof entry === 'number' ? [entry % 2 ** 32, Math.floor(entry / 2 ** 32)] : entry;
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, lo >>> 0, true);
    view.setUint32(4, hi >>> 0, true);
    device.write(table + Number(index) * 8, bytes);
  }
}
