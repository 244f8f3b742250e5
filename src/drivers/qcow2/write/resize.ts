/**
 * The disk's size changed, as QEMU does it: what is cut off is given back, what is added reads as zeros, preallocated
 * where that is asked for. `what` of an error is QEMU's sentence.
 *
 *  1. The header has the new size last when the disk grows and after the entries are gone when it shrinks; the file is
 *     cut only once nothing in it leads behind its new end.
 */
import { fire, type Request } from '../../../device/events.ts';
import { ImageError } from '../../../errors.ts';
import type { Preallocation } from '../../writing.ts';
import { mappingUnit } from '../geometry.ts';
import { HeaderV2 } from '../layout.ts';
import { freeClusters } from './allocate.ts';
import { PartFailure } from './complaints.ts';
import { preallocateBehind, preallocateEntries } from './preallocate.ts';
import { refcountOf } from './refcounts.ts';
import type { WriteState } from './state.ts';
import { growL1 } from './tables.ts';
import { writeGuest } from './write.ts';
import { discardClusters, zeroUnits } from './zero.ts';

const SECTOR = 512;

function refused(code: string, what: string): ImageError {
  return new ImageError({ code, class: 'unsupported', what });
}

/** Runs a part of the work; what it fails with is told after `what`. */
function* part<T>(what: string, work: Request<T>): Request<T> {
  try {
    return yield* work;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new PartFailure(what, error);
  }
}

/** `size`: bytes. Throws ImageError where QEMU refuses, having changed nothing that the guest reads. */
export function* resize(w: WriteState, size: number, preallocation: Preallocation): Request {
  if (size % SECTOR !== 0) throw refused('invalid-argument', `The new size must be a multiple of ${SECTOR}`);
  yield* w.lock();
  try {
    if (w.g.version < 3 && w.image.snapshots.length > 0) {
      throw refused('not-supported', "Can't resize a v2 image which has snapshots");
    }
    w.bitmaps?.checkResize();
    if (size < w.g.size && preallocation !== 'off') {
      throw refused('invalid-argument', "Preallocation can't be used for shrinking an image");
    }
    if (size < w.g.size) yield* shrink(w, size);
    else yield* grow(w, size, w.dataFileRaw && preallocation === 'off' ? 'metadata' : preallocation);
    yield* part('Failed to update the image size', setSize(w, size));
  } finally {
    w.unlock();
  }
}

// biome-ignore lint/correctness/useYield: it only writes
function* setSize(w: WriteState, size: number): Request {
  const field = new Uint8Array(8);
  const view = new DataView(field.buffer);
  view.setUint32(0, Math.floor(size / 2 ** 32));
  view.setUint32(4, size % 2 ** 32);
  w.device.write(HeaderV2.at.size, field, 'header');
  w.device.flush();
  w.reopen({ size });
  w.bitmaps?.resize(size);
}

function l1EntriesOf(w: WriteState, size: number): number {
  return Math.ceil(size / (w.g.clusterSize * w.g.l2Entries));
}

function* shrink(w: WriteState, size: number): Request {
  const { clusterSize } = w.g;
  const kept = Math.ceil(size / clusterSize);
  const clusters = Math.ceil(w.g.size / clusterSize) - kept;
  yield* part('Failed to discard cropped clusters', discardClusters(w, kept * clusterSize, clusters, 'all'));
  yield* part('Failed to reduce the number of L2 tables', shrinkL1(w, l1EntriesOf(w, size)));
  if (w.g.dataFile) w.data.resize(size);
  try {
    yield* part('Failed to truncate the tail of the image', cutTail(w));
  } catch (error) {
    // The file stays as long as it was: nothing else is wrong.
    if (!(error instanceof PartFailure) || w.isDead) throw error;
    w.context.warn?.(`warning: ${error.what}`);
  }
}

/** Entries behind the first `kept` become zero; the table stays as long as it is. */
function* shrinkL1(w: WriteState, kept: number): Request {
  const { l1 } = w;
  if (kept >= l1.count) return;
  // What else they lead to is the VM state: QEMU leaves its clusters behind, leaked.
  for (let i = kept; i < l1.count; i++) {
    if (l1.at(i) !== 0) yield* discardClusters(w, i * w.g.l2Entries * w.g.clusterSize, w.g.l2Entries, 'all');
  }
  yield* w.l2.flush();
  const tables: number[] = [];
  for (let i = l1.count - 1; i >= kept; i--) {
    if (l1.at(i) !== 0) tables.push(l1.at(i));
    l1.set(i, 0);
  }
  yield* fire(w.device, 'l1_shrink_write_table');
  w.device.write(l1.offset + kept * 8, new Uint8Array((l1.count - kept) * 8), 'l1 table');
  w.device.flush();
  yield* fire(w.device, 'l1_shrink_free_l2_clusters');
  for (const table of tables) yield* freeClusters(w, table, w.g.clusterSize);
}

/** What of the file is behind its last cluster in use. */
function* cutTail(w: WriteState): Request {
  const { clusterSize } = w.g;
  let clusters = Math.ceil(w.device.size / clusterSize);
  while (clusters > 0 && (yield* refcountOf(w, clusters - 1)) === 0) clusters--;
  if (clusters === 0 || clusters * clusterSize >= w.device.size) return;
  yield* w.l2.flush();
  yield* w.blocks.flush();
  w.device.resize(clusters * clusterSize);
}

function* grow(w: WriteState, size: number, preallocation: Preallocation): Request {
  const before = w.g.size;
  yield* part('Failed to grow the L1 table', growL1(w, l1EntriesOf(w, size), true));
  // What a longer backing file has there must not show through.
  let hides = (w.context.below?.size ?? 0) > before && size > before;
  if (preallocation === 'off') {
    if (w.g.dataFile) w.data.resize(size);
  } else if (preallocation === 'metadata' || w.g.dataFile) {
    yield* part('Allocating clusters failed', preallocateEntries(w, before, size, preallocation));
  } else {
    yield* part('Failed to allocate data clusters', preallocateBehind(w, before, size, hides));
    // The new clusters are zeros in the file, and so is what stands behind the old end in the last of the old ones.
    hides = false;
  }
  // Zeros of the file are not zeros of an encrypted disk.
  if (w.cipher && w.g.version >= 3 && preallocation !== 'off') hides = size > before;
  if (hides) yield* hideBacking(w, before, size);
  if (preallocation === 'off') return;
  yield* w.l2.flush();
  yield* w.blocks.flush();
}

function* hideBacking(w: WriteState, from: number, to: number): Request {
  const unit = mappingUnit(w.g);
  const start = Math.ceil(from / unit) * unit;
  // Where the disk grows within its last unit only, there is no new one.
  if (start < to) {
    const zeroed = w.g.version < 3 ? noZeros() : zeroUnits(w, start, to, false);
    yield* part('Failed to zero out new clusters', zeroed);
  }
  if (start === from) return;
  w.unlock();
  try {
    const zeros = new Uint8Array(Math.min(start, to) - from);
    yield* part('Failed to zero out the new area', writeGuest(w, from, zeros));
  } finally {
    yield* w.lock();
  }
}

// biome-ignore lint/correctness/useYield: it only refuses
function* noZeros(): Request<boolean> {
  throw refused('not-supported', 'version 2 has no zero clusters');
}
