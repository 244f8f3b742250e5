/**
 * The first sector of a QED file, as a conversion target writes it: the header, and the backing name where it fits.
 * One 512-byte sector, because one sector is what a disk writes atomically.
 */
import type { Range } from '../../bytes/ranges.ts';
import { patch } from '../../bytes/struct.ts';
import type { BackingReference } from '../driver.ts';
import { type NamePlace, SECTOR } from '../two-level/first-sector.ts';
import { Header, MAGIC } from './layout.ts';

/**
 * Behind the header when it fits the sector; else where the source has it, if that is not under the header itself;
 * else in bytes of the source's header area that the source does not read (`slack`). Undefined: nowhere.
 */
export function placeBackingName(
  backing: BackingReference,
  standsAt: number | undefined,
  slack: Range | undefined,
): NamePlace | undefined {
  const length = Buffer.byteLength(backing.file);
  if (Header.size + length <= SECTOR) return { offset: Header.size, where: 'sector' };
  if (standsAt !== undefined && standsAt >= Header.size) return { offset: standsAt, where: 'stays' };
  if (!slack) return undefined;
  const offset = Math.max(slack.offset, SECTOR);
  return offset + length <= slack.offset + slack.length ? { offset, where: 'slack' } : undefined;
}

/** Fields of a header that a conversion target has to choose. */
export interface NewHeader {
  readonly clusterSize: number;
  /** Clusters. */
  readonly tableClusters: number;
  readonly headerClusters: number;
  readonly l1Offset: number;
  /** Guest bytes. */
  readonly size: number;
  readonly backing?: BackingReference;
  /** Where the backing name stands, from `placeBackingName`. */
  readonly backingNameOffset: number;
}

export function buildHeaderSector(header: NewHeader): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  const { backing } = header;
  const name = Buffer.from(backing?.file ?? '');
  patch(Header, sector, {
    magic: MAGIC,
    cluster_size: header.clusterSize,
    table_size: header.tableClusters,
    header_size: header.headerClusters,
    features: { backing_file: backing !== undefined, backing_format_no_probe: backing?.format === 'raw' },
    l1_table_offset: header.l1Offset,
    image_size: header.size,
    backing_filename_offset: backing ? header.backingNameOffset : 0,
    backing_filename_size: name.length,
  });
  // A name that stays where it is may begin in this sector: its first part must survive.
  const room = SECTOR - header.backingNameOffset;
  if (backing && room > 0) sector.set(name.subarray(0, room), header.backingNameOffset);
  return sector;
}
