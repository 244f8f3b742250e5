/**
 * qcow2's checked geometry: only `geometry()` (header.ts) makes one from a header as read, and only functions here do
 * arithmetic on it. Everything is in bytes unless the name says entries or clusters.
 */
export interface Geometry {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterSize: number;
  /** Guest bytes, rounded down to a multiple of 512 as QEMU does. */
  readonly size: number;
  /** 8, or 16 with extended L2 entries. */
  readonly l2EntrySize: 8 | 16;
  /** Entries of one L2 table: clusterSize / l2EntrySize. */
  readonly l2Entries: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly refcountOrder: number;
  /** Counters of one refcount block. */
  readonly refcountsPerBlock: number;
  readonly dataFile: boolean;
  readonly crypt: 'none' | 'aes' | 'luks';
  readonly compression: 'zlib' | 'zstd';
}

/** Subclusters of one cluster with extended L2 entries. */
export const SUBCLUSTERS = 32;

/** Granularity at which the mapping can change: the subcluster with extended L2 entries, else the cluster. */
export function mappingUnit(g: Geometry): number {
  return g.l2EntrySize === 16 ? g.clusterSize / SUBCLUSTERS : g.clusterSize;
}

/** Guest bytes that one L2 table covers. */
export function bytesPerL2(g: Geometry): number {
  return g.clusterSize * g.l2Entries;
}

/** How many L1 entries the guest disk needs (entries beyond hold VM state). */
export function l1EntriesFor(g: Geometry): number {
  return Math.ceil(g.size / bytesPerL2(g));
}

export function refcountBits(g: Geometry): number {
  return 2 ** g.refcountOrder;
}

/** Counters in one refcount block of `clusterSize` bytes. */
export function refcountsPerBlock(clusterSize: number, refcountOrder: number): number {
  return (clusterSize * 8) / 2 ** refcountOrder;
}

/** Where VM state begins, as a guest offset: the first L1 index behind the disk. */
export function vmStateOffset(g: Geometry): number {
  return l1EntriesFor(g) * bytesPerL2(g);
}

/** The largest disk a cluster size can address with an L1 table of at most 32 MiB. */
export function largestDisk(clusterSize: number, l2EntrySize: 8 | 16): number {
  return 4_194_304 * clusterSize * (clusterSize / l2EntrySize);
}

/** Bits of a compressed descriptor's offset field: 70 - cluster_bits, with cluster_bits of the image. */
export function compressedOffsetBits(g: Pick<Geometry, 'clusterBits'>): number {
  return 70 - g.clusterBits;
}

/**
 * Where a compressed cluster's stream lies: byte offset, and the most bytes it may occupy. `hi`, `lo` are the entry's
 * halves. The offset is exact below 2^53; bits above 55 set make it larger than any file.
 */
export function compressedRange(
  g: Pick<Geometry, 'clusterBits'>,
  hi: number,
  lo: number,
): { offset: number; length: number } {
  const x = compressedOffsetBits(g);
  const offsetHi = hi & (2 ** (x - 32) - 1);
  const offset = offsetHi * 2 ** 32 + (lo >>> 0);
  const sectors = ((hi & 0x3fff_ffff) >>> (x - 32)) + 1;
  return { offset, length: sectors * 512 - (offset % 512) };
}
