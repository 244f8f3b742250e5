/**
 * ext2/3/4: superblock copies say which group they are in, descriptors say where bitmaps and inode tables are and
 * what their checksums are, bitmaps say which blocks are in use, and a directory says which inode it is.
 */
import { crc32c } from '../bytes/crc.ts';
import { decode } from '../bytes/struct.ts';
import { bytesOf, type Claim, type Clue, type Disk, guessedBytes, type Usage, type Volume } from './disk.ts';
import { ExtFiles } from './ext-files.ts';
import {
  DirectoryHead,
  type ExtShape,
  extShape,
  GroupDescriptor,
  isFirstDescriptor,
  superOffset,
} from './ext-layout.ts';

const BLOCK_UNINIT = 2;
const INODE_UNINIT = 1;
/** Groups whose descriptors are read: 8 TiB with blocks of 4 KiB. */
const MOST_GROUPS = 65_536;

/** A superblock, `at` bytes into the cluster. */
export function extClue(block: Uint8Array, at: number): Clue | undefined {
  const shape = extShape(block);
  if (!shape) return undefined;
  const group = shape.super.s_block_group_nr;
  return {
    what: `an ext superblock says it is the copy in block group ${group}${shape.isVerified ? ', and its checksum holds' : ''}`,
    at,
    within: {
      volume: `ext ${Buffer.from(shape.super.s_uuid).toString('hex')}`,
      offset: superOffset(shape, group),
      length: shape.blocks * shape.blockBytes,
    },
    isStrong: true,
  };
}

interface Group {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly flags: number;
  readonly unusedInodes: number;
  readonly blockSum: number;
  readonly inodeSum: number;
}

/** The file system at `start`, if its superblock and descriptors, or a copy of them, can be read. */
export function extVolume(disk: Disk, start: number): Volume | undefined {
  const block = bytesOf(disk, start + 1024, 1024);
  const shape = block && extShape(block);
  if (!shape || shape.groups > MOST_GROUPS || !shape.isPlain) return undefined;
  const groups = readGroups(disk, start, shape);
  return groups ? new ExtVolume(disk, start, shape, groups) : new BareVolume(start, shape);
}

function readGroups(disk: Disk, start: number, shape: ExtShape): Group[] | undefined {
  // The first copy of the descriptors that is known: in group 0, or in 1 and powers of 3, 5 and 7.
  for (const group of [0, 1, 3, 5, 7, 9, 25, 27]) {
    if (group >= shape.groups) break;
    const first = group * shape.super.s_blocks_per_group + shape.super.s_first_data_block + 1;
    const table = bytesOf(disk, start + first * shape.blockBytes, shape.groups * shape.descriptorBytes);
    const groups = table && parseGroups(table, shape);
    if (groups) return groups;
  }
  return undefined;
}

function parseGroups(table: Uint8Array, shape: ExtShape): Group[] | undefined {
  const groups: Group[] = [];
  const isWide = shape.descriptorBytes >= 64;
  const padded = new Uint8Array(64);
  for (let i = 0; i < shape.groups; i++) {
    padded.fill(0);
    padded.set(table.subarray(i * shape.descriptorBytes, i * shape.descriptorBytes + (isWide ? 64 : 32)));
    const d = decode(GroupDescriptor, padded);
    const group = {
      blockBitmap: d.bg_block_bitmap_lo + d.bg_block_bitmap_hi * 2 ** 32,
      inodeBitmap: d.bg_inode_bitmap_lo + d.bg_inode_bitmap_hi * 2 ** 32,
      inodeTable: d.bg_inode_table_lo + d.bg_inode_table_hi * 2 ** 32,
      flags: d.bg_flags,
      unusedInodes: d.bg_itable_unused_lo + d.bg_itable_unused_hi * 2 ** 16,
      blockSum: d.bg_block_bitmap_csum_lo + (isWide ? d.bg_block_bitmap_csum_hi * 2 ** 16 : 0),
      inodeSum: d.bg_inode_bitmap_csum_lo + (isWide ? d.bg_inode_bitmap_csum_hi * 2 ** 16 : 0),
    };
    const blocks = [group.blockBitmap, group.inodeBitmap, group.inodeTable];
    if (blocks.some((block) => block === 0 || block >= shape.blocks)) return undefined;
    groups.push(group);
  }
  return groups;
}

/** A file system whose descriptors are not known yet: they are all that can be told from their content. */
class BareVolume implements Volume {
  readonly name = 'ext file system';
  readonly start: number;
  readonly length: number;
  readonly #shape: ExtShape;

  constructor(start: number, shape: ExtShape) {
    this.start = start;
    this.length = shape.blocks * shape.blockBytes;
    this.#shape = shape;
  }

  usage(): Usage {
    return 'unknown';
  }

  *claims(cluster: Uint8Array): Generator<Claim> {
    const { blockBytes, super: sb } = this.#shape;
    for (let at = 0; at + blockBytes <= cluster.length; at += blockBytes) {
      if (!isFirstDescriptor(cluster.subarray(at, at + blockBytes), this.#shape)) continue;
      const guest = this.start + (sb.s_first_data_block + 1) * blockBytes - at;
      yield { guest, what: 'the checksum of the descriptor of group 0 holds', isStrong: true };
    }
  }
}

class ExtVolume implements Volume {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  readonly #disk: Disk;
  readonly #shape: ExtShape;
  readonly #groups: readonly Group[];
  /** Bitmaps of groups as they become known. */
  readonly #bitmaps = new Map<number, Uint8Array>();
  /** Checksums of bitmaps, to where the bitmap must stand (block). */
  readonly #sums = new Map<number, { readonly block: number; readonly what: string }[]>();
  readonly #files: ExtFiles;

  constructor(disk: Disk, start: number, shape: ExtShape, groups: readonly Group[]) {
    this.name = 'ext file system';
    this.start = start;
    this.length = shape.blocks * shape.blockBytes;
    this.#disk = disk;
    this.#shape = shape;
    this.#groups = groups;
    this.#files = new ExtFiles(disk, start, shape, (group) => groups[group]?.inodeTable);
    if (shape.hasChecksums) this.#noteSums();
  }

  #noteSums(): void {
    const note = (sum: number, block: number, what: string): void => {
      const there = this.#sums.get(sum);
      if (there) there.push({ block, what });
      else this.#sums.set(sum, [{ block, what }]);
    };
    this.#groups.forEach(({ flags, blockBitmap, inodeBitmap, blockSum, inodeSum }, i) => {
      if (!(flags & BLOCK_UNINIT)) note(blockSum, blockBitmap, `the block bitmap of group ${i}`);
      if (!(flags & INODE_UNINIT)) note(inodeSum, inodeBitmap, `the inode bitmap of group ${i}`);
    });
  }

  usage(from: number, to: number): Usage {
    const { blockBytes } = this.#shape;
    let isUnknown = false;
    let isMaybe = false;
    const first = Math.max(0, Math.floor((from - this.start) / blockBytes));
    const last = Math.min(this.#shape.blocks, Math.ceil((to - this.start) / blockBytes));
    for (let block = first; block < last; block++) {
      const use = this.#blockUsage(block);
      if (use === 'used') return 'used';
      if (use === 'unknown') isUnknown = true;
      else if (use === 'maybe') isMaybe = true;
    }
    return isUnknown ? 'unknown' : isMaybe ? 'maybe' : 'free';
  }

  #blockUsage(block: number): Usage {
    const { s_blocks_per_group: perGroup, s_first_data_block: firstBlock } = this.#shape.super;
    if (block < firstBlock) return 'maybe';
    const group = Math.floor((block - firstBlock) / perGroup);
    const known = this.#metadata(block, group);
    if (known) return known;
    const bitmap = this.#bitmap(group);
    if (!bitmap) return 'unknown';
    const bit = (block - firstBlock) % perGroup;
    if ((((bitmap[bit >>> 3] as number) >>> (bit & 7)) & 1) === 0) return 'free';
    return this.#files.isJournal(block) ? 'maybe' : 'used';
  }

  /** Tables and bitmaps have their places whatever the bitmaps say; a part of the tables is never written. */
  #metadata(block: number, group: number): Usage | undefined {
    const { blockBytes, inodeBytes, super: sb, descriptorBytes, groups } = this.#shape;
    const inGroup = block - sb.s_first_data_block - group * sb.s_blocks_per_group;
    const table = Math.ceil((groups * descriptorBytes) / blockBytes);
    if (this.#hasCopy(group) && inGroup <= table + sb.s_reserved_gdt_blocks) {
      return inGroup <= table ? 'used' : 'maybe';
    }
    const tableBlocks = Math.ceil((sb.s_inodes_per_group * inodeBytes) / blockBytes);
    // With flex_bg the tables of several groups stand in one of them.
    for (let near = Math.max(0, group - 64); near <= Math.min(this.#groups.length - 1, group + 64); near++) {
      const { inodeTable, unusedInodes, blockBitmap, inodeBitmap, flags } = this.#groups[near] as Group;
      if (block === blockBitmap) return flags & BLOCK_UNINIT ? 'maybe' : 'used';
      if (block === inodeBitmap) return flags & INODE_UNINIT ? 'maybe' : 'used';
      if (block < inodeTable || block >= inodeTable + tableBlocks) continue;
      // Without a count of what was never used, any of it may be.
      if (!this.#shape.countsUnused) return 'maybe';
      const used = ((sb.s_inodes_per_group - unusedInodes) * inodeBytes) / blockBytes;
      return flags & INODE_UNINIT || block >= inodeTable + used ? 'maybe' : 'used';
    }
    return undefined;
  }

  /** Sparse superblocks: group 0, 1 and powers of 3, 5 and 7. */
  #hasCopy(group: number): boolean {
    if ((this.#shape.super.s_feature_ro_compat & 1) === 0 || group <= 1) return true;
    return [3, 5, 7].some((base) => {
      let power = base;
      while (power < group) power *= base;
      return power === group;
    });
  }

  #bitmap(group: number): Uint8Array | undefined {
    const known = this.#bitmaps.get(group);
    if (known) return known;
    const { blockBitmap, flags, blockSum } = this.#groups[group] as Group;
    const { blockBytes, seed, hasChecksums, super: sb } = this.#shape;
    const at = this.start + blockBitmap * blockBytes;
    const read = hasChecksums ? guessedBytes : bytesOf;
    const bytes = flags & BLOCK_UNINIT ? new Uint8Array(blockBytes) : read(this.#disk, at, blockBytes);
    if (!bytes) return undefined;
    if (hasChecksums && !(flags & BLOCK_UNINIT)) {
      const sum = crc32c(seed, bytes.subarray(0, sb.s_clusters_per_group / 8));
      if (this.#short(sum) !== blockSum) return undefined;
    }
    this.#bitmaps.set(group, bytes);
    return bytes;
  }

  /** Descriptors of 32 bytes keep the low half of a checksum. */
  #short(sum: number): number {
    return this.#shape.descriptorBytes >= 64 ? sum : sum & 0xffff;
  }

  *claims(cluster: Uint8Array): Generator<Claim> {
    const { blockBytes } = this.#shape;
    for (let at = 0; at + blockBytes <= cluster.length; at += blockBytes) {
      const block = cluster.subarray(at, at + blockBytes);
      for (const { block: number, what, isStrong } of this.#blockClaims(block)) {
        yield { guest: this.start + number * blockBytes - at, what, isStrong };
      }
    }
  }

  *#blockClaims(block: Uint8Array): Generator<{ block: number; what: string; isStrong: boolean }> {
    const { super: sb, hasChecksums, seed, descriptorBytes } = this.#shape;
    const head = decode(DirectoryHead, block);
    if (head.rec_len === 12 && head.name_len === 1 && head.name[0] === 0x2e && head.parent_name_len === 2) {
      const first = this.#files.firstBlock(head.inode);
      if (first !== undefined) {
        yield { block: first, what: `the directory of inode ${head.inode} begins with its own number`, isStrong: true };
      }
      return;
    }
    yield* this.#files.inodeTableClaims(block);
    if (!hasChecksums) return;
    const wholes = [sb.s_clusters_per_group / 8, sb.s_inodes_per_group / 8];
    for (const [i, length] of wholes.entries()) {
      // Behind its end a bitmap is all ones: few blocks are, so few are summed.
      if (!endsAsBitmap(block, length)) continue;
      const places = this.#sums.get(this.#short(crc32c(seed, block.subarray(0, length))));
      const [place] = places ?? [];
      // Bitmaps of several groups may be the same, and then say nothing.
      if (!place || places?.length !== 1 || place.what.startsWith('the block') !== (i === 0)) continue;
      yield { block: place.block, what: `the checksum of ${place.what} holds`, isStrong: descriptorBytes >= 64 };
    }
  }
}

function endsAsBitmap(block: Uint8Array, length: number): boolean {
  for (let i = Math.ceil(length); i < block.length; i++) if (block[i] !== 0xff) return false;
  return true;
}
