/**
 * Every state in which a power cut during a recorded commit may leave the disk, as a list that can be gone through and
 * counted; crash-disk.ts builds a state.
 *
 * The model (docs/decisions/0010): a sector of 512 bytes is written wholly or not at all. What was written to a file
 * since that file's last flush may be there in any subset, torn at sector borders, and the length it grew to may be
 * there without it. A name made or removed is certain only after the folder was flushed.
 *
 * Time is cut into segments by flushes. Within one, a state is which of the pending calls reached the disk:
 *   - up to 8 pending: every subset; each stands for every moment at which it can be found, and is listed once;
 *   - more: every prefix (at most 128 of them, evenly spread), all but one call (64), and 256 seeded random subsets;
 *   - each write that spans sectors (64 of them) torn in five ways, the other pending calls kept or by lot.
 *
 * Invariants (test/device/crash-states.test.ts):
 *  1. A state that is listed can happen: what a flush made durable is in it, what was not yet called is not.
 *  2. Up to 8 pending calls, no state that can happen without a tear is left out, and none is listed twice.
 *  3. The same recording and seed give the same list.
 */
import { Seeded } from '../bytes/seeded.ts';
import { SECTOR } from './page-store.ts';
import type { RecordedEvent, RecordedWrite, Recording } from './recording.ts';

/** How much is tried; `crash` says so. */
export const BOUNDS = { exhaustive: 8, prefixes: 128, missing: 64, samples: 256, torn: 64 } as const;

/** A write of which only some sectors arrived; `none`: the file grew, the bytes are not there. */
export type Tear = 'head' | 'tail' | 'odd' | 'lot' | 'none';
const TEARS: readonly Tear[] = ['none', 'head', 'tail', 'odd', 'lot'];

/** Between two flushes. Indices are into the recording's events. */
export interface Segment {
  /** Events before this one have been called when the segment begins. */
  readonly from: number;
  /** Calls that may be lost, oldest first; those below `from` were pending already. */
  readonly pending: readonly number[];
  /** The first of `pending` that is called in this segment. */
  readonly carried: number;
}

export interface CrashState {
  readonly segment: Segment;
  /** Of the segment's pending calls, how many had been made: the moment. */
  readonly called: number;
  readonly kept: Kept;
  readonly torn?: { readonly event: number; readonly how: Tear; readonly seed: number };
}

/** Which of the pending calls that had been made reached the disk. */
type Kept =
  | { readonly kind: 'bits'; readonly bits: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'all-but'; readonly one: number }
  | { readonly kind: 'lot'; readonly seed: number };

/** The states of a recording, in the order of time. */
export function crashStates({ events }: Recording, seed: number): CrashState[] {
  const random = new Seeded(seed);
  return segmentsOf(events).flatMap((segment, i) => statesOf(segment, events, random, i === 0));
}

/** Which events of the segment's pending ones are on the disk; a torn one is among them. */
export function keptEvents({ segment, called, kept, torn }: CrashState): ReadonlySet<number> {
  const made = segment.pending.slice(0, called);
  const random = kept.kind === 'lot' ? new Seeded(kept.seed) : undefined;
  const arrived = (event: number, i: number): boolean => {
    if (event === torn?.event || kept.kind === 'all') return true;
    if (kept.kind === 'bits') return ((kept.bits >>> i) & 1) === 1;
    if (kept.kind === 'all-but') return i !== kept.one;
    // The newest call is in: else this would be a state of an earlier moment.
    return random?.chance() === true || (i === called - 1 && torn === undefined);
  };
  return new Set(made.filter(arrived));
}

/** The sectors of a torn write that arrived, as ranges of the write's own bytes. */
export function tornParts(write: RecordedWrite, how: Tear, seed: number): { offset: number; length: number }[] {
  const random = new Seeded(seed);
  const count = sectorsOf(write);
  const arrived = (sector: number): boolean => {
    if (how === 'head' || how === 'tail') return sector < Math.ceil(count / 2) === (how === 'head');
    if (how === 'odd') return sector % 2 === 1;
    return how === 'lot' && random.chance();
  };
  const parts: { offset: number; length: number }[] = [];
  let at = 0;
  for (let sector = 0; at < write.length; sector++) {
    const end = Math.min(write.length, at + SECTOR - ((write.offset + at) % SECTOR));
    const last = parts.at(-1);
    if (arrived(sector)) {
      if (last && last.offset + last.length === at) last.length += end - at;
      else parts.push({ offset: at, length: end - at });
    }
    at = end;
  }
  return parts;
}

/** Time between flushes. A segment without a call that can be lost has no state of its own, but for the first. */
function segmentsOf(events: readonly RecordedEvent[]): Segment[] {
  const segments: Segment[] = [];
  let pending: number[] = [];
  for (let at = 0; at <= events.length; ) {
    const from = at;
    const carried = pending.length;
    while (at < events.length && !isBarrier(events[at])) pending.push(at++);
    if (pending.length > carried || segments.length === 0) segments.push({ from, pending: [...pending], carried });
    const barrier = events[at++];
    pending = pending.filter((i) => !makesDurable(barrier, events[i]));
  }
  return segments;
}

function isBarrier(event: RecordedEvent | undefined): boolean {
  return event?.op === 'flush' || event?.op === 'sync-folder';
}

function makesDurable(barrier: RecordedEvent | undefined, event: RecordedEvent | undefined): boolean {
  if (!barrier || !event) return false;
  if (barrier.op === 'flush') return (event.op === 'write' || event.op === 'resize') && event.file === barrier.file;
  return barrier.op === 'sync-folder' && (event.op === 'create' || event.op === 'remove' || event.op === 'keep');
}

function statesOf(segment: Segment, events: readonly RecordedEvent[], random: Seeded, isFirst: boolean): CrashState[] {
  const { pending, carried } = segment;
  const count = pending.length;
  const states: CrashState[] = isFirst ? [{ segment, called: 0, kept: { kind: 'all' } }] : [];
  const add = (called: number, kept: Kept): void => {
    states.push({ segment, called, kept });
  };
  if (count <= BOUNDS.exhaustive) {
    // At least one call of this segment: the subsets of what was carried over were states of the one before.
    for (let bits = 2 ** carried; bits < 2 ** count; bits++) add(32 - Math.clz32(bits), { kind: 'bits', bits });
  } else {
    for (const called of spread(carried + 1, count, BOUNDS.prefixes)) add(called, { kind: 'all' });
    for (const one of spread(0, count - 2, BOUNDS.missing)) add(count, { kind: 'all-but', one });
    for (let i = 0; i < BOUNDS.samples; i++) {
      const called = carried + 1 + random.below(count - carried);
      add(called, { kind: 'lot', seed: random.below(2 ** 31) });
    }
  }
  const writes = pending.flatMap((event, i) => {
    const write = events[event];
    return i >= carried && write?.op === 'write' && tearsOf(write).length > 0 ? [{ write, event, i }] : [];
  });
  for (const index of spread(0, writes.length - 1, BOUNDS.torn)) {
    const { write, event, i } = writes[index] as (typeof writes)[number];
    for (const how of tearsOf(write)) {
      const kept: Kept = how === 'lot' ? { kind: 'lot', seed: random.below(2 ** 31) } : { kind: 'all' };
      const called = how === 'lot' ? count : i + 1;
      states.push({ segment, called, kept, torn: { event, how, seed: random.below(2 ** 31) } });
    }
  }
  return states;
}

/** One sector is never torn. What may be past the end can be there as length alone. */
function tearsOf(write: RecordedWrite): readonly Tear[] {
  const mayGrow = write.stage === 'fresh' || write.stage === 'journal';
  const spans = sectorsOf(write) > 1;
  return TEARS.filter((how) => (how === 'none' ? mayGrow : spans));
}

/** How many sectors of the file a write touches. */
function sectorsOf({ offset, length }: RecordedWrite): number {
  return Math.ceil((offset + length) / SECTOR) - Math.floor(offset / SECTOR);
}

/** `most` integers from `low` to `high`, both included, evenly spread; all of them when they are no more. */
function spread(low: number, high: number, most: number): number[] {
  const count = high - low + 1;
  if (count <= most) return Array.from({ length: Math.max(0, count) }, (_, i) => low + i);
  return Array.from({ length: most }, (_, i) => low + Math.round((i * (count - 1)) / (most - 1)));
}
