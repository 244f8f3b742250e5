/**
 * The first sector of a qcow2 file, as a conversion target writes it: header, backing format extension, end marker,
 * and the backing name where it fits. One 512-byte sector, because one sector is what a disk writes atomically.
 */
import { patch } from '../../bytes/struct.ts';
import type { BackingReference } from '../driver.ts';
import { type NamePlace, SECTOR } from '../two-level/first-sector.ts';
import { EXTENSION, Extension, HeaderCompression, HeaderV2, HeaderV3, MAGIC } from './layout.ts';

/** Fields of a header without snapshots, encryption, bitmaps or data file: what a conversion target has. */
export interface NewHeader {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Guest bytes. */
  readonly size: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly refcountOrder: number;
  readonly backing?: BackingReference;
  /** Where the backing name stands, from `placeBackingName`. */
  readonly backingNameOffset: number;
}

/** Bytes of header and extensions, before the backing name. */
export function headerBytes(version: 2 | 3, backingFormat: string | undefined): number {
  const header = version === 2 ? HeaderV2.size : HeaderCompression.size;
  const format = backingFormat === undefined ? 0 : Extension.size + Math.ceil(backingFormat.length / 8) * 8;
  return header + format + Extension.size;
}

/**
 * Inside the sector when it fits; else where the source has it, when that is behind the sector and inside the first
 * cluster; else in bytes of the first cluster that the source does not read (`slack`, a byte range). Undefined: nowhere.
 */
export function placeBackingName(
  version: 2 | 3,
  clusterSize: number,
  backing: BackingReference,
  standsAt: number | undefined,
  slack: { readonly offset: number; readonly length: number } | undefined,
): NamePlace | undefined {
  const length = Buffer.byteLength(backing.file);
  const end = headerBytes(version, backing.format);
  if (end + length <= Math.min(SECTOR, clusterSize)) return { offset: end, where: 'sector' };
  if (end > SECTOR) return undefined;
  if (standsAt !== undefined && standsAt >= SECTOR && standsAt + length <= clusterSize) {
    return { offset: standsAt, where: 'stays' };
  }
  if (!slack) return undefined;
  const offset = Math.max(slack.offset, SECTOR);
  const fits = offset + length <= Math.min(slack.offset + slack.length, clusterSize);
  return fits ? { offset, where: 'slack' } : undefined;
}

export function buildHeaderSector(header: NewHeader): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  const name = Buffer.from(header.backing?.file ?? '');
  patch(HeaderV2, sector, {
    magic: MAGIC,
    version: header.version,
    backing_file_offset: header.backing ? header.backingNameOffset : 0,
    backing_file_size: name.length,
    cluster_bits: header.clusterBits,
    size: header.size,
    l1_size: header.l1Entries,
    l1_table_offset: header.l1Offset,
    refcount_table_offset: header.refcountTableOffset,
    refcount_table_clusters: header.refcountTableClusters,
  });
  let at: number = HeaderV2.size;
  if (header.version === 3) {
    at = HeaderCompression.size;
    patch(HeaderV3, sector, { refcount_order: header.refcountOrder, header_length: at });
  }
  if (header.backing?.format !== undefined) {
    const format = Buffer.from(header.backing.format);
    patch(Extension, sector, { type: EXTENSION.backing_format, length: format.length }, at);
    sector.set(format, at + Extension.size);
  }
  // The end marker is eight zero bytes: they are there already.
  if (header.backing && header.backingNameOffset < SECTOR) sector.set(name, header.backingNameOffset);
  return sector;
}
