/**
 * What each step changed, as lists show it: found once, in slices, where that is cheap, and remembered as long as the
 * step is. A step always stands on the same steps, so what it changed stays true wherever the session goes.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Step } from '../device/staged.ts';
import { ImageError } from '../errors.ts';
import { Diff } from './diff.ts';
import type { Change } from './diff-change.ts';
import type { Session } from './session.ts';

export interface StepChanges {
  /** The first ones, folded. */
  readonly changes: readonly Change[];
  /** How many there are. */
  readonly count: number;
  /** Fields that changed, each entry of a table counted; of a new table those that are set. */
  readonly fields: number;
}

/** Changes kept of one step. */
const KEPT = 32;
/** Steps behind so many others are left alone. */
const MOST_STEPS = 100;

const known = new WeakMap<Step, StepChanges | 'unknown'>();

/** What `learn` found out about a step; undefined: it was not asked, or it would have been dear. */
export function changesOfStep(step: Step): StepChanges | undefined {
  const found = known.get(step);
  return found === 'unknown' ? undefined : found;
}

/** Looks at the last steps of the current branch, undone ones too, that nobody looked at yet. */
export function* learn(session: Session): Generator<Progress, void> {
  const { steps } = session;
  for (const { number, changes: step } of steps.slice(-MOST_STEPS).reverse()) {
    if (!known.has(step)) known.set(step, (yield* found(session, number)) ?? 'unknown');
  }
}

function* found(session: Session, number: number): Generator<Progress, StepChanges | undefined> {
  try {
    const diff = new Diff(session, number - 1, number);
    if (!diff.isCheap) return undefined;
    const changes: Change[] = [];
    let count = 0;
    let fields = 0;
    const take = (change: Change): void => {
      count++;
      fields += fieldsIn(change);
      if (changes.length < KEPT) changes.push(change);
    };
    yield* diff.changes(take, { walk: false });
    return { changes, count, fields };
  } catch (error) {
    // An image that cannot be read there has no names; the step has its writes all the same.
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

function fieldsIn(change: Change): number {
  switch (change.kind) {
    case 'field':
      return 1;
    case 'entries':
      return change.count;
    case 'table':
      return change.set;
    default:
      return 0;
  }
}
