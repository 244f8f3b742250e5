/** ext2/3/4 on disk, as far as placing clusters needs it: superblock, group descriptors, inodes, extents. */
import { crc32c } from '../bytes/crc.ts';
import { bytes, decode, type Infer, struct, u8, u16, u32 } from '../bytes/struct.ts';

const meta = { spec: 'ext4: Super Block', endian: 'little' } as const;

export const Super = struct('ext4.super_block', meta, {
  s_inodes_count: u32(),
  s_blocks_count_lo: u32(),
  s_counts: bytes(12),
  s_first_data_block: u32({ max: 1 }),
  s_log_block_size: u32({ max: 6 }),
  s_log_cluster_size: u32(),
  s_blocks_per_group: u32(),
  s_clusters_per_group: u32(),
  s_inodes_per_group: u32(),
  s_times: bytes(12),
  s_magic: u16({ equals: 0xef53 }),
  s_state: bytes(18),
  s_rev_level: u32({ max: 1 }),
  s_reserved: bytes(8),
  s_inode_size: u16(),
  s_block_group_nr: u16(),
  s_feature_compat: u32(),
  s_feature_incompat: u32(),
  s_feature_ro_compat: u32(),
  s_uuid: bytes(16),
  s_names: bytes(86),
  s_reserved_gdt_blocks: u16(),
  s_journal: bytes(46),
  s_desc_size: u16(),
  s_mount: bytes(80),
  s_blocks_count_hi: u32(),
  s_between: bytes(284),
  s_checksum_seed: u32(),
  s_end: bytes(392),
  s_checksum: u32(),
});
export type Super = Infer<typeof Super>;

export const GroupDescriptor = struct(
  'ext4.group_descriptor',
  { spec: 'ext4: Block Group Descriptors', endian: 'little' },
  {
    bg_block_bitmap_lo: u32(),
    bg_inode_bitmap_lo: u32(),
    bg_inode_table_lo: u32(),
    bg_counts: bytes(6),
    bg_flags: u16(),
    bg_exclude_bitmap_lo: u32(),
    bg_block_bitmap_csum_lo: u16(),
    bg_inode_bitmap_csum_lo: u16(),
    bg_itable_unused_lo: u16(),
    bg_checksum: u16(),
    bg_block_bitmap_hi: u32(),
    bg_inode_bitmap_hi: u32(),
    bg_inode_table_hi: u32(),
    bg_counts_hi: bytes(6),
    bg_itable_unused_hi: u16(),
    bg_exclude_bitmap_hi: u32(),
    bg_block_bitmap_csum_hi: u16(),
    bg_inode_bitmap_csum_hi: u16(),
  },
);

export const ExtentHeader = struct(
  'ext4.extent_header',
  { spec: 'ext4: Extent Tree', endian: 'little' },
  {
    eh_magic: u16({ equals: 0xf30a }),
    eh_entries: u16(),
    eh_max: u16(),
    eh_depth: u16({ max: 5 }),
    eh_generation: u32(),
  },
);

/** A leaf: `ee_len` blocks of a file from `ee_block`. An index has the same place for its block's low half at 4. */
export const ExtentLeaf = struct(
  'ext4.extent',
  { spec: 'ext4: Extent Tree', endian: 'little' },
  {
    ee_block: u32(),
    ee_len: u16(),
    ee_start_hi: u16(),
    ee_start_lo: u32(),
  },
);

export const DirectoryHead = struct(
  'ext4.dir_entry',
  { spec: 'ext4: Linear Directories', endian: 'little' },
  {
    inode: u32(),
    rec_len: u16(),
    name_len: u8(),
    file_type: u8(),
    name: bytes(4),
    parent: u32(),
    parent_rec_len: u16(),
    parent_name_len: u8(),
  },
);

const RO_METADATA_CSUM = 0x400;
const RO_GDT_CSUM = 0x10;
const INCOMPAT_64BIT = 0x80;
const INCOMPAT_CSUM_SEED = 0x2000;
const INCOMPAT_META_BG = 0x10;

/** Numbers of a superblock that agree with each other. Bytes where the name says so. */
export interface ExtShape {
  readonly super: Super;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly groups: number;
  readonly descriptorBytes: number;
  readonly inodeBytes: number;
  readonly hasChecksums: boolean;
  /** Descriptors say how many inodes at the end of a table were never used. */
  readonly countsUnused: boolean;
  readonly seed: number;
  /** Descriptors stand in one run behind the superblock. */
  readonly isPlain: boolean;
  /** The superblock's own checksum holds. */
  readonly isVerified: boolean;
}

/** Undefined unless the 1024 bytes are a superblock whose numbers agree. */
export function extShape(block: Uint8Array): ExtShape | undefined {
  if (block[56] !== 0x53 || block[57] !== 0xef) return undefined;
  const sb = decode(Super, block);
  if (sb.s_log_block_size > 6 || sb.s_first_data_block > 1 || sb.s_rev_level > 1) return undefined;
  const blockBytes = 1024 * 2 ** sb.s_log_block_size;
  const perGroup = sb.s_blocks_per_group;
  const is64 = (sb.s_feature_incompat & INCOMPAT_64BIT) !== 0;
  const blocks = sb.s_blocks_count_lo + (is64 ? sb.s_blocks_count_hi * 2 ** 32 : 0);
  if (perGroup === 0 || perGroup > blockBytes * 8 || blocks === 0 || sb.s_inodes_per_group === 0) return undefined;
  const groups = Math.ceil((blocks - sb.s_first_data_block) / perGroup);
  if (sb.s_inodes_count !== groups * sb.s_inodes_per_group || sb.s_block_group_nr >= groups) return undefined;
  const hasChecksums = (sb.s_feature_ro_compat & RO_METADATA_CSUM) !== 0;
  const hasSeed = (sb.s_feature_incompat & INCOMPAT_CSUM_SEED) !== 0;
  return {
    super: sb,
    blockBytes,
    blocks,
    groups,
    descriptorBytes: is64 && sb.s_desc_size >= 64 ? sb.s_desc_size : 32,
    inodeBytes: sb.s_rev_level === 0 ? 128 : sb.s_inode_size,
    hasChecksums,
    countsUnused: (sb.s_feature_ro_compat & (RO_METADATA_CSUM | RO_GDT_CSUM)) !== 0,
    seed: hasSeed ? sb.s_checksum_seed : crc32c(-1, sb.s_uuid),
    isPlain: (sb.s_feature_incompat & INCOMPAT_META_BG) === 0 && sb.s_log_cluster_size === sb.s_log_block_size,
    isVerified: hasChecksums && crc32c(-1, block.subarray(0, 1020)) === sb.s_checksum,
  };
}

/** Whether a block begins with the descriptor of group 0, its checksum holding. */
export function isFirstDescriptor(block: Uint8Array, { hasChecksums, seed, descriptorBytes }: ExtShape): boolean {
  if (!hasChecksums || (block[0] === 0 && block[1] === 0 && block[2] === 0 && block[3] === 0)) return false;
  const copy = block.slice(0, descriptorBytes);
  const at = GroupDescriptor.at.bg_checksum;
  copy.fill(0, at, at + 2);
  const sum = crc32c(crc32c(seed, new Uint8Array(4)), copy) & 0xffff;
  return sum === (block[at] as number) + (block[at + 1] as number) * 256;
}

/** Byte in the file system of the superblock's copy in group `group`. */
export function superOffset(shape: ExtShape, group: number): number {
  if (group === 0) return 1024;
  return (group * shape.super.s_blocks_per_group + shape.super.s_first_data_block) * shape.blockBytes;
}
