/** The steps of a session as something to commit: what differs from the file, merged. */
import { type Range, Ranges } from '../bytes/ranges.ts';
import { roundDown } from '../bytes/size.ts';
import { COMBINED } from './combining.ts';
import type { CommitSource, Overwrite } from './commit-source.ts';
import { readBytes } from './device.ts';
import { Labels } from './labels.ts';
import { SECTOR } from './page-store.ts';
import type { StagedDevice } from './staged.ts';

/**
 * What is dirty past the old end or inside `free` is fresh; of the rest, the first sector of the file is the header,
 * and so is whatever else fits one sector: it needs no journal, for a disk writes it wholly or not at all.
 */
export function stagedSource(staged: StagedDevice, free: Ranges): CommitSource {
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
  const sector = header === undefined ? [] : [{ offset: header, length: SECTOR }];
  const labels = labelsOf(staged, [...fresh, ...claimed, ...sector]);
  const label = (offset: number): string => labels.get(offset)?.text ?? '';

  return {
    oldSize,
    free,
    *fresh(out) {
      let done = 0;
      for (const range of fresh) {
        for (const { offset, length } of pieces(range)) {
          out.write(offset, readBytes(staged, offset, length), label(range.offset));
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
      const last = { offset: header, bytes: readBytes(staged, header, SECTOR), what: label(header) };
      return { overwrites, header: last, newSize: staged.size };
    },
  };
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

/** What the steps said of each of these disjoint ranges, by offset. */
function labelsOf(staged: StagedDevice, ranges: readonly Range[]): ReadonlyMap<number, Labels> {
  const byOffset = ranges.toSorted((a, b) => a.offset - b.offset);
  const labels = new Map(byOffset.map(({ offset }) => [offset, new Labels()]));
  for (const step of staged.steps) {
    for (const event of step.events) {
      if (event.kind !== 'write' || event.what === '') continue;
      for (let i = firstEndingAfter(byOffset, event.offset); i < byOffset.length; i++) {
        const row = byOffset[i];
        if (!row || row.offset >= event.offset + event.length) break;
        labels.get(row.offset)?.add(event.what);
      }
    }
  }
  return labels;
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
