/**
 * L2 entries in a slice of a table: read, classified and set. `Entry` is reused by nobody, but small: one is made per
 * cluster of a request.
 *
 *  1. Kinds are QEMU's: what a cluster is decides about allocation, what a subcluster is decides about its bytes.
 */
import { type Geometry, SUBCLUSTERS } from '../geometry.ts';
import type { WriteState } from './state.ts';
import type { Table } from './table-cache.ts';

export interface Entry {
  /** Halves of the descriptor, unsigned. */
  readonly hi: number;
  readonly lo: number;
  /** Bits 9 to 55: bytes. No host offset where the entry is compressed. */
  readonly host: number;
  /** Extended entries: bit i is subcluster i. Int32. */
  readonly allocated: number;
  readonly zeros: number;
}

export type ClusterKind = 0 | 1 | 2 | 3 | 4;
export const UNALLOCATED = 0;
export const ZERO_PLAIN = 1;
export const ZERO_ALLOCATED = 2;
export const NORMAL = 3;
export const COMPRESSED = 4;

/** Of subclusters: the kinds above, and these. */
export type SubclusterKind = ClusterKind | 5 | 6;
export const UNALLOCATED_ALLOCATED = 5;
export const INVALID = 6;

const COPIED_HI = 0x8000_0000;
const COMPRESSED_HI = 0x4000_0000;
const ALL = -1;

export function isExtended(g: Geometry): boolean {
  return g.l2EntrySize === 16;
}

/** Entry `index` of the slice. */
export function entryAt(g: Geometry, slice: Table, index: number): Entry {
  const { view } = slice;
  const at = index * g.l2EntrySize;
  const hi = view.getUint32(at);
  const lo = view.getUint32(at + 4);
  const extended = g.l2EntrySize === 16;
  return {
    hi,
    lo,
    host: (hi & 0x00ff_ffff) * 2 ** 32 + ((lo & ~0x1ff) >>> 0),
    zeros: extended ? view.getInt32(at + 8) : 0,
    allocated: extended ? view.getInt32(at + 12) : 0,
  };
}

/** Sets the descriptor's halves, and the bitmaps of an extended entry. */
export function setEntry(
  w: WriteState,
  slice: Table,
  index: number,
  hi: number,
  lo: number,
  zeros = 0,
  allocated = 0,
): void {
  const { view } = slice;
  const size = w.g.l2EntrySize;
  const at = index * size;
  view.setUint32(at, hi);
  view.setUint32(at + 4, lo);
  if (size === 16) {
    view.setInt32(at + 8, zeros);
    view.setInt32(at + 12, allocated);
  }
  w.l2.mark(slice, at, at + size);
}

/** The same for a cluster at `host` (bytes) that this entry alone leads to. */
export function setHost(w: WriteState, slice: Table, index: number, host: number, zeros = 0, allocated = 0): void {
  setEntry(w, slice, index, Math.floor(host / 2 ** 32) + COPIED_HI, host % 2 ** 32, zeros, allocated);
}

export function isCopied(entry: Entry): boolean {
  return entry.hi >= COPIED_HI;
}

export function clusterKind(g: Geometry, { hi, lo, host }: Entry): ClusterKind {
  if ((hi & COMPRESSED_HI) !== 0) return COMPRESSED;
  if ((lo & 1) === 1 && g.l2EntrySize === 8) return host > 0 ? ZERO_ALLOCATED : ZERO_PLAIN;
  // In a data file host offset 0 is a cluster like any other.
  if (host === 0) return g.dataFile && hi >= COPIED_HI ? NORMAL : UNALLOCATED;
  return NORMAL;
}

/** Whether the cluster takes room in the file. */
export function isAllocated(kind: ClusterKind): boolean {
  return kind >= ZERO_ALLOCATED;
}

/** What subcluster `sub` is; without extended entries, what the cluster is. */
export function subclusterKind(g: Geometry, entry: Entry, sub: number): SubclusterKind {
  const kind = clusterKind(g, entry);
  if (g.l2EntrySize === 8 || kind === COMPRESSED) return kind;
  const { zeros, allocated } = entry;
  const isZero = ((zeros >>> sub) & 1) === 1;
  if (kind === NORMAL) {
    if ((zeros & allocated) !== 0) return INVALID;
    if (isZero) return ZERO_ALLOCATED;
    return ((allocated >>> sub) & 1) === 1 ? NORMAL : UNALLOCATED_ALLOCATED;
  }
  if (allocated !== 0) return INVALID;
  return isZero ? ZERO_PLAIN : UNALLOCATED;
}

/** Whether a write to the cluster needs another host cluster: it has none of its own. */
export function needsAllocation(g: Geometry, entry: Entry): boolean {
  const kind = clusterKind(g, entry);
  return !((kind === NORMAL || kind === ZERO_ALLOCATED) && isCopied(entry));
}

/** Bits `from` .. `to` - 1, as int32. */
export function bitRange(from: number, to: number): number {
  const below = to === SUBCLUSTERS ? ALL : (1 << to) - 1;
  return below & ~((1 << from) - 1);
}
