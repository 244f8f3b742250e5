/**
 * qcow2's persistent dirty bitmaps: a directory of them, each with a table of clusters. QEMU refuses to open an image
 * that breaks a rule here, so these rules throw.
 *
 *  1. The directory counts only with autoclear bit 0 set; without it the extension is stale, and nothing is read.
 *  2. Each byte of a bitmap table is checked once, however many directory entries claim it: work is bounded by the
 *     file's length.
 *  3. The contents of bitmaps are not read.
 */
import { decodeEntry, hasReservedBits } from '../../bytes/bits.ts';
import { Ranges } from '../../bytes/ranges.ts';
import { hex, hex64, roundUp } from '../../bytes/size.ts';
import { decode, type Infer, type Issue, validate } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { type FaultClass, ImageError } from '../../errors.ts';
import { extensionOf } from './extensions.ts';
import type { Geometry } from './geometry.ts';
import { type Header, low32 } from './header.ts';
import { BitmapDirectoryEntry, BitmapsExtension, BitmapTableEntry, EXTENSION, LIMITS } from './layout.ts';

export interface Bitmap {
  readonly name: string;
  /** Byte offset of the directory entry, and its length with padding. */
  readonly offset: number;
  readonly length: number;
  /** Bytes of the name. */
  readonly nameSize: number;
  readonly tableOffset: number;
  /** Entries of the table, one per cluster of the bitmap. */
  readonly tableEntries: number;
  /** Not saved after its last use: inconsistent. */
  readonly inUse: boolean;
  readonly auto: boolean;
  /** Guest bytes that one bit covers. */
  readonly granularity: number;
}

export interface Bitmaps {
  /** The extension is there, but the image was written without keeping the bitmaps: they count for nothing. */
  readonly stale: boolean;
  readonly bitmaps: readonly Bitmap[];
  /** Bytes. */
  readonly directoryOffset: number;
  readonly directoryBytes: number;
}

type DirectoryEntry = Infer<typeof BitmapDirectoryEntry>;

const NONE: Bitmaps = { stale: false, bitmaps: [], directoryOffset: 0, directoryBytes: 0 };

/** Bit 0 in_use, bit 1 auto: QEMU refuses every other. */
const KNOWN_FLAGS = 3;

/** Reads the bitmap directory. Throws ImageError for every rule on bitmaps that QEMU enforces at open. */
export function readBitmaps(device: Device, header: Header, g: Geometry): Bitmaps {
  const extension = extensionOf(header.extensions, EXTENSION.bitmaps);
  if (!extension) return NONE;
  if (!header.autoclear_features.bitmaps) return { ...NONE, stale: true };
  const padded = new Uint8Array(BitmapsExtension.size);
  padded.set(extension.data);
  const at = extension.offset + 8;
  throwFirst(validate(BitmapsExtension, padded), at);
  const { nb_bitmaps, bitmap_directory_size, bitmap_directory_offset } = decode(BitmapsExtension, padded);
  if (low32(padded, BitmapsExtension.at.bitmap_directory_offset) % g.clusterSize !== 0) {
    throw bitmapError('bitmap-directory-offset', 'align', at + BitmapsExtension.at.bitmap_directory_offset, 8, [
      'extension: bitmap_directory_offset',
      `${hex(bitmap_directory_offset)}, a multiple of the cluster size (${g.clusterSize}) required`,
    ]);
  }
  const directory = { offset: bitmap_directory_offset, length: bitmap_directory_size };
  if (!isReadable(directory.offset, directory.length)) {
    throw bitmapError('bitmap-directory-offset', 'range', at + BitmapsExtension.at.bitmap_directory_offset, 8, [
      'extension: bitmap_directory_offset',
      `${hex(directory.offset)}, the directory must end at or below ${hex(LIMITS.length)}`,
    ]);
  }
  const bitmaps = readDirectory(device, g, directory, nb_bitmaps);
  checkTables(device, g, bitmaps);
  return { stale: false, bitmaps, directoryOffset: directory.offset, directoryBytes: directory.length };
}

function readDirectory(
  device: Device,
  g: Geometry,
  { offset, length }: { offset: number; length: number },
  count: number,
): Bitmap[] {
  // Behind the end of the file all is zero, and a zero entry breaks its rules: nothing is allocated for it.
  const inFile = Math.min(length, Math.max(0, device.size - offset));
  const bytes = readBytes(device, offset, Math.min(length, inFile + BitmapDirectoryEntry.size));
  const bitmaps: Bitmap[] = [];
  const names = new Set<string>();
  let at = 0;
  while (at < length) {
    if (bitmaps.length === count) throw directoryError(offset + at, `holds more than the ${count} bitmaps it should`);
    if (at + BitmapDirectoryEntry.size > length) throw directoryError(offset + at, 'ends inside an entry');
    throwFirst(validate(BitmapDirectoryEntry, bytes, at), offset);
    const entry = decode(BitmapDirectoryEntry, bytes, at);
    const tableLow = low32(bytes, at + BitmapDirectoryEntry.at.bitmap_table_offset);
    checkEntry(g, entry, offset + at, tableLow);
    const nameAt = at + BitmapDirectoryEntry.size + entry.extra_data_size;
    const end = roundUp(nameAt + entry.name_size, 8);
    if (end > length) throw directoryError(offset + at, 'ends inside an entry');
    const name = Buffer.from(bytes.subarray(nameAt, nameAt + entry.name_size)).toString('utf8');
    if (names.has(name)) throw duplicate(offset + at, entry.name_size, name);
    names.add(name);
    bitmaps.push({
      name,
      offset: offset + at,
      length: end - at,
      nameSize: entry.name_size,
      tableOffset: entry.bitmap_table_offset,
      tableEntries: entry.bitmap_table_size,
      inUse: (entry.flags & 1) !== 0,
      auto: (entry.flags & 2) !== 0,
      granularity: 2 ** entry.granularity_bits,
    });
    at = end;
  }
  if (bitmaps.length !== count) {
    throw directoryError(offset, `holds ${bitmaps.length} bitmaps, the header extension says ${count}`);
  }
  return bitmaps;
}

/**
 * Rules of a directory entry that need more than the one field. `base`: the entry's byte offset in the file; `tableLow`:
 * the low half of its table's offset, exact.
 */
function checkEntry(g: Geometry, entry: DirectoryEntry, base: number, tableLow: number): void {
  const fail = (field: keyof typeof BitmapDirectoryEntry.at, fault: FaultClass, size: number, is: string): never => {
    const code = `${field.replaceAll('_', '-')}-${fault}`;
    throw bitmapError(code, fault, base + BitmapDirectoryEntry.at[field], size, [field, is]);
  };
  const { bitmap_table_offset: table, bitmap_table_size: entries, flags } = entry;
  if (table === 0 || tableLow % g.clusterSize !== 0) {
    fail('bitmap_table_offset', 'align', 8, `${hex(table)}, a multiple of the cluster size other than 0 required`);
  }
  if ((flags & 1) === 0 && !isReadable(table, entries * 8)) {
    fail('bitmap_table_offset', 'range', 8, `${hex(table)}, the table must end at or below ${hex(LIMITS.length)}`);
  }
  if ((flags & ~KNOWN_FLAGS) !== 0) fail('flags', 'reserved', 4, `${hex(flags)}, only bits 0 and 1 are known`);
  const bytes = entries * g.clusterSize;
  if (bytes > LIMITS.bitmapTable) {
    fail(
      'bitmap_table_size',
      'range',
      4,
      `${entries}, at most ${LIMITS.bitmapTable / g.clusterSize} (512 MiB) allowed`,
    );
  }
  const covers = bytes * 8 * 2 ** entry.granularity_bits;
  if ((flags & 1) === 0 && covers < g.size) {
    fail('bitmap_table_size', 'consistency', 4, `${entries}, which covers ${covers} of the disk's ${g.size} bytes`);
  }
}

/** QEMU reads a table at open, and can read up to there. */
function isReadable(offset: number, length: number): boolean {
  return offset < LIMITS.length && offset + length <= LIMITS.length;
}

/** Bytes of a bitmap table read at a time. */
const PIECE = 64 * 1024;

/** Every entry of every table that was saved: reserved bits and alignment. Past the end of the file all is zero. */
function checkTables(device: Device, g: Geometry, bitmaps: readonly Bitmap[]): void {
  const seen = new Ranges();
  for (const bitmap of bitmaps) {
    if (bitmap.inUse) continue;
    const end = Math.min(bitmap.tableOffset + bitmap.tableEntries * 8, device.size);
    for (let at = bitmap.tableOffset; at < end; at += PIECE) {
      const length = Math.min(PIECE, end - at);
      if (seen.covers(at, length)) continue;
      seen.add(at, length);
      checkTablePiece(g, bitmap, at, readBytes(device, at, roundUp(length, 8)));
    }
  }
}

function checkTablePiece(g: Geometry, bitmap: Bitmap, offset: number, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 8) {
    const hi = view.getUint32(at);
    const lo = view.getUint32(at + 4);
    if ((hi | (lo & ~1)) === 0) continue;
    const { offset: host, all_ones } = decodeEntry(BitmapTableEntry, hi, lo);
    const reserved = hasReservedBits(BitmapTableEntry, hi, lo) || all_ones !== 0;
    if (!reserved && host % g.clusterSize === 0) continue;
    const fault = reserved ? 'reserved' : 'align';
    throw bitmapError(`bitmap-table-entry-${fault}`, fault, offset + at, 8, [
      `'${bitmap.name}': table entry ${(offset + at - bitmap.tableOffset) / 8}`,
      `${hex64(hi, lo)}, ${reserved ? 'reserved bits must be 0' : 'a multiple of the cluster size required'}`,
    ]);
  }
}

function throwFirst(issues: readonly Issue[], base: number): void {
  const issue = issues[0];
  if (issue) throw new ImageError({ ...issue, where: { ...issue.where, offset: issue.where.offset + base } });
}

function bitmapError(
  code: string,
  fault: FaultClass,
  offset: number,
  length: number,
  [subject, is]: readonly [subject: string, is: string],
): ImageError {
  return new ImageError({
    code,
    class: fault,
    what: `qcow2 bitmap ${subject} is ${is}`,
    where: { offset, length, path: `bitmap.${code}`, spec: 'qcow2: Bitmaps' },
    tryThis: 'set header.autoclear_features.bitmaps 0, which drops all bitmaps',
  });
}

function duplicate(offset: number, nameLength: number, name: string): ImageError {
  return new ImageError({
    code: 'bitmap-name-dup',
    class: 'dup',
    what: `qcow2 bitmap directory: two bitmaps are named '${name}'`,
    where: {
      offset: offset + BitmapDirectoryEntry.size,
      length: nameLength,
      path: 'bitmap_directory_entry.name',
      spec: BitmapDirectoryEntry.spec,
    },
  });
}

function directoryError(offset: number, is: string): ImageError {
  return new ImageError({
    code: 'bitmap-directory-consistency',
    class: 'consistency',
    what: `qcow2 bitmap directory ${is}`,
    where: {
      offset,
      length: BitmapDirectoryEntry.size,
      path: 'bitmap_directory_entry',
      spec: BitmapDirectoryEntry.spec,
    },
    tryThis: 'set header.autoclear_features.bitmaps 0, which drops all bitmaps',
  });
}
