/**
 * The refcounts as they stand in the file: the refcount table, kept in memory (at most 8 MiB, and no more than the
 * file holds), and counters of its blocks, read in bounded pieces.
 */
import { decimal64 } from '../../bytes/size.ts';
import type { Device } from '../../device/device.ts';
import type { Where } from '../../errors.ts';
import { type Geometry, refcountBits } from './geometry.ts';
import { LIMITS, RefcountTableEntry } from './layout.ts';

/** Bytes of a block read at a time. */
export const BLOCK_PIECE = 65_536;

export class RefcountTable {
  /** Entries that the file holds; those the header claims behind its end read as 0. */
  readonly entries: number;
  /** [lo, hi] words of each entry. */
  readonly words: Int32Array;
  readonly #device: Device;
  readonly #g: Geometry;
  readonly #counter = new Uint8Array(8);

  constructor(device: Device, g: Geometry) {
    this.#device = device;
    this.#g = g;
    const bytes = Math.min(g.refcountTableClusters * g.clusterSize, Math.max(0, device.size - g.refcountTableOffset));
    this.entries = Math.ceil(bytes / 8);
    const table = Buffer.alloc(this.entries * 8);
    device.read(g.refcountTableOffset, table);
    table.swap64();
    this.words = new Int32Array(table.buffer, table.byteOffset, table.length / 4);
  }

  /** File offset of block `i` (bytes, a multiple of 512), or 0 where there is none and all its counts are 0. */
  block(i: number): number {
    if (i >= this.entries) return 0;
    const { hi, lo } = RefcountTableEntry.mask.offset;
    return (((this.words[2 * i + 1] as number) & hi) >>> 0) * 2 ** 32 + (((this.words[2 * i] as number) & lo) >>> 0);
  }

  /** Whether block `i` is cluster aligned. The low half alone decides: a double loses the last bits above 2^62. */
  aligned(i: number): boolean {
    if (i >= this.entries) return true;
    return ((this.words[2 * i] as number) & RefcountTableEntry.mask.offset.lo & (this.#g.clusterSize - 1)) === 0;
  }

  /** Whether QEMU can read block `i`: false where it is not cluster aligned or impossibly far away. */
  readable(i: number): boolean {
    return this.aligned(i) && this.block(i) + this.#g.clusterSize <= LIMITS.length;
  }

  /** The refcount of one cluster; undefined where its block cannot be read. Inexact, but large, above 2^53. */
  get(cluster: number): number | undefined {
    const { refcountsPerBlock } = this.#g;
    const block = Math.floor(cluster / refcountsPerBlock);
    if (!this.readable(block)) return undefined;
    const offset = this.block(block);
    if (offset === 0) return 0;
    const width = refcountBits(this.#g);
    const index = cluster % refcountsPerBlock;
    const bytes = this.#counter.subarray(0, Math.max(1, width / 8));
    this.#device.read(offset + Math.floor((index * width) / 8), bytes);
    return counterAt(bytes, this.#g.refcountOrder, index);
  }

  /** The refcount of one cluster as exact decimal text. */
  text(cluster: number): string {
    const count = this.get(cluster) ?? 0;
    if (count < 2 ** 53) return String(count);
    const view = new DataView(this.#counter.buffer);
    return decimal64(view.getUint32(0), view.getUint32(4));
  }

  /** Whether block `i` is in the file, and its entry keeps all rules. */
  #isInPlace(i: number): boolean {
    const reserved = i < this.entries && ((this.words[2 * i] as number) & RefcountTableEntry.reserved.lo) !== 0;
    return !reserved && this.readable(i) && this.block(i) < this.#device.size;
  }

  /** Where the counters of `count` clusters from `first` stand, or the entry that says that there are none. */
  where(first: number, count: number): Where {
    const { refcountsPerBlock, refcountTableOffset } = this.#g;
    const spec = 'qcow2: Refcounts';
    const block = Math.floor(first / refcountsPerBlock);
    // Of a block that no rule allows, counters have no names: what has to be mended is the entry.
    const offset = this.#isInPlace(block) ? this.block(block) : 0;
    if (offset !== 0) {
      const width = refcountBits(this.#g);
      const index = first % refcountsPerBlock;
      const inBlock = Math.min(count, refcountsPerBlock - index);
      const start = Math.floor((index * width) / 8);
      const length = Math.ceil(((index + inBlock) * width) / 8) - start;
      return { offset: offset + start, length, path: `refcount[${first}]`, spec };
    }
    if (block < this.entries) {
      return { offset: refcountTableOffset + 8 * block, length: 8, path: `refcount_table[${block}]`, spec };
    }
    return { offset: 56, length: 4, path: 'header.refcount_table_clusters', spec };
  }
}

/** One counter of 2^`order` bits from the bytes it stands in; `index` says where in its byte it starts. */
function counterAt(bytes: Uint8Array, order: number, index: number): number {
  if (order < 3) {
    const width = 2 ** order;
    return ((bytes[0] as number) >>> ((index * width) % 8)) & (2 ** width - 1);
  }
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

/**
 * The counters of 2^`order` bits that `bytes` holds; `bytes` is changed. Below 8 bits the least significant bits of a
 * byte come first, from 8 bits on counters are big-endian. 64-bit ones are exact below 2^53, and large above.
 */
export function decodeCounters(bytes: Buffer, order: number): ArrayLike<number> {
  const { buffer, byteOffset, length } = bytes;
  if (order === 3) return bytes;
  if (order === 4) {
    bytes.swap16();
    return new Uint16Array(buffer, byteOffset, length / 2);
  }
  if (order === 5) {
    bytes.swap32();
    return new Uint32Array(buffer, byteOffset, length / 4);
  }
  if (order === 6) {
    bytes.swap64();
    const words = new Uint32Array(buffer, byteOffset, length / 4);
    const counters = new Float64Array(length / 8);
    for (let i = 0; i < counters.length; i++) {
      counters[i] = (words[2 * i + 1] as number) * 2 ** 32 + (words[2 * i] as number);
    }
    return counters;
  }
  const width = 2 ** order;
  const most = 2 ** width - 1;
  const counters = new Uint8Array((length * 8) / width);
  for (let i = 0; i < counters.length; i++) {
    counters[i] = ((bytes[(i * width) >>> 3] as number) >>> ((i * width) % 8)) & most;
  }
  return counters;
}
