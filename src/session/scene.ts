/**
 * Which image is the source and which the target at this moment of a session, and how that compares with an earlier
 * moment: what was written in between, and what need not be read again.
 *
 * While a target is open, the source is the image it is built around, steps applied. After the header was copied and
 * until the commit, the source is the image as it is on disk, and the image with its steps is the target. Otherwise
 * there is no target.
 */
import type { Range } from '../bytes/ranges.ts';
import type { Step } from '../device/staged.ts';
import type { Image } from '../drivers/driver.ts';
import type { Session } from './session.ts';

export interface Scene {
  readonly source: Image;
  readonly target: Image | undefined;
  /** The source is the file itself: no step shows in it. */
  readonly sourceIsOnDisk: boolean;
  /** Applied steps, oldest first. */
  readonly applied: readonly Step[];
  /** How often the session had committed. */
  readonly commits: number;
}

export function sceneOf(session: Session): Scene {
  const applied = session.steps.filter((step) => step.applied).map(({ changes }) => changes);
  const { commits } = session;
  const open = session.target?.view();
  if (open || !session.converted) {
    return { source: session.image, target: open, sourceIsOnDisk: false, applied, commits };
  }
  return { source: session.original(), target: session.image, sourceIsOnDisk: true, applied, commits };
}

/** Whether the session is where it was: no step more, none less, nothing committed. */
export function isAt(scene: Scene, session: Session): boolean {
  const applied = session.steps.filter((step) => step.applied);
  return (
    scene.commits === session.commits &&
    scene.applied.length === applied.length &&
    applied.every(({ changes }, i) => changes === scene.applied[i])
  );
}

/** Steps applied in one of two moments only: what stands between them. */
export function stepsBetween(a: readonly Step[], b: readonly Step[]): readonly Step[] {
  const [before, after] = [new Set(a), new Set(b)];
  return [...a.filter((step) => !after.has(step)), ...b.filter((step) => !before.has(step))];
}

/** Bytes that the steps wrote, sorted and disjoint; undefined when they wrote more than they remember. */
export function writtenBy(steps: readonly Step[]): Range[] | undefined {
  const writes: Range[] = [];
  for (const { events, eventCount } of steps) {
    if (eventCount > events.length) return undefined;
    for (const event of events) if (event.kind === 'write' && event.length > 0) writes.push(event);
  }
  writes.sort((a, b) => a.offset - b.offset);
  const merged: { offset: number; length: number }[] = [];
  for (const { offset, length } of writes) {
    const last = merged.at(-1);
    const end = last ? last.offset + last.length : -1;
    if (last && offset <= end) last.length = Math.max(end, offset + length) - last.offset;
    else merged.push({ offset, length });
  }
  return merged;
}
