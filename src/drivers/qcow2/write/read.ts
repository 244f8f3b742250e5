/**
 * Guest bytes as the tables in memory say: what reads ask for, and what is copied around a write. Run by run, within a
 * slice; each kind with the instants that QEMU fires for it.
 */
import { fire, type Request } from '../../../device/events.ts';
import { ImageError } from '../../../errors.ts';
import { readDecrypted } from '../../sector-cipher.ts';
import { readCompressedCluster } from '../compressed.ts';
import { compressedRange, SUBCLUSTERS, vmStateOffset } from '../geometry.ts';
import { invalidEntry } from './allocation.ts';
import { ioFailure, numeral } from './complaints.ts';
import {
  COMPRESSED,
  type Entry,
  entryAt,
  INVALID,
  NORMAL,
  type SubclusterKind,
  subclusterKind,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO_ALLOCATED,
  ZERO_PLAIN,
} from './entries.ts';
import type { WriteState } from './state.ts';
import { l1Index, sliceEntries, sliceIndex, sliceToRead } from './tables.ts';

/** Guest bytes of one kind; `host` is where they are, where they are anywhere. */
export interface Run {
  readonly kind: SubclusterKind;
  /** Bytes. */
  readonly length: number;
  readonly host: number;
  readonly entry: Entry | undefined;
}

/** The run at `guest`, at most `limit` bytes of it. With the lock held. Marks the image corrupt where an entry is wrong. */
export function* runAt(w: WriteState, guest: number, limit: number): Request<Run> {
  const { g } = w;
  const { clusterSize } = g;
  const slice = yield* sliceToRead(w, guest);
  const index = sliceIndex(w, guest);
  const skip = guest % clusterSize;
  const most = Math.min(limit, (sliceEntries(w) - index) * clusterSize - skip);
  if (!slice) return { kind: UNALLOCATED, length: most, host: 0, entry: undefined };
  const unit = g.l2EntrySize === 16 ? clusterSize / SUBCLUSTERS : clusterSize;
  const entry = entryAt(g, slice, index);
  const kind = subclusterKind(g, entry, Math.floor(skip / unit));
  checkEntry(w, guest, index, kind, entry);
  const host = kind === UNALLOCATED || kind === ZERO_PLAIN || kind === COMPRESSED ? 0 : entry.host + skip;
  let length = unit - (skip % unit);
  if (kind === COMPRESSED) return { kind, length: Math.min(most, clusterSize - skip), host, entry };
  for (let at = skip + length; length < most; at += unit, length += unit) {
    const cluster = Math.floor(at / clusterSize);
    const next = entryAt(g, slice, index + cluster);
    if (subclusterKind(g, next, Math.floor((at % clusterSize) / unit)) !== kind) break;
    if (host !== 0 && next.host !== entry.host + cluster * clusterSize) break;
    if (kind === INVALID) break;
  }
  return { kind, length: Math.min(length, most), host, entry };
}

function checkEntry(w: WriteState, guest: number, index: number, kind: SubclusterKind, entry: Entry): void {
  const { g } = w;
  if (kind === INVALID) throw invalidEntry(w, guest, index);
  const place = (): string => `(L2 offset: ${numeral(w.l1.at(l1Index(w, guest)))}, L2 index: ${numeral(index)})`;
  if (g.version < 3 && (kind === ZERO_PLAIN || kind === ZERO_ALLOCATED)) {
    throw w.corruption(`Zero cluster entry found in pre-v3 image ${place()}`);
  }
  if (kind === COMPRESSED && g.dataFile) {
    throw w.corruption(`Compressed cluster entry found in image with external data file ${place()}`);
  }
  if (kind !== NORMAL && kind !== ZERO_ALLOCATED && kind !== UNALLOCATED_ALLOCATED) return;
  if (entry.host % g.clusterSize !== 0) {
    throw w.corruption(`Cluster allocation offset ${numeral(entry.host)} unaligned ${place()}`);
  }
  const cluster = guest - (guest % g.clusterSize);
  if (g.dataFile && entry.host !== cluster) {
    throw w.corruption(
      `External data file host cluster offset ${numeral(entry.host)} does not match guest cluster offset: ${numeral(cluster)}, L2 index: ${numeral(index)})`,
    );
  }
}

/** Fills `target` with the guest bytes from `guest` on. Without the lock. */
export function* readGuest(w: WriteState, guest: number, target: Uint8Array): Request {
  for (let done = 0; done < target.length; ) {
    yield* w.lock();
    let run: Run;
    try {
      run = yield* runAt(w, guest + done, target.length - done);
    } finally {
      w.unlock();
    }
    yield* readRun(w, run, guest + done, target.subarray(done, done + run.length));
    done += run.length;
  }
}

function* readRun(w: WriteState, run: Run, guest: number, target: Uint8Array): Request {
  switch (run.kind) {
    case NORMAL:
      yield* fire(w.device, 'read_aio');
      if (w.cipher) readDecrypted(w.data, w.cipher, guest, run.host, target);
      else w.data.read(run.host, target);
      return;
    case COMPRESSED:
      yield* fire(w.device, 'read_compressed');
      readCompressed(w, run.entry as Entry, guest, target);
      return;
    case UNALLOCATED:
    case UNALLOCATED_ALLOCATED:
      yield* readBelow(w, guest, target);
      return;
    default:
      target.fill(0);
  }
}

/** What lies below, zeros behind its end. */
function* readBelow(w: WriteState, guest: number, target: Uint8Array): Request {
  const { below } = w.context;
  const there = below ? Math.max(0, Math.min(target.length, below.size - guest)) : 0;
  if (below && there > 0) {
    yield* fire(w.device, 'read_backing_aio');
    yield* below.read(guest, target.subarray(0, there));
  }
  target.fill(0, there);
}

function readCompressed(w: WriteState, entry: Entry, guest: number, target: Uint8Array): void {
  const { offset, length } = compressedRange(w.g, entry.hi, entry.lo);
  const skip = guest % w.g.clusterSize;
  try {
    target.set(readCompressedCluster(w.device, w.g, offset, length).subarray(skip, skip + target.length));
  } catch (error) {
    if (error instanceof ImageError && error.code === 'compressed-cluster-broken') {
      throw ioFailure(error.what.replace(/^qcow2 /, ''), error.where);
    }
    throw error;
  }
}

/** Whether the tables alone say that the bytes read as zeros. With the lock held. */
export function* isZero(w: WriteState, guest: number, length: number): Request<boolean> {
  // The VM state, of which nobody says so.
  if (guest >= vmStateOffset(w.g)) return length === 0;
  const end = Math.min(guest + length, w.g.size);
  for (let at = guest; at < end; ) {
    const { kind, length: run } = yield* runAt(w, at, end - at);
    if (kind === NORMAL || kind === COMPRESSED) return false;
    if ((kind === UNALLOCATED || kind === UNALLOCATED_ALLOCATED) && !isZeroBelow(w, at, run)) return false;
    at += run;
  }
  return true;
}

/** The same of what lies below. */
export function isZeroBelow(w: WriteState, guest: number, length: number): boolean {
  const { below } = w.context;
  if (!below || guest >= below.size) return true;
  return below.isZero?.(guest, Math.min(length, below.size - guest)) ?? false;
}
