/**
 * Building a refcount structure, apart from checking one (rules.ts): from the set of clusters that something refers
 * to, the refcount table and blocks that count each of them once, and themselves.
 *
 * Invariants:
 *  1. Every cluster below the end of the file is covered by a block, the table's and the blocks' own included.
 *  2. A referenced cluster never gets 0: QEMU would hand it to the next write and overwrite guest data.
 *  3. A cluster that nothing refers to gets 0: metadata of the old format is dropped, not leaked.
 */
import { type ClusterBitmap, PAGE_BITS } from '../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../bytes/progress.ts';
import type { Device } from '../../device/device.ts';
import { refcountsPerBlock } from './geometry.ts';

/** Clusters the refcount structure needs. */
export interface RefcountSize {
  readonly blocks: number;
  readonly tableClusters: number;
}

/**
 * The smallest structure that covers `clusters` clusters plus what of itself is appended behind them: what does not
 * fit in `spare` free clusters (a table of several clusters is always appended: they must follow each other).
 * Monotone, so it ends: each round only adds clusters.
 */
export function refcountSize(clusters: number, clusterSize: number, refcountOrder: number, spare = 0): RefcountSize {
  const perBlock = refcountsPerBlock(clusterSize, refcountOrder);
  let appended = 0;
  for (;;) {
    const blocks = Math.ceil((clusters + appended) / perBlock);
    const tableClusters = Math.ceil(blocks / (clusterSize / 8));
    const single = blocks + (tableClusters === 1 ? 1 : 0);
    const needed = Math.max(single - spare, 0) + (tableClusters === 1 ? 0 : tableClusters);
    if (needed <= appended) return { blocks, tableClusters };
    appended = needed;
  }
}

/** Writes the refcount blocks at `blockOffsets` (bytes, in order of the clusters they count) from the bitmap. */
export function* writeRefcountBlocks(
  device: Device,
  referenced: ClusterBitmap,
  clusterSize: number,
  refcountOrder: number,
  blockOffsets: readonly number[],
): Generator<Progress, void> {
  const perBlock = refcountsPerBlock(clusterSize, refcountOrder);
  const block = new Uint8Array(clusterSize);
  const ones = allOnes(clusterSize, refcountOrder);
  for (const [i, offset] of blockOffsets.entries()) {
    block.fill(0);
    fillBlock(block, ones, referenced, i * perBlock, perBlock, refcountOrder);
    device.write(offset, block, `refcount block ${i}`);
    if (i % 64 === 63) yield { what: 'refcount blocks', done: i + 1, total: blockOffsets.length };
  }
}

/** Writes block `index` alone; answers the clusters that it counts, end exclusive. */
export function writeRefcountBlock(
  device: Device,
  referenced: ClusterBitmap,
  clusterSize: number,
  refcountOrder: number,
  index: number,
  offset: number,
): { readonly first: number; readonly end: number } {
  const perBlock = refcountsPerBlock(clusterSize, refcountOrder);
  const first = index * perBlock;
  const block = new Uint8Array(clusterSize);
  fillBlock(block, allOnes(clusterSize, refcountOrder), referenced, first, perBlock, refcountOrder);
  device.write(offset, block, `refcount block ${index}`);
  return { first, end: first + perBlock };
}

/** A block in which every counter is 1: words of 32 referenced clusters are copied from here. */
function allOnes(clusterSize: number, refcountOrder: number): Uint8Array {
  const block = new Uint8Array(clusterSize);
  const counters = refcountsPerBlock(clusterSize, refcountOrder);
  for (let i = 0; i < counters; i++) setCounter(block, i, refcountOrder);
  return block;
}

/**
 * The counters of `count` clusters from `first`, 32 at a time: nearly every word of a full image is all ones or all
 * zeros, and those cost one copy or nothing.
 */
function fillBlock(
  block: Uint8Array,
  ones: Uint8Array,
  referenced: ClusterBitmap,
  first: number,
  count: number,
  refcountOrder: number,
): void {
  const bytesPerWord = 2 ** refcountOrder * 4;
  for (let at = 0; at < count; ) {
    const page = referenced.pageAt(Math.floor((first + at) / 2 ** PAGE_BITS));
    const inPage = (first + at) % 2 ** PAGE_BITS;
    const run = Math.min(count - at, 2 ** PAGE_BITS - inPage);
    for (let i = 0; page && i < run; i += 32) {
      const word = page[(inPage + i) >>> 5] as number;
      if (word === -1) copyWord(block, ones, ((at + i) / 32) * bytesPerWord, bytesPerWord);
      else if (word !== 0) setCounters(block, at + i, word, refcountOrder);
    }
    at += run;
  }
}

function copyWord(block: Uint8Array, ones: Uint8Array, start: number, length: number): void {
  for (let i = start; i < start + length; i++) block[i] = ones[i] as number;
}

function setCounters(block: Uint8Array, first: number, word: number, refcountOrder: number): void {
  for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) setCounter(block, first + bit, refcountOrder);
}

/** Sets counter `index` of a zeroed block to 1. Below 8 bits counters fill a byte from its low end; else big-endian. */
function setCounter(block: Uint8Array, index: number, refcountOrder: number): void {
  const width = 2 ** refcountOrder;
  if (width < 8) {
    const at = (index * width) >>> 3;
    block[at] = (block[at] as number) | (1 << ((index * width) & 7));
  } else {
    block[(index + 1) * (width / 8) - 1] = 1;
  }
}
