/**
 * Zeros and discards: entries changed first, refcounts lowered afterwards. Which state a cluster gets is QEMU's choice,
 * for it is visible: whether the place in the file is kept, and whether the backing file shows through.
 */

import { roundUp } from '../../../bytes/size.ts';
import type { Request } from '../../../device/events.ts';
import { writeZeros } from '../../../device/zeros.ts';
import { mappingUnit, SUBCLUSTERS } from '../geometry.ts';
import { freeEntry } from './allocate.ts';
import { bitRange, COMPRESSED, clusterKind, entryAt, isAllocated, isExtended, setEntry } from './entries.ts';
import { isZero, runAt } from './read.ts';
import type { WriteState } from './state.ts';
import { sliceEntries, sliceIndex, sliceToChange } from './tables.ts';

const ALL = -1;
const ZERO_FLAG = 1;

/**
 * Makes the guest range read as zeros without writing them. A range that is no multiple of the mapping's unit lies within
 * one unit, whose rest reads as zeros already. Answers false, having changed nothing, where zeros have to be written.
 */
export function* zeroGuest(w: WriteState, guest: number, length: number, mayUnmap: boolean): Request<boolean> {
  const unit = mappingUnit(w.g);
  let start = guest;
  let end = guest + length;
  const before = start % unit;
  const behind = end === w.g.size ? 0 : roundUp(end, unit) - end;
  yield* w.lockAgainst(start - before, end + behind);
  try {
    if (before > 0 || behind > 0) {
      if (!(yield* isZero(w, start - before, before)) || !(yield* isZero(w, end, behind))) return false;
      start -= before;
      end = start + unit;
      const { kind } = yield* runAt(w, start, unit);
      if (kind === COMPRESSED || kind === 3) return false;
    }
    if (w.g.version < 3) {
      // Without a zero flag, a cluster reads as zeros only where it is none and nothing lies below.
      if (w.hasBacking) return false;
      yield* discardClusters(w, start, Math.ceil((end - start) / w.g.clusterSize), 'reads-zero');
      return true;
    }
    // A raw data file must show the same as the image.
    if (w.dataFileRaw) writeZeros(w.data, start, Math.min(end, w.g.size), 'zeros');
    return yield* zeroUnits(w, start, end, mayUnmap);
  } finally {
    w.unlock();
  }
}

/** The same for whole units, or up to the disk's end and behind it. With the lock held; not for version 2. */
export function* zeroUnits(w: WriteState, start: number, stop: number, mayUnmap: boolean): Request<boolean> {
  const { clusterSize, size } = w.g;
  const head = Math.min(stop, roundUp(start, clusterSize)) - start;
  let at = start + head;
  const tail = stop >= size ? 0 : stop - Math.max(at, stop - (stop % clusterSize));
  const end = stop - tail;
  if (head > 0 && !(yield* zeroSubclusters(w, start, head))) return false;
  while (at < end) {
    const clusters = yield* zeroClusters(w, at, Math.ceil((end - at) / clusterSize), mayUnmap);
    at += clusters * clusterSize;
  }
  return tail === 0 || (yield* zeroSubclusters(w, end, tail));
}

/** Of one slice; answers how many. */
function* zeroClusters(w: WriteState, guest: number, count: number, mayUnmap: boolean): Request<number> {
  const slice = yield* sliceToChange(w, guest);
  const { g } = w;
  const index = sliceIndex(w, guest);
  const clusters = Math.min(count, sliceEntries(w) - index);
  const extended = isExtended(g);
  for (let i = index; i < index + clusters; i++) {
    const old = entryAt(g, slice, i);
    const kind = clusterKind(g, old);
    const unmap = kind === COMPRESSED || (mayUnmap && isAllocated(kind));
    const hi = unmap ? 0 : old.hi;
    const lo = ((unmap ? 0 : old.lo) | (extended ? 0 : ZERO_FLAG)) >>> 0;
    if (hi === old.hi && lo === old.lo && (!extended || (old.zeros === ALL && old.allocated === 0))) continue;
    setEntry(w, slice, i, hi, lo, ALL, 0);
    if (unmap) yield* freeEntry(w, old);
  }
  return clusters;
}

/** Part of a cluster with subclusters. */
function* zeroSubclusters(w: WriteState, guest: number, length: number): Request<boolean> {
  const slice = yield* sliceToChange(w, guest);
  const { g } = w;
  const index = sliceIndex(w, guest);
  const { hi, lo, zeros, allocated, ...old } = entryAt(g, slice, index);
  if (clusterKind(g, { hi, lo, zeros, allocated, ...old }) === COMPRESSED) return false;
  const unit = g.clusterSize / SUBCLUSTERS;
  const first = Math.floor((guest % g.clusterSize) / unit);
  const bits = bitRange(first, first + Math.ceil(length / unit));
  setEntry(w, slice, index, hi, lo, zeros | bits, allocated & ~bits);
  return true;
}

/** How many clusters' contents a discard gives up, and how: `all` forgets the place and the zeros too. */
export type DiscardDepth = 'reads-zero' | 'all';

/** Whole clusters, or up to the disk's end. Answers false where nothing is done. */
export function* discardGuest(w: WriteState, guest: number, length: number): Request<boolean> {
  const { clusterSize, size, version } = w.g;
  // Without a zero flag the backing file's old bytes would show through.
  if (version < 3 && w.hasBacking) return false;
  const end = guest + length;
  if (guest % clusterSize !== 0 || (end % clusterSize !== 0 && end !== size)) return false;
  yield* w.lockAgainst(guest, end);
  try {
    yield* discardClusters(w, guest, Math.ceil(length / clusterSize), 'reads-zero');
    if (w.dataFileRaw) writeZeros(w.data, guest, end, 'zeros');
  } finally {
    w.unlock();
  }
  return true;
}

/** With the lock held. */
export function* discardClusters(w: WriteState, guest: number, count: number, depth: DiscardDepth): Request {
  const { g } = w;
  for (let done = 0; done < count; ) {
    const at = guest + done * g.clusterSize;
    const slice = yield* sliceToChange(w, at);
    const index = sliceIndex(w, at);
    const clusters = Math.min(count - done, sliceEntries(w) - index);
    for (let i = index; i < index + clusters; i++) {
      const old = entryAt(g, slice, i);
      const forgets = depth === 'all' || w.hasBacking || isAllocated(clusterKind(g, old));
      if (!forgets) continue;
      const extended = isExtended(g);
      const zeros = depth === 'all' ? 0 : ALL;
      const lo = depth === 'all' || extended || g.version < 3 ? 0 : ZERO_FLAG;
      if (old.hi === 0 && old.lo === lo && (!extended || (old.zeros === zeros && old.allocated === 0))) continue;
      setEntry(w, slice, i, 0, lo, zeros, 0);
      yield* freeEntry(w, old);
    }
    done += clusters;
  }
}
