/**
 * A write of guest bytes: placed, written with what must be copied around it, and only then linked.
 *
 *  1. Data reaches the file before the entry that leads to it; where something was copied, the entry waits until that is
 *     durable: the old bytes may have been.
 *  2. A write that fails gives its new clusters back: no entry ever led to them.
 */
import { type Request, until } from '../../../device/events.ts';
import { SUBCLUSTERS } from '../geometry.ts';
import { freeClusters, freeEntry } from './allocate.ts';
import { type Allocation, isBusy, type Placed, place } from './allocation.ts';
import { copyAround, writeData, zeroAround } from './copy.ts';
import { bitRange, COMPRESSED, clusterKind, type Entry, entryAt, isExtended, setHost } from './entries.ts';
import type { InFlight, WriteState } from './state.ts';
import { sliceIndex, sliceToChange } from './tables.ts';

/** Encrypted in one go, clusters: as in QEMU. */
const CRYPT_CLUSTERS = 32;

/** Writes `bytes` at `guest`; any range inside the disk (multiples of 512 where the image is encrypted). */
export function* writeGuest(w: WriteState, guest: number, bytes: Uint8Array): Request {
  for (let done = 0; done < bytes.length; ) {
    const at = guest + done;
    const most = w.cipher ? CRYPT_CLUSTERS * w.g.clusterSize - (at % w.g.clusterSize) : bytes.length;
    const made: Allocation[] = [];
    let range: InFlight | undefined;
    try {
      const placed = yield* placeOrWait(w, at, Math.min(bytes.length - done, most), made);
      if (w.device.event) {
        range = { from: at, to: at + placed.length };
        w.inPlace.add(range);
      }
      yield* writePlaced(w, at, bytes.subarray(done, done + placed.length), placed.host, made);
      done += placed.length;
    } catch (error) {
      yield* giveBack(w, made);
      throw error;
    } finally {
      if (range) w.inPlace.delete(range);
      for (const allocation of made) w.inFlight.delete(allocation);
    }
  }
}

function* placeOrWait(w: WriteState, guest: number, length: number, made: Allocation[]): Request<Placed> {
  for (;;) {
    yield* w.lock();
    try {
      const placed = yield* place(w, guest, length, made);
      if (placed) {
        w.guardData(placed.host, placed.length);
        return placed;
      }
    } finally {
      w.unlock();
    }
    yield* until(() => !isBusy(w, guest));
  }
}

function* writePlaced(w: WriteState, guest: number, bytes: Uint8Array, host: number, made: Allocation[]): Request {
  const end = guest + bytes.length;
  let whole: Allocation | undefined;
  const toCopy = new Set<Allocation>();
  for (const allocation of made) {
    const { from, head, tail } = allocation;
    if (head[0] === head[1] && tail[0] === tail[1]) continue;
    if (yield* zeroAround(w, allocation)) continue;
    toCopy.add(allocation);
    if (from + head[1] === guest && from + tail[0] === end) whole = allocation;
  }
  if (whole) yield* copyAround(w, whole, bytes);
  else yield* writeData(w, host, guest, bytes);
  while (made.length > 0) {
    const allocation = made[0] as Allocation;
    if (allocation !== whole && toCopy.has(allocation)) yield* copyAround(w, allocation);
    yield* w.lock();
    try {
      if (toCopy.has(allocation)) w.l2.waitForFlush();
      yield* link(w, allocation);
    } finally {
      w.unlock();
    }
    w.inFlight.delete(allocation);
    made.shift();
  }
}

/** Sets the entries of the clusters written, and frees what they led to before. With the lock held. */
export function* link(w: WriteState, allocation: Allocation): Request {
  const { from, host, clusters, keepsClusters, head, tail, hollow } = allocation;
  const { g } = w;
  if (w.lazyRefcounts) w.markDirty();
  if (!w.isDirty) yield* w.l2.dependOn(w.blocks);
  const slice = yield* sliceToChange(w, from);
  const index = sliceIndex(w, from);
  const unit = g.clusterSize / SUBCLUSTERS;
  const before: Entry[] = [];
  for (let i = 0; i < clusters; i++) {
    const old = entryAt(g, slice, index + i);
    if (!keepsClusters) before.push(old);
    let { zeros, allocated } = old;
    // What is copied from a compressed cluster has no bit yet.
    if (isExtended(g) && (!hollow || clusterKind(g, old) === COMPRESSED)) {
      const start = Math.max(head[0] - i * g.clusterSize, 0);
      const end = Math.min(tail[1] - i * g.clusterSize, g.clusterSize);
      const bits = bitRange(Math.floor(start / unit), Math.ceil(end / unit));
      allocated |= bits;
      zeros &= ~bits;
    }
    setHost(w, slice, index + i, host + i * g.clusterSize, zeros, allocated);
  }
  for (const entry of before) if ((entry.hi | entry.lo) !== 0) yield* freeEntry(w, entry);
}

/** What failed leaves its clusters free again, and nobody waiting for it. */
export function* giveBack(w: WriteState, made: readonly Allocation[]): Request {
  if (w.isDead || w.g.dataFile) return;
  for (const { host, clusters, keepsClusters } of made) {
    if (keepsClusters) continue;
    yield* w.lock();
    try {
      yield* freeClusters(w, host, clusters * w.g.clusterSize);
    } finally {
      w.unlock();
    }
  }
}
