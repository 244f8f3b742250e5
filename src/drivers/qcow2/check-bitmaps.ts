/**
 * What persistent bitmaps claim: the directory, their tables, and the clusters these point to. The directory itself
 * was checked when the image was opened; tables of bitmaps marked in use were not.
 */
import { decodeEntry, hasReservedBits } from '../../bytes/bits.ts';
import { hex64 } from '../../bytes/size.ts';
import type { Where } from '../../errors.ts';
import type { Bitmap, Bitmaps } from './bitmaps.ts';
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
      path: `bitmap[${i}].bitmap_table_offset`,
      spec,
    }));
  });
  noteUnsaved(claims, bitmaps);
  for (const entry of bitmapEntries(claims, bitmaps)) checkEntry(claims, entry);
}

/** An entry of a bitmap's table that is not 0. */
interface TableEntry {
  readonly hi: number;
  readonly lo: number;
  /** Bytes; 0 for none. */
  readonly host: number;
  readonly where: () => Where;
  /** Bitmaps that have it. */
  readonly times: number;
}

/** Entries of all tables, those that several bitmaps have once. */
export function* bitmapEntries({ device }: Claims, bitmaps: readonly Bitmap[]): Generator<TableEntry> {
  const spans = bitmaps.map((b) => ({ offset: b.tableOffset, length: b.tableEntries * 8, times: 1 }));
  const bytes = Buffer.alloc(bitmaps.length > 0 ? PIECE : 0);
  for (const { offset, length, times } of coverage(spans, device.size)) {
    for (let done = 0; done < length; done += PIECE) {
      const part = bytes.subarray(0, Math.ceil(Math.min(PIECE, length - done) / 8) * 8);
      device.read(offset + done, part);
      for (let at = 0; at < part.length; at += 8) {
        const hi = part.readInt32BE(at);
        const lo = part.readInt32BE(at + 4);
        if ((hi | lo) === 0) continue;
        const place = offset + done + at;
        const where = (): Where => ({
          offset: place,
          length: 8,
          path: pathOf(bitmaps, place),
          spec: BitmapTableEntry.spec,
        });
        yield { hi, lo, host: decodeEntry(BitmapTableEntry, hi, lo).offset, where, times };
      }
    }
  }
}

/** Bitmaps in use are normal while a program has the image open, and lost once it is gone. */
function noteUnsaved({ log }: Claims, bitmaps: readonly Bitmap[]): void {
  for (const [i, { inUse, offset }] of bitmaps.entries()) {
    if (!inUse) continue;
    log.add({
      code: 'bitmap-in-use',
      severity: 'note',
      class: 'dirty',
      where: {
        offset: offset + BitmapDirectoryEntry.at.flags,
        length: 4,
        path: `bitmap[${i}].flags`,
        spec: BitmapDirectoryEntry.spec,
      },
      what: `bitmap ${i} is marked in use (bit 0): it was not saved after its last use`,
      means: 'what it says cannot be trusted: a backup that builds on it must be a full one',
      qemuCount: 0,
    });
  }
}

function checkEntry(claims: Claims, { hi, lo, host, where, times }: TableEntry): void {
  const { clusterSize } = claims.g;
  const isSet = decodeEntry(BitmapTableEntry, hi, lo).all_ones !== 0;
  const reserved = hasReservedBits(BitmapTableEntry, hi, lo) || (host !== 0 && isSet);
  if (reserved || host % clusterSize !== 0) {
    claims.log.addLazily('corruption', times, () => ({
      code: reserved ? 'bitmap-table-reserved-bits' : 'bitmap-table-align',
      severity: 'corruption',
      class: reserved ? 'reserved' : 'align',
      where: where(),
      what: `bitmap table entry ${hex64(hi, lo)}: ${reserved ? 'its reserved bits must be 0' : `a multiple of the cluster size (${clusterSize}) required`}`,
      means: 'this part of the bitmap cannot be read; guest data is not affected',
      qemuCount: times,
    }));
  } else if (host !== 0) {
    claims.claim(host, clusterSize, times, () => ({ what: 'data of a bitmap', where: where() }));
  }
}

/** The entry at byte `offset` of the file, by the first table that has it. */
function pathOf(bitmaps: readonly Bitmap[], offset: number): string {
  const i = bitmaps.findIndex((b) => offset >= b.tableOffset && offset < b.tableOffset + b.tableEntries * 8);
  return `bitmap[${i}].table[${(offset - (bitmaps[i]?.tableOffset ?? 0)) / 8}]`;
}
