/**
 * QED's on-disk structures, little-endian, as the format's specification spells them (QEMU docs/interop/qed_spec).
 * Layout only: no arithmetic, no I/O.
 */
import { bits, bits64 } from '../../bytes/bits.ts';
import { flags64, type Infer, struct, u32, u64 } from '../../bytes/struct.ts';

export const MAGIC = 0x0044_4551;

export const FEATURES = { backing_file: 0, need_check: 1, backing_format_no_probe: 2 } as const;

/** Bytes 0..63, the whole header. */
export const Header = struct(
  'qed.header',
  { spec: 'QED: Header', endian: 'little' },
  {
    magic: u32({ equals: MAGIC, show: 'hex', doc: '"QED\\0"' }),
    cluster_size: u32({ min: 4096, max: 67_108_864, show: 'size', doc: 'bytes, a power of two' }),
    table_size: u32({ oneOf: [1, 2, 4, 8, 16], doc: 'clusters of an L1 or L2 table; QEMU cannot open 1' }),
    header_size: u32({ min: 1, doc: 'clusters before the first that tables and data may use' }),
    features: flags64(FEATURES, { doc: 'unknown bits: refuse to open' }),
    compat_features: flags64({}, { doc: 'unknown bits: ignore' }),
    autoclear_features: flags64({}, { doc: 'unknown bits: clear before the first write' }),
    l1_table_offset: u64({ points: 'qed.l1_table' }),
    image_size: u64({ multipleOf: 512, show: 'size', doc: 'virtual disk size in bytes' }),
    backing_filename_offset: u32({ points: 'qed.backing_filename', doc: 'bytes from the start of the file' }),
    backing_filename_size: u32({ max: 4095, doc: 'length of the name in bytes, no terminator' }),
  },
);

export type Header = Infer<typeof Header>;

/** Entries hold byte offsets; clusters are at least 4 KiB, so the low 12 bits are clear but for the zero mark. */
export const L1Entry = bits64('qed.l1_entry', 'QED: Tables', {
  offset: bits(12, 63, 'L2 table offset; 0 unallocated'),
});

export const L2Entry = bits64('qed.l2_entry', 'QED: Tables', {
  zero: bits(0, 0, 'the whole entry is 1: reads as zeros, hides the backing file'),
  offset: bits(12, 63, 'data cluster offset; 0 unallocated'),
});

/** The L2 entry of a cluster that reads as zeros. */
export const ZERO_CLUSTER = 1;

/** Bytes unless said. */
export const LIMITS = {
  minCluster: 4096,
  maxCluster: 64 * 1024 * 1024,
  /** QEMU reads the name into a path buffer of 4096. */
  backingName: 4095,
  /** Names up to here fit every format that Platter converts to. */
  portableName: 1023,
  /** header_size * cluster_size must fit 32 bits. */
  headerArea: 2 ** 32 - 1,
  /** The largest disk QEMU's block layer handles. */
  disk: 2 ** 63 - 2 ** 30,
} as const;

export const LAYOUTS = [Header] as const;

export const ENTRIES = [L1Entry, L2Entry] as const;
