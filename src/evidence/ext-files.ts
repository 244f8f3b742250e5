/**
 * Inodes of an ext file system: where a directory begins, which blocks are the journal's, and where a block of an inode
 * table stands, told by the checksums of its inodes.
 */
import { crc32c } from '../bytes/crc.ts';
import { decode } from '../bytes/struct.ts';
import { bytesOf, type Disk } from './disk.ts';
import { ExtentHeader, ExtentLeaf, type ExtShape } from './ext-layout.ts';

const JOURNAL_INODE = 8;
const EXTENTS_FLAG = 0x8_0000;
const AT = { mode: 0, flags: 32, block: 40, generation: 100, sumLow: 124, extra: 128, sumHigh: 130 } as const;
/** Blocks of inode tables that a found block is tried at. */
const MOST_TRIED = 65_536;
const KINDS = new Set([1, 2, 4, 6, 8, 10, 12]);

export class ExtFiles {
  readonly #disk: Disk;
  readonly #start: number;
  readonly #shape: ExtShape;
  readonly #tableOf: (group: number) => number | undefined;
  #journal: readonly (readonly [first: number, count: number])[] | undefined;

  constructor(disk: Disk, start: number, shape: ExtShape, tableOf: (group: number) => number | undefined) {
    this.#disk = disk;
    this.#start = start;
    this.#shape = shape;
    this.#tableOf = tableOf;
  }

  /** The block at which the file of an inode begins; undefined where that is not known. */
  firstBlock(inode: number): number | undefined {
    return this.#extents(inode)?.[0]?.[0];
  }

  isJournal(block: number): boolean {
    this.#journal ??= this.#extents(JOURNAL_INODE);
    return this.#journal?.some(([first, count]) => block >= first && block < first + count) ?? false;
  }

  /** The first extents of a file: those its inode has itself, and those of the first leaf. */
  #extents(number: number): (readonly [number, number])[] | undefined {
    const inode = this.#inode(number);
    if (!inode) return undefined;
    const view = new DataView(inode.buffer, inode.byteOffset);
    if ((view.getUint32(AT.flags, true) & EXTENTS_FLAG) === 0) {
      const first = view.getUint32(AT.block, true);
      return first === 0 || first >= this.#shape.blocks ? undefined : [[first, 1]];
    }
    let node = inode.subarray(AT.block, AT.block + 60);
    for (let depth = 0; depth < 5; depth++) {
      const { eh_magic, eh_entries, eh_depth } = decode(ExtentHeader, node);
      if (eh_magic !== 0xf30a || eh_entries === 0 || (eh_entries + 1) * 12 > node.length) return undefined;
      if (eh_depth === 0) {
        return Array.from({ length: eh_entries }, (_, i) => {
          const leaf = decode(ExtentLeaf, node, 12 * (i + 1));
          return [leaf.ee_start_lo + leaf.ee_start_hi * 2 ** 32, leaf.ee_len % 0x8000] as const;
        }).filter(([first]) => first < this.#shape.blocks);
      }
      const child = new DataView(node.buffer, node.byteOffset).getUint32(16, true);
      const next = this.#block(child);
      if (!next) return undefined;
      node = next;
    }
    return undefined;
  }

  #block(block: number): Uint8Array | undefined {
    const { blockBytes, blocks } = this.#shape;
    return block < blocks ? bytesOf(this.#disk, this.#start + block * blockBytes, blockBytes) : undefined;
  }

  #inode(number: number): Uint8Array | undefined {
    const { super: sb, inodeBytes, blockBytes } = this.#shape;
    if (number < 1 || number > sb.s_inodes_count || inodeBytes < 128) return undefined;
    const group = Math.floor((number - 1) / sb.s_inodes_per_group);
    const table = this.#tableOf(group);
    if (table === undefined) return undefined;
    const at = this.#start + table * blockBytes + ((number - 1) % sb.s_inodes_per_group) * inodeBytes;
    return bytesOf(this.#disk, at, inodeBytes);
  }

  /** Where a block of inodes stands: the one place at which the checksum of an inode in it holds. */
  *inodeTableClaims(block: Uint8Array): Generator<{ block: number; what: string; isStrong: boolean }> {
    const { super: sb, inodeBytes, blockBytes, hasChecksums, groups } = this.#shape;
    if (!hasChecksums || inodeBytes < 160 || blockBytes % inodeBytes !== 0) return;
    const slot = usedInode(block, inodeBytes);
    if (slot === undefined) return;
    const inode = block.slice(slot * inodeBytes, (slot + 1) * inodeBytes);
    const view = new DataView(inode.buffer);
    const sum = view.getUint16(AT.sumLow, true) + view.getUint16(AT.sumHigh, true) * 2 ** 16;
    view.setUint16(AT.sumLow, 0, true);
    view.setUint16(AT.sumHigh, 0, true);
    const perBlock = blockBytes / inodeBytes;
    const number = new Uint8Array(4);
    const generation = inode.subarray(AT.generation, AT.generation + 4);
    let tried = 0;
    for (let group = 0; group < groups; group++) {
      const table = this.#tableOf(group) as number;
      for (let first = 0; first < sb.s_inodes_per_group; first += perBlock) {
        if (++tried > MOST_TRIED) return;
        new DataView(number.buffer).setUint32(0, group * sb.s_inodes_per_group + first + slot + 1, true);
        if (crc32c(crc32c(crc32c(this.#shape.seed, number), generation), inode) !== sum) continue;
        yield {
          block: table + first / perBlock,
          what: `the checksum of inode ${group * sb.s_inodes_per_group + first + slot + 1} holds`,
          isStrong: true,
        };
        return;
      }
    }
  }
}

/** The first inode of a block that looks like a table of them; undefined for anything else. */
function usedInode(block: Uint8Array, inodeBytes: number): number | undefined {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  let found: number | undefined;
  for (let at = 0; at + inodeBytes <= block.length; at += inodeBytes) {
    const mode = view.getUint16(at + AT.mode, true);
    const extra = view.getUint16(at + AT.extra, true);
    if (mode === 0) continue;
    if (!KINDS.has(mode >>> 12) || extra > inodeBytes - 128 || extra < 4) return undefined;
    found ??= at / inodeBytes;
  }
  return found;
}
