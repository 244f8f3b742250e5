/**
 * qcow2's on-disk structures, big-endian, as the format's specification spells them (QEMU docs/interop/qcow2).
 * Layout only: no arithmetic, no I/O.
 */
import { bit, bits, bits64, count } from '../../bytes/bits.ts';
import { bytes, flags64, type Infer, struct, u8, u16, u32, u64 } from '../../bytes/struct.ts';

export const MAGIC = 0x5146_49fb;

export const INCOMPATIBLE = { dirty: 0, corrupt: 1, data_file: 2, compression_type: 3, extended_l2: 4 } as const;
export const COMPATIBLE = { lazy_refcounts: 0 } as const;
export const AUTOCLEAR = { bitmaps: 0, data_file_raw: 1 } as const;

/** Bytes 0..71, all versions. */
export const HeaderV2 = struct(
  'qcow2.header',
  { spec: 'qcow2: Header', endian: 'big' },
  {
    magic: u32({ equals: MAGIC, show: 'hex', doc: '"QFI\\xfb"' }),
    version: u32({ oneOf: [2, 3], class: 'version' }),
    backing_file_offset: u64({ points: 'qcow2.backing_file_name', doc: '0 when the image has no backing file' }),
    backing_file_size: u32({ max: 1023, doc: 'length of the name in bytes, no terminator' }),
    cluster_bits: u32({ min: 9, max: 21, doc: 'cluster size is 1 << cluster_bits' }),
    size: u64({ show: 'size', doc: 'virtual disk size in bytes' }),
    crypt_method: u32({ max: 2, class: 'unsupported', doc: '0 none, 1 AES, 2 LUKS' }),
    l1_size: u32({ max: 4_194_304, doc: 'entries of the active L1 table' }),
    l1_table_offset: u64({ points: 'qcow2.l1_table' }),
    refcount_table_offset: u64({ points: 'qcow2.refcount_table' }),
    refcount_table_clusters: u32(),
    nb_snapshots: u32({ max: 65_536 }),
    snapshots_offset: u64({ points: 'qcow2.snapshot_table' }),
  },
);

/** Bytes 72..103, version 3. */
export const HeaderV3 = struct(
  'qcow2.header',
  { spec: 'qcow2: Header', endian: 'big', start: 72 },
  {
    incompatible_features: flags64(INCOMPATIBLE, { doc: 'unknown bits: refuse to open' }),
    compatible_features: flags64(COMPATIBLE, { doc: 'unknown bits: ignore' }),
    autoclear_features: flags64(AUTOCLEAR, { doc: 'unknown bits: clear before the first write' }),
    refcount_order: u32({ max: 6, doc: 'refcount width is 1 << refcount_order bits' }),
    header_length: u32({ min: 104, multipleOf: 8, doc: 'bytes; header extensions start here' }),
  },
);

/** Bytes 104..111, present when header_length is above 104. */
export const HeaderCompression = struct(
  'qcow2.header',
  { spec: 'qcow2: Additional fields', endian: 'big', start: 104 },
  { compression_type: u8({ max: 1, class: 'unsupported', doc: '0 zlib, 1 zstd' }), padding: bytes(7) },
);

export const Extension = struct(
  'qcow2.extension',
  { spec: 'qcow2: Header extensions', endian: 'big' },
  { type: u32({ show: 'hex' }), length: u32({ doc: 'bytes of data, without the padding to 8' }) },
);

export const EXTENSION = {
  end: 0,
  backing_format: 0xe279_2aca,
  feature_name_table: 0x6803_f857,
  bitmaps: 0x2385_2875,
  crypto_header: 0x0537_be77,
  data_file: 0x4441_5441,
} as const;

export const FeatureName = struct(
  'qcow2.feature_name',
  { spec: 'qcow2: Feature name table', endian: 'big' },
  {
    type: u8({ max: 2, doc: '0 incompatible, 1 compatible, 2 autoclear' }),
    bit: u8({ max: 63 }),
    name: bytes(46, { doc: 'zero padded' }),
  },
);

export const BitmapsExtension = struct(
  'qcow2.bitmaps_extension',
  { spec: 'qcow2: Bitmaps extension', endian: 'big' },
  {
    nb_bitmaps: u32({ min: 1, max: 65_535 }),
    reserved: u32({ equals: 0, class: 'reserved' }),
    bitmap_directory_size: u64({ min: 1, max: 67_107_840, doc: 'bytes' }),
    bitmap_directory_offset: u64({ points: 'qcow2.bitmap_directory_entry' }),
  },
);

export const CryptoExtension = struct(
  'qcow2.crypto_extension',
  { spec: 'qcow2: Full disk encryption header pointer', endian: 'big' },
  { offset: u64({ points: 'luks.header' }), length: u64({ doc: 'bytes' }) },
);

export const SnapshotEntry = struct(
  'qcow2.snapshot',
  { spec: 'qcow2: Snapshots', endian: 'big' },
  {
    l1_table_offset: u64({ points: 'qcow2.l1_table' }),
    l1_size: u32({ max: 4_194_304, doc: 'entries' }),
    id_str_size: u16(),
    name_size: u16(),
    date_sec: u32(),
    date_nsec: u32(),
    vm_clock_nsec: u64({ show: 'decimal' }),
    vm_state_size: u32({ doc: '0 when the size needs 64 bits' }),
    extra_data_size: u32({ max: 1024 }),
  },
);

/** The known part of a snapshot's extra data, right behind the entry; each field only where extra_data_size covers it. */
export const SnapshotExtra = struct(
  'qcow2.snapshot',
  { spec: 'qcow2: Snapshots', endian: 'big', start: 40 },
  { vm_state_size_large: u64({ show: 'size' }), disk_size: u64({ show: 'size' }), icount: u64() },
);

export const BitmapDirectoryEntry = struct(
  'qcow2.bitmap_directory_entry',
  { spec: 'qcow2: Bitmap directory', endian: 'big' },
  {
    bitmap_table_offset: u64({ points: 'qcow2.bitmap_table' }),
    bitmap_table_size: u32({ min: 1, max: 0x800_0000, doc: 'entries' }),
    flags: u32({ show: 'hex', doc: 'bit 0 in_use, bit 1 auto, bit 2 extra_data_compatible' }),
    type: u8({ equals: 1, class: 'range', doc: '1 dirty tracking' }),
    granularity_bits: u8({ min: 9, max: 31 }),
    name_size: u16({ min: 1, max: 1023 }),
    extra_data_size: u32({ equals: 0, class: 'unsupported' }),
  },
);

export const L1Entry = bits64('qcow2.l1_entry', 'qcow2: L1 table entry', {
  offset: bits(9, 55, 'L2 table offset; 0 unallocated'),
  copied: bit(63, 'refcount of the L2 table is exactly 1'),
});

export const L2Entry = bits64('qcow2.l2_entry', 'qcow2: Standard cluster descriptor', {
  zero: bit(0, 'reads as zeros (version 3, without extended L2)'),
  offset: bits(9, 55, 'host cluster offset; 0 unallocated'),
  compressed: bit(62),
  copied: bit(63, 'refcount of the cluster is exactly 1'),
});

/** Behind an extended L2 entry: bit i of each half is subcluster i. */
export const Subclusters = bits64('qcow2.subclusters', 'qcow2: Extended L2 Entries', {
  allocated: count(0, 31, 'bit i: subcluster i is allocated'),
  zeros: count(32, 63, 'bit i: subcluster i reads as zeros'),
});

/** An L2 entry with bit 62 set. `offsetBits` depends on the cluster size (geometry.ts). */
export function compressedEntry(offsetBits: number) {
  return bits64('qcow2.compressed_entry', 'qcow2: Compressed cluster descriptor', {
    offset: bits(0, offsetBits - 1, 'where the stream begins, to the byte'),
    sectors: count(offsetBits, 61, 'sectors of 512 bytes it may occupy besides the first'),
    compressed: bit(62),
    copied: bit(63, 'must be 0'),
  });
}

export const RefcountTableEntry = bits64('qcow2.refcount_table_entry', 'qcow2: Refcount table entry', {
  offset: bits(9, 63, 'refcount block offset; 0: all counts of the block are 0'),
});

export const BitmapTableEntry = bits64('qcow2.bitmap_table_entry', 'qcow2: Bitmap table entry', {
  all_ones: bit(0, 'only where offset is 0: the cluster reads as all ones'),
  offset: bits(9, 55, 'host cluster offset'),
});

export type HeaderV2 = Infer<typeof HeaderV2>;
export type HeaderV3 = Infer<typeof HeaderV3>;

/** Product caps, QEMU's own (RELIABILITY: rules against hostile images). Bytes unless said. */
export const LIMITS = {
  /** The longest file, and the largest disk, that QEMU's block layer handles. */
  length: 2 ** 63 - 2 ** 30,
  l1Entries: 4_194_304,
  refcountTable: 8 * 1024 * 1024,
  snapshots: 65_536,
  snapshotTable: 64 * 1024 * 1024,
  snapshotExtra: 1024,
  backingName: 1023,
  backingFormat: 15,
  bitmapDirectory: 67_107_840,
  bitmapTable: 512 * 1024 * 1024,
} as const;

export const LAYOUTS = [
  HeaderV2,
  HeaderV3,
  HeaderCompression,
  Extension,
  FeatureName,
  BitmapsExtension,
  CryptoExtension,
  SnapshotEntry,
  SnapshotExtra,
  BitmapDirectoryEntry,
] as const;

export const ENTRIES = [L1Entry, L2Entry, Subclusters, RefcountTableEntry, BitmapTableEntry] as const;
