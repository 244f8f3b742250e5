/**
 * Clusters for guest bytes that nobody has written yet: entries that lead to them, and room in the file.
 *
 *  1. What is not written reads as zeros: new clusters lie behind the old end of the file, or the caller hides them.
 *  2. `falloc` and `full` write zeros, so that the room is there; a file has no other way to promise it here.
 */

import { type Request, until } from '../../../device/events.ts';
import { writeZeros } from '../../../device/zeros.ts';
import type { Preallocation } from '../../writing.ts';
import { allocateClusters } from './allocate.ts';
import { type Allocation, isBusy, place } from './allocation.ts';
import { copyAround, zeroAround } from './copy.ts';
import type { WriteState } from './state.ts';
import { sliceEntries, sliceIndex } from './tables.ts';
import { giveBack, link } from './write.ts';

/** Bytes of zeros written at once. */
const PIECE = 1024 * 1024;

/** Bytes of guest placed at once, a multiple of every cluster size. */
const MOST = 1024 * 1024 * 1024;

/** Entries for the guest bytes `from` .. `to` - 1, wherever there is room. With the lock held. */
export function* preallocateEntries(w: WriteState, from: number, to: number, how: Preallocation): Request {
  yield* behindAll(w, entriesFor(w, from, to, how));
}

/** Does the work with clusters from behind the end of the file only: what was freed before it is not zeros. */
function* behindAll<T>(w: WriteState, work: Request<T>): Request<T> {
  const free = w.firstFree;
  w.firstFree = Math.max(free, Math.ceil(w.device.size / w.g.clusterSize));
  try {
    return yield* work;
  } finally {
    w.firstFree = Math.min(w.firstFree, free);
  }
}

function* entriesFor(w: WriteState, from: number, to: number, how: Preallocation): Request {
  for (let at = from; at < to; ) {
    const made: Allocation[] = [];
    try {
      const placed = yield* place(w, at, Math.min(to - at, MOST), made);
      if (!placed) {
        w.unlock();
        yield* until(() => !isBusy(w, at));
        yield* w.lock();
        continue;
      }
      // An entry leads nowhere behind the end of the file. Tables may have grown it farther meanwhile.
      const end = placed.host + placed.length;
      if (end > w.data.size && how === 'metadata') w.data.resize(end);
      else fillWithZeros(w, w.data.size, end);
      yield* linkAll(w, made);
      at += placed.length;
    } catch (error) {
      w.unlock();
      try {
        yield* giveBack(w, made);
      } finally {
        yield* w.lock();
      }
      throw error;
    } finally {
      for (const allocation of made) w.inFlight.delete(allocation);
    }
  }
}

/** Whole clusters for them in a row behind the end of the file, filled with zeros. With the lock held. */
export function* preallocateBehind(w: WriteState, from: number, to: number, hides: boolean): Request {
  const { clusterSize } = w.g;
  const first = from - (from % clusterSize);
  const clusters = Math.ceil((to - first) / clusterSize);
  if (clusters === 0) return;
  const host = yield* behindAll(w, allocateClusters(w, clusters * clusterSize));
  fillWithZeros(w, Math.max(w.device.size, host), host + clusters * clusterSize);
  for (let done = 0; done < clusters; ) {
    const at = first + done * clusterSize;
    const count = Math.min(clusters - done, sliceEntries(w) - sliceIndex(w, at));
    const bytes = count * clusterSize;
    const allocation: Allocation = {
      from: at,
      to: at + bytes,
      host: host + done * clusterSize,
      clusters: count,
      keepsClusters: false,
      head: [0, done === 0 ? from - first : 0],
      tail: [bytes, bytes],
      hollow: !hides,
    };
    w.inFlight.add(allocation);
    try {
      yield* linkAll(w, [allocation]);
    } finally {
      w.inFlight.delete(allocation);
    }
    done += count;
  }
}

/** Copies what the clusters held before, without the lock, and sets their entries. `made` keeps what is not linked. */
function* linkAll(w: WriteState, made: Allocation[]): Request {
  while (made.length > 0) {
    const allocation = made[0] as Allocation;
    const { head, tail } = allocation;
    if (head[0] < head[1] || tail[0] < tail[1]) {
      w.unlock();
      try {
        if (!(yield* zeroAround(w, allocation))) yield* copyAround(w, allocation);
      } finally {
        yield* w.lock();
      }
      w.l2.waitForFlush();
    }
    yield* link(w, { hollow: true, ...allocation });
    w.inFlight.delete(allocation);
    made.shift();
  }
}

function fillWithZeros(w: WriteState, from: number, to: number): void {
  writeZeros(w.data, from, to, 'preallocated', PIECE);
}
