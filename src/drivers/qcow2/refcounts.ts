/**
 * Refcounts as the image states them, reduced to the question most callers have: is the cluster counted at all? One
 * bit per cluster, for all seven widths.
 *
 * A counter is zero when its bits are, whatever the byte order, and on little-endian machines counters of 32 bits and
 * fewer stand in the words of a block in ascending order: so words are looked at, and most hold only zeros or only
 * counters above zero.
 */
import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import { type Progress, runToEnd } from '../../bytes/progress.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { Geometry } from './geometry.ts';

/** Bytes of a block looked at in one go. */
const PIECE = 16 * 1024;
/** Counters between two reports of progress: about two milliseconds where they come in every pattern. */
const STEP = 256 * 1024;

/** Which clusters of the file have a refcount above 0. A block that cannot be read counts as all above 0. */
export function countedClusters(device: Device, g: Geometry): ClusterBitmap {
  return runToEnd(countedInSlices(device, g));
}

/** The same in slices of a few milliseconds. */
export function* countedInSlices(device: Device, g: Geometry): Generator<Progress, ClusterBitmap> {
  const counted = new ClusterBitmap();
  const total = Math.ceil(device.size / g.clusterSize);
  const width = 2 ** g.refcountOrder;
  const words = new Int32Array(Math.min(PIECE, g.clusterSize) / 4);
  const bytes = new Uint8Array(words.buffer);
  const perPiece = (bytes.length * 8) / width;
  let since = 0;
  for (const { first, offset } of refcountBlocks(device, g)) {
    const end = Math.min(first + g.refcountsPerBlock, total);
    if (offset === undefined) counted.setRun(first, end - first);
    for (let at = first; offset !== undefined && at < end; at += perPiece) {
      const count = Math.min(perPiece, end - at);
      device.read(offset + ((at - first) * width) / 8, bytes);
      if (width === 64) markPairs(words, count, at, counted);
      else markCounted(words, count, width, at, counted);
      since += perPiece;
      if (since < STEP) continue;
      since = 0;
      yield { what: 'refcounts', done: at, total };
    }
  }
  return counted;
}

export interface RefcountBlock {
  readonly index: number;
  /** The first cluster it counts. */
  readonly first: number;
  /** Bytes; undefined when the entry breaks a rule. */
  readonly offset: number | undefined;
}

/** Blocks that count clusters of the file, in order; those the table leaves out count nothing and are left out. */
export function* refcountBlocks(device: Device, g: Geometry): Generator<RefcountBlock> {
  const clusters = Math.ceil(device.size / g.clusterSize);
  const inTable = (g.refcountTableClusters * g.clusterSize) / 8;
  const inFile = Math.max(0, Math.ceil((device.size - g.refcountTableOffset) / 8));
  const entries = Math.min(inTable, inFile, Math.ceil(clusters / g.refcountsPerBlock));
  const table = new DataView(readBytes(device, g.refcountTableOffset, entries * 8).buffer);
  for (let index = 0; index < entries; index++) {
    const lo = table.getUint32(index * 8 + 4);
    const offset = table.getUint32(index * 8) * 2 ** 32 + lo;
    if (offset === 0) continue;
    const valid = lo % g.clusterSize === 0 && offset < device.size;
    yield { index, first: index * g.refcountsPerBlock, offset: valid ? offset : undefined };
  }
}

/** Where block `index` stands (bytes): 0 when there is none, undefined when its entry breaks a rule. */
export function blockOf(device: Device, g: Geometry, index: number): number | undefined {
  const entry = new DataView(readBytes(device, g.refcountTableOffset + index * 8, 8).buffer);
  const offset = entry.getUint32(0) * 2 ** 32 + entry.getUint32(4);
  return entry.getUint32(4) % g.clusterSize === 0 && offset < device.size ? offset : undefined;
}

/** Widths of 1 to 32 bits. */
function markCounted(words: Int32Array, count: number, width: number, first: number, counted: ClusterBitmap): void {
  const perWord = 32 / width;
  const mask = width === 32 ? -1 : 2 ** width - 1;
  let start = -1;
  for (let i = 0, at = 0; at < count; i++) {
    const word = words[i] as number;
    if (word === 0) {
      if (start >= 0) counted.setRun(first + start, at - start);
      start = -1;
      at += perWord;
      continue;
    }
    for (let shift = 0; shift < 32; shift += width, at++) {
      if (((word >>> shift) & mask) !== 0) {
        if (start < 0) start = at;
      } else if (start >= 0) {
        counted.setRun(first + start, at - start);
        start = -1;
      }
    }
  }
  if (start >= 0) counted.setRun(first + start, count - start);
}

function markPairs(words: Int32Array, count: number, first: number, counted: ClusterBitmap): void {
  for (let at = 0; at < count; at++) {
    if (((words[2 * at] as number) | (words[2 * at + 1] as number)) !== 0) counted.testAndSet(first + at);
  }
}
