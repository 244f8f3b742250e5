/** qcow2 images built by hand, field by field from the declared layout. */
import { patch } from '../../../src/bytes/struct.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { HeaderCompression, HeaderV2, HeaderV3, MAGIC } from '../../../src/drivers/qcow2/layout.ts';

/** A 64-bit big-endian entry as its halves. */
export type Entry = readonly [hi: number, lo: number];

export interface Handmade {
  readonly clusterBits: number;
  readonly version?: 2 | 3;
  readonly extended?: boolean;
  readonly dataFile?: boolean;
  readonly crypt?: number;
  /** Guest bytes. */
  readonly size: number;
  readonly l1Cluster?: number;
  readonly l1: readonly Entry[];
  /** L2 tables by the cluster they stand at; with extended L2 entries, two entries each. */
  readonly l2?: Readonly<Record<number, readonly Entry[]>>;
  /** Bytes; the file is cut or grown to it. */
  readonly fileSize: number;
}

export function handmade(image: Handmade): MemoryDevice {
  const { clusterBits, version = 3, extended = false, dataFile = false, crypt = 0, l1Cluster = 1 } = image;
  const clusterSize = 2 ** clusterBits;
  const device = new MemoryDevice(image.fileSize);
  const head = new Uint8Array(version === 2 ? HeaderV2.size : HeaderCompression.size);
  patch(HeaderV2, head, {
    magic: MAGIC,
    version,
    cluster_bits: clusterBits,
    size: image.size,
    crypt_method: crypt,
    l1_size: image.l1.length,
    l1_table_offset: l1Cluster * clusterSize,
  });
  if (version === 3) {
    const incompatible_features = { extended_l2: extended, data_file: dataFile };
    patch(HeaderV3, head, { incompatible_features, refcount_order: 4, header_length: HeaderCompression.size });
  }
  device.write(0, head);
  device.write(l1Cluster * clusterSize, entryBytes(image.l1));
  for (const [cluster, entries] of Object.entries(image.l2 ?? {})) {
    device.write(Number(cluster) * clusterSize, entryBytes(entries));
  }
  device.resize(image.fileSize);
  return device;
}

export function entryBytes(entries: readonly Entry[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(entries.length * 8));
  entries.forEach(([hi, lo], i) => {
    view.setInt32(i * 8, hi);
    view.setInt32(i * 8 + 4, lo);
  });
  return new Uint8Array(view.buffer);
}

/** The entry for a byte offset with flags in its high half. */
export function pointing(offset: number, flagsHi = 0, flagsLo = 0): Entry {
  return [Math.floor(offset / 2 ** 32) | flagsHi, (offset % 2 ** 32) | 0 | flagsLo];
}
