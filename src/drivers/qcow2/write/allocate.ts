/**
 * Host clusters and bytes: taken and given back. A cluster that is taken has its refcount raised in memory; the entry
 * that leads to it may be written only after that (`l2.dependOn(blocks)`).
 */
import { roundUp } from '../../../bytes/size.ts';
import { fire, type Request } from '../../../device/events.ts';
import { largestCount } from '../counters.ts';
import { compressedRange } from '../geometry.ts';
import { COMPRESSED, clusterKind, type Entry, isAllocated } from './entries.ts';
import { changeRefcounts, findFree, free, refcountOf } from './refcounts.ts';
import type { WriteState } from './state.ts';

/** Clusters in a row for `length` bytes, wherever they are free. Answers their offset (bytes). */
export function* allocateClusters(w: WriteState, length: number): Request<number> {
  yield* fire(w.device, 'cluster_alloc');
  for (;;) {
    const offset = yield* findFree(w, length);
    if (yield* changeRefcounts(w, offset, length, 1)) return offset;
  }
}

/** Up to `count` clusters from `offset` on, as many as are free in a row there. Answers how many. */
export function* allocateClustersAt(w: WriteState, offset: number, count: number): Request<number> {
  const { clusterSize } = w.g;
  for (;;) {
    const first = Math.floor(offset / clusterSize);
    let found = 0;
    while (found < count && (yield* refcountOf(w, first + found)) === 0) found++;
    if (yield* changeRefcounts(w, offset, found * clusterSize, 1)) return found;
  }
}

/**
 * Room for a compressed cluster's stream, at most one cluster, right behind the last one where it fits. Every cluster it
 * touches is counted once more, and L2 tables wait for that.
 */
export function* allocateBytes(w: WriteState, length: number): Request<number> {
  yield* fire(w.device, 'cluster_alloc_bytes');
  const { clusterSize, refcountOrder, clusterBits } = w.g;
  let offset = w.freeByte;
  if (offset !== 0 && (yield* refcountOf(w, Math.floor(offset / clusterSize))) >= largestCount(refcountOrder)) {
    offset = 0;
  }
  let room = clusterSize - (offset % clusterSize);
  for (;;) {
    if (offset === 0 || room < length) {
      const fresh = yield* findFree(w, clusterSize, Math.min(2 ** (70 - clusterBits), 2 ** 56) - 1);
      if (fresh === 0) throw w.corruption('Preventing invalid allocation of compressed cluster at offset 0');
      if (offset === 0 || roundUp(offset, clusterSize) !== fresh) {
        offset = fresh;
        room = clusterSize;
      } else room += clusterSize;
    }
    if (yield* changeRefcounts(w, offset, length, 1)) break;
    offset = 0;
  }
  yield* w.l2.dependOn(w.blocks);
  w.freeByte = (offset + length) % clusterSize === 0 ? 0 : offset + length;
  return offset;
}

/** Takes one reference from every cluster that the bytes touch. */
export function* freeClusters(w: WriteState, offset: number, length: number): Request {
  yield* free(w, offset, length);
}

/** Takes the reference that an L2 entry was. In an external data file there are none. */
export function* freeEntry(w: WriteState, entry: Entry): Request {
  const { g } = w;
  const kind = clusterKind(g, entry);
  if (g.dataFile || !isAllocated(kind)) return;
  if (kind === COMPRESSED) {
    const { offset, length } = compressedRange(g, entry.hi, entry.lo);
    yield* free(w, offset, length);
  } else if (entry.host % g.clusterSize !== 0) {
    w.oddity(`Cannot free unaligned cluster 0x${entry.host.toString(16)}`);
  } else yield* free(w, entry.host, g.clusterSize);
}
