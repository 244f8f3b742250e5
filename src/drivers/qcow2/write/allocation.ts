/**
 * Where a write of guest bytes goes: clusters of the image's own are written in place, others get new ones. What has to
 * be copied around the new bytes, and which entries to change once they are written, is an Allocation.
 *
 *  1. One answer is contiguous in the file, within one slice's worth of decisions at a time, as in QEMU.
 *  2. A part of the request that meets clusters another request is still writing waits, or ends before them.
 */
import { roundUp } from '../../../bytes/size.ts';
import type { Request } from '../../../device/events.ts';
import { SUBCLUSTERS } from '../geometry.ts';
import { allocateClusters, allocateClustersAt } from './allocate.ts';
import { numeral } from './complaints.ts';
import {
  COMPRESSED,
  entryAt,
  INVALID,
  NORMAL,
  needsAllocation,
  subclusterKind,
  UNALLOCATED,
  ZERO_PLAIN,
} from './entries.ts';
import type { InFlight, WriteState } from './state.ts';
import type { Table } from './table-cache.ts';
import { l1Index, sliceEntries, sliceIndex, sliceToChange } from './tables.ts';

/** Clusters in a row that are being written. Bytes. */
export interface Allocation extends InFlight {
  /** Of the first cluster. */
  readonly host: number;
  readonly clusters: number;
  /** The clusters are those that the entries lead to already: only what is in them changes. */
  readonly keepsClusters: boolean;
  /** What to copy before and behind the bytes, from `from`: start and end. Empty where both are the same. */
  readonly head: readonly [start: number, end: number];
  readonly tail: readonly [start: number, end: number];
  /** Nothing is written: with subclusters, none counts as allocated but what is copied. */
  readonly hollow?: boolean;
}

/** What one call settles: how many of the request's bytes, from its start, and where they go. */
export interface Placed {
  readonly host: number;
  readonly length: number;
}

/**
 * With the lock held. Undefined: the first cluster is being written by another request, see `isBusy`. `made` gets the
 * allocations one by one: whoever catches an error gives them back.
 */
export function* place(w: WriteState, guest: number, length: number, made: Allocation[]): Request<Placed | undefined> {
  let start = guest;
  let left = length;
  let host: number | undefined;
  let next: number | undefined;
  while (left > 0) {
    const free = untilInFlight(w, start, left, made);
    if (free === 0) {
      if (start === guest) return undefined;
      break;
    }
    const slice = yield* sliceToChange(w, start);
    const found = inPlace(w, slice, start, free, next, made) ?? (yield* fresh(w, slice, start, free, next, made));
    if (found.length === 0) break;
    host ??= found.host;
    next = found.host + found.length;
    start += found.length;
    left -= found.length;
  }
  return { host: host ?? 0, length: length - left };
}

/** Whether the guest byte's cluster is being written by another request. */
export function isBusy(w: WriteState, guest: number): boolean {
  return untilInFlight(w, guest, 1, []) === 0;
}

/** How many of the bytes no other request is at work on; `own`: what this request is at work on. */
function untilInFlight(w: WriteState, guest: number, length: number, own: readonly InFlight[]): number {
  if (w.inFlight.size === own.length) return length;
  let end = guest + length;
  for (const other of w.inFlight) {
    if (other.to <= guest || other.from >= end || own.includes(other)) continue;
    // In a cluster that stays where it is, only the bytes themselves can meet.
    const { touches } = other;
    if (touches && (touches.to <= guest || touches.from >= end)) continue;
    end = Math.max(guest, other.from);
  }
  return end - guest;
}

interface Found {
  readonly host: number;
  /** 0: nothing can follow what the request has so far. */
  readonly length: number;
}

/** Clusters that are this image's own: undefined where the first is none. `at`: where it must be, if anywhere. */
function inPlace(
  w: WriteState,
  slice: Table,
  guest: number,
  length: number,
  at: number | undefined,
  made: Allocation[],
): Found | undefined {
  const { g } = w;
  const index = sliceIndex(w, guest);
  const first = entryAt(g, slice, index);
  if (needsAllocation(g, first)) return undefined;
  const { host } = first;
  const skip = guest % g.clusterSize;
  if (host % g.clusterSize !== 0) {
    throw w.corruption(`Data cluster offset ${numeral(host)} unaligned (guest offset: ${numeral(guest)})`);
  }
  if (at !== undefined && host !== at - (at % g.clusterSize)) return { host, length: 0 };
  const wanted = Math.min(Math.ceil((skip + length) / g.clusterSize), sliceEntries(w) - index);
  let clusters = 1;
  while (clusters < wanted) {
    const entry = entryAt(g, slice, index + clusters);
    if (needsAllocation(g, entry) || entry.host !== host + clusters * g.clusterSize) break;
    clusters++;
  }
  const bytes = Math.min(length, clusters * g.clusterSize - skip);
  note(w, slice, guest, bytes, host, true, made);
  return { host: host + skip, length: bytes };
}

/** New clusters, for as many in a row as need some. */
function* fresh(
  w: WriteState,
  slice: Table,
  guest: number,
  length: number,
  at: number | undefined,
  made: Allocation[],
): Request<Found> {
  const { g } = w;
  const index = sliceIndex(w, guest);
  const skip = guest % g.clusterSize;
  const wanted = Math.min(Math.ceil((skip + length) / g.clusterSize), sliceEntries(w) - index);
  let clusters = 0;
  while (clusters < wanted && needsAllocation(g, entryAt(g, slice, index + clusters))) clusters++;
  let host: number;
  if (g.dataFile) host = guest - skip;
  else if (at === undefined) {
    host = yield* allocateClusters(w, clusters * g.clusterSize);
  } else {
    host = at - (at % g.clusterSize);
    clusters = yield* allocateClustersAt(w, host, clusters);
    if (clusters === 0) return { host, length: 0 };
  }
  const bytes = Math.min(length, clusters * g.clusterSize - skip);
  note(w, slice, guest, bytes, host, false, made);
  return { host: host + skip, length: bytes };
}

/** Writes down what is to be copied and linked, unless nothing is. */
function note(
  w: WriteState,
  slice: Table,
  guest: number,
  bytes: number,
  host: number,
  keeps: boolean,
  made: Allocation[],
): void {
  const { g } = w;
  const unit = g.l2EntrySize === 16 ? g.clusterSize / SUBCLUSTERS : g.clusterSize;
  const start = guest % g.clusterSize;
  const end = start + bytes;
  const clusters = Math.ceil(end / g.clusterSize);
  const index = sliceIndex(w, guest);
  let nothing = keeps;
  for (let i = 0; i < clusters; i++) {
    const entry = entryAt(g, slice, index + i);
    const from = Math.max(start, i * g.clusterSize) - i * g.clusterSize;
    const to = Math.min(end, (i + 1) * g.clusterSize) - i * g.clusterSize;
    const lastSub = nothing ? Math.ceil(to / unit) : 1;
    for (let sub = nothing ? Math.floor(from / unit) : 0; sub < lastSub; sub++) {
      const kind = subclusterKind(g, entry, sub);
      if (kind === INVALID) throw invalidEntry(w, guest, index + i);
      if (kind !== NORMAL) nothing = false;
    }
  }
  if (nothing) return;
  const first = entryAt(g, slice, index);
  const last = entryAt(g, slice, index + clusters - 1);
  const firstSub = Math.floor(start / unit);
  const lastSub = Math.floor(((end - 1) % g.clusterSize) / unit);
  const headFrom = copyFrom(w, keeps, subclusterKind(g, first, firstSub), first.allocated, start, firstSub * unit);
  const tailTo = copyTo(w, keeps, subclusterKind(g, last, lastSub), last.allocated, end, lastSub);
  const from = guest - start;
  const allocation: Allocation = {
    from,
    to: from + clusters * g.clusterSize,
    host,
    clusters,
    keepsClusters: keeps,
    head: [headFrom, start],
    tail: [end, tailTo],
    ...(keeps ? { touches: { from: from + headFrom, to: from + tailTo } } : {}),
  };
  made.push(allocation);
  w.inFlight.add(allocation);
}

/** Where copying begins, bytes into the first cluster. `unitStart`: where the subcluster of `start` begins. */
function copyFrom(
  w: WriteState,
  keeps: boolean,
  kind: number,
  allocated: number,
  start: number,
  unitStart: number,
): number {
  if (keeps) return kind === NORMAL ? start : unitStart;
  if (kind === COMPRESSED) return 0;
  if (kind === UNALLOCATED || kind === ZERO_PLAIN) return unitStart;
  if (w.g.l2EntrySize === 8) return 0;
  // Leading subclusters that hold nothing stay as they are.
  const lowest = allocated === 0 ? SUBCLUSTERS : 31 - Math.clz32(allocated & -allocated);
  return Math.min(unitStart, (lowest * w.g.clusterSize) / SUBCLUSTERS);
}

/** Where copying ends, bytes from the start of the first cluster. */
function copyTo(w: WriteState, keeps: boolean, kind: number, allocated: number, end: number, lastSub: number): number {
  const { clusterSize, l2EntrySize } = w.g;
  const unit = l2EntrySize === 16 ? clusterSize / SUBCLUSTERS : clusterSize;
  if (keeps && kind === NORMAL) return end;
  if (keeps || kind === UNALLOCATED || kind === ZERO_PLAIN) return roundUp(end, unit);
  const whole = roundUp(end, clusterSize);
  if (kind === COMPRESSED || l2EntrySize === 8) return whole;
  return whole - Math.min(SUBCLUSTERS - lastSub - 1, Math.clz32(allocated)) * unit;
}

export function invalidEntry(w: WriteState, guest: number, index: number): Error {
  const table = w.l1.at(l1Index(w, guest));
  return w.corruption(`Invalid cluster entry found (L2 offset: ${numeral(table)}, L2 index: ${numeral(index)})`);
}
