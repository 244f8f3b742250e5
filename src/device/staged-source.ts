/** The steps of a session as something to commit: what differs from the file, merged. */
import { type Range, Ranges } from '../bytes/ranges.ts';
import { roundDown } from '../bytes/size.ts';
import { COMBINED } from './combining.ts';
import type { CommitSource, Overwrite } from './commit-source.ts';
import { readBytes } from './device.ts';
import { SECTOR } from './page-store.ts';
import type { StagedDevice } from './staged.ts';

/** One row of a plan. Bytes. */
export interface PlannedWrite {
  readonly stage: 'fresh' | 'overwrite' | 'header' | 'truncate';
  readonly offset: number;
  readonly length: number;
  /** The labels of the writes that made it. */
  readonly what: string;
}

export interface StagedSource extends CommitSource {
  /** What a commit will write, in its order. */
  readonly plan: readonly PlannedWrite[];
}

/** Labels of one row that are spelled out. */
const LABELS_SHOWN = 3;

/**
 * What is dirty past the old end or inside `free` is fresh; of the rest, the first sector of the file is the header,
 * and so is whatever else fits one sector: it needs no journal, for a disk writes it wholly or not at all.
 */
export function stagedSource(staged: StagedDevice, free: Ranges): StagedSource {
  const oldSize = staged.base.size;
  const dirty = staged.dirtyRanges();
  const fresh = new Ranges();
  const claimed = dirty.clone();
  for (const { offset, length } of clip(dirty, oldSize, Number.MAX_SAFE_INTEGER)) {
    fresh.add(offset, length);
    claimed.remove(offset, length);
  }
  for (const { offset, length } of free) {
    for (const part of clip(dirty, offset, Math.min(offset + length, oldSize))) {
      fresh.add(part.offset, part.length);
      claimed.remove(part.offset, part.length);
    }
  }
  const header = headerSector(claimed, Math.min(oldSize, staged.size));
  if (header !== undefined) claimed.remove(header, SECTOR);
  const planned = planOf(staged, fresh, claimed, header, oldSize);
  const label = (offset: number): string => planned.find((row) => row.offset === offset)?.what ?? '';

  return {
    oldSize,
    free,
    plan: planned,
    *fresh(out) {
      let done = 0;
      for (const range of fresh) {
        for (const { offset, length } of pieces(range)) {
          out.write(offset, readBytes(staged, offset, length));
          done += length;
          yield { what: 'new parts', done, total: fresh.total, unit: 'bytes' };
        }
      }
      if (staged.size > out.size) out.resize(staged.size);
    },
    final() {
      const overwrites: Iterable<Overwrite> = {
        *[Symbol.iterator]() {
          for (const range of claimed) {
            for (const { offset, length } of pieces(range)) {
              yield { offset, bytes: readBytes(staged, offset, length), what: label(range.offset) };
            }
          }
        },
      };
      if (header === undefined) return { overwrites, newSize: staged.size };
      const sector = { offset: header, bytes: readBytes(staged, header, SECTOR), what: label(header) };
      return { overwrites, header: sector, newSize: staged.size };
    },
  };
}

/** What a commit of these steps will write, in its order. */
export function plan(source: StagedSource): readonly PlannedWrite[] {
  return source.plan;
}

/** The offset of the sector that is written last, or undefined when no sector can play that part. */
function headerSector(claimed: Ranges, end: number): number | undefined {
  if (end >= SECTOR && claimed.overlapping(0, SECTOR)) return 0;
  const [only, second] = claimed;
  if (!only || second) return undefined;
  const sector = roundDown(only.offset, SECTOR);
  return only.offset + only.length <= sector + SECTOR && sector + SECTOR <= end ? sector : undefined;
}

/** The parts of `ranges` in [from, to). */
function clip(ranges: Ranges, from: number, to: number): Range[] {
  const parts: Range[] = [];
  for (let at = from; at < to; ) {
    const next = ranges.overlapping(at, to - at);
    if (!next) break;
    const start = Math.max(next.offset, at);
    const end = Math.min(next.offset + next.length, to);
    parts.push({ offset: start, length: end - start });
    at = end;
  }
  return parts;
}

function* pieces({ offset, length }: Range): Generator<Range> {
  for (let at = 0; at < length; at += COMBINED) yield { offset: offset + at, length: Math.min(COMBINED, length - at) };
}

function planOf(
  staged: StagedDevice,
  fresh: Ranges,
  claimed: Ranges,
  header: number | undefined,
  oldSize: number,
): PlannedWrite[] {
  const rows: { stage: PlannedWrite['stage']; offset: number; length: number; labels: Set<string> }[] = [];
  const add = (stage: PlannedWrite['stage'], { offset, length }: Range): void => {
    rows.push({ stage, offset, length, labels: new Set() });
  };
  for (const range of fresh) add('fresh', range);
  for (const range of claimed) add('overwrite', range);
  if (header !== undefined) add('header', { offset: header, length: SECTOR });
  const byOffset = rows.toSorted((a, b) => a.offset - b.offset);
  for (const step of staged.steps) {
    for (const event of step.events) {
      if (event.kind !== 'write' || event.what === '') continue;
      for (let i = firstEndingAfter(byOffset, event.offset); i < byOffset.length; i++) {
        const row = byOffset[i];
        if (!row || row.offset >= event.offset + event.length) break;
        row.labels.add(event.what);
      }
    }
  }
  const plan = rows.map(({ stage, offset, length, labels }) => ({ stage, offset, length, what: labelText(labels) }));
  if (staged.size >= oldSize) return plan;
  return [...plan, { stage: 'truncate', offset: staged.size, length: oldSize - staged.size, what: 'cut off' }];
}

/** Index of the first row that reaches past `offset`; rows are sorted and disjoint. */
function firstEndingAfter(rows: readonly Range[], offset: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle] as Range;
    if (row.offset + row.length <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function labelText(labels: ReadonlySet<string>): string {
  const shown = [...labels].slice(0, LABELS_SHOWN).join(', ');
  return labels.size > LABELS_SHOWN ? `${shown} and ${labels.size - LABELS_SHOWN} more` : shown;
}
