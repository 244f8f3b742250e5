/**
 * What persistent bitmaps claim: the directory, their tables, and the clusters these point to. The directory itself
 * was checked when the image was opened; tables of bitmaps marked in use were not.
 */
import { decodeEntry, hasReservedBits } from '../../bytes/bits.ts';
import { hex64 } from '../../bytes/size.ts';
import type { Where } from '../../errors.ts';
import type { Bitmaps } from './bitmaps.ts';
import type { Claims } from './check-claims.ts';
import { coverage } from './check-coverage.ts';
import { BitmapDirectoryEntry, BitmapTableEntry } from './layout.ts';

/** Bytes of a table read at a time. */
const PIECE = 65_536;

export function countBitmaps(claims: Claims, { bitmaps, directoryOffset, directoryBytes }: Bitmaps): void {
  const spec = BitmapDirectoryEntry.spec;
  const directory: Where = { offset: directoryOffset, length: directoryBytes, path: 'bitmap_directory', spec };
  claims.claimTable(directoryOffset, directoryBytes, 'the bitmap directory', () => directory);
  bitmaps.forEach(({ offset, tableOffset, tableEntries }, i) => {
    claims.claimTable(tableOffset, tableEntries * 8, `the table of bitmap ${i}`, () => ({
      offset,
      length: 8,
      path: `bitmap_directory_entry[${i}].bitmap_table_offset`,
      spec,
    }));
  });
  const spans = bitmaps.map((b) => ({ offset: b.tableOffset, length: b.tableEntries * 8, times: 1 }));
  const bytes = Buffer.alloc(PIECE);
  for (const { offset, length, times } of coverage(spans, claims.device.size)) {
    for (let done = 0; done < length; done += PIECE) {
      const part = bytes.subarray(0, Math.ceil(Math.min(PIECE, length - done) / 8) * 8);
      claims.device.read(offset + done, part);
      for (let at = 0; at < part.length; at += 8) countEntry(claims, part, at, offset + done + at, times);
    }
  }
}

function countEntry(claims: Claims, bytes: Buffer, at: number, offset: number, times: number): void {
  const hi = bytes.readInt32BE(at);
  const lo = bytes.readInt32BE(at + 4);
  if ((hi | lo) === 0) return;
  const { clusterSize } = claims.g;
  const entry = decodeEntry(BitmapTableEntry, hi, lo);
  const where: Where = { offset, length: 8, path: `bitmap_table@${offset}`, spec: BitmapTableEntry.spec };
  const reserved = hasReservedBits(BitmapTableEntry, hi, lo) || (entry.offset !== 0 && entry.all_ones !== 0);
  if (reserved || entry.offset % clusterSize !== 0) {
    claims.log.addLazily('corruption', times, () => ({
      code: reserved ? 'bitmap-table-reserved-bits' : 'bitmap-table-align',
      severity: 'corruption',
      class: reserved ? 'reserved' : 'align',
      where,
      what: `bitmap table entry ${hex64(hi, lo)}: ${reserved ? 'its reserved bits must be 0' : `a multiple of the cluster size (${clusterSize}) required`}`,
      qemuCount: times,
    }));
  } else if (entry.offset !== 0) {
    claims.claim(entry.offset, clusterSize, times, () => ({ what: 'data of a bitmap', where }));
  }
}
