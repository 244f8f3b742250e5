/** The steps of a session as its commands show them: numbered, with the branches they are on. */
import { FIRST_BRANCH, type Moves, type StagedBranch, sharedBy } from '../device/branches.ts';
import type { StagedDevice, Step } from '../device/staged.ts';
import { ImageError } from '../errors.ts';

/** A step as the list of steps shows it. */
export interface SessionStep {
  /** From 1, on its branch. */
  readonly number: number;
  /** The command as typed. */
  readonly line: string;
  /** False: undone, and can be redone. */
  readonly applied: boolean;
  readonly changes: Step;
}

/** What was taken back and what was applied, in the order in which it happened. */
export interface Moved {
  readonly undone: readonly SessionStep[];
  readonly redone: readonly SessionStep[];
  /** How many steps are applied now. */
  readonly at: number;
}

/** A branch as `forks` lists it. */
export interface Fork {
  readonly name: string;
  readonly isCurrent: boolean;
  /** How many steps are applied, or will be after `switch`, and how many are undone. */
  readonly applied: number;
  readonly undone: number;
  /** Where it branched: a branch that is still there, and how many steps both share. */
  readonly from?: { readonly name: string; readonly step: number };
}

const LONGEST_NAME = 40;

export function stepsOf(staged: StagedDevice | undefined): SessionStep[] {
  const done = staged?.steps ?? [];
  const undone = staged?.redoable ?? [];
  return [...done, ...undone].map((changes, i) => numbered(changes, i + 1, i < done.length));
}

/** `before` steps were applied before the moves. */
export function movedBy({ undone, redone }: Moves, before: number): Moved {
  const turned = before - undone.length;
  return {
    undone: undone.map((changes, i) => numbered(changes, before - i, false)),
    redone: redone.map((changes, i) => numbered(changes, turned + i + 1, true)),
    at: turned + redone.length,
  };
}

function numbered(changes: Step, number: number, applied: boolean): SessionStep {
  return { number, line: changes.name, applied, changes };
}

/** Every branch, in the order in which they were made. */
export function forksOf(staged: StagedDevice | undefined): readonly Fork[] {
  if (!staged) return [{ name: FIRST_BRANCH, isCurrent: true, applied: 0, undone: 0 }];
  const { branches, branch } = staged;
  return branches.map((one) => {
    const { name, steps, applied } = one;
    const parent = branches.find(({ name: other }) => other === one.from);
    return {
      ...{ name, isCurrent: name === branch, applied, undone: steps.length - applied },
      ...(parent && { from: { name: parent.name, step: sharedBy(one, parent) } }),
    };
  });
}

/** Other branches with applied steps that the current one has not applied: what is lost when they go. */
export function forksApart(staged: StagedDevice): readonly { readonly name: string; readonly steps: number }[] {
  const { steps: here, branch, branches } = staged;
  const apart = ({ steps, applied }: StagedBranch): number =>
    steps.slice(0, applied).filter((step, i) => here[i] !== step).length;
  return branches
    .filter(({ name }) => name !== branch)
    .map((one) => ({ name: one.name, steps: apart(one) }))
    .filter((one) => one.steps > 0);
}

/** Applied steps of all branches, each counted once. */
export function countApplied(staged: StagedDevice | undefined): number {
  return new Set(staged?.branches.flatMap(({ steps, applied }) => steps.slice(0, applied))).size;
}

/** Throws ImageError `bad-fork-name` or `fork-exists`. */
export function checkNewName(name: string, staged: StagedDevice | undefined): void {
  if (!/^\p{L}[\p{L}\p{M}\p{N}_-]*$/u.test(name) || name.length > LONGEST_NAME) {
    throw new ImageError({
      code: 'bad-fork-name',
      what: `'${name}' cannot be the name of a fork: expected a letter, then letters, digits, - and _, ${LONGEST_NAME} at most`,
    });
  }
  if (!forksOf(staged).some((fork) => fork.name === name)) return;
  throw new ImageError({
    code: 'fork-exists',
    what: `there is a fork ${name} already`,
    tryThis: `switch ${name}, or another name`,
  });
}

/** Throws ImageError `no-such-fork`. */
export function checkKnownName(name: string, staged: StagedDevice | undefined): void {
  const names = forksOf(staged).map((fork) => fork.name);
  if (names.includes(name)) return;
  throw new ImageError({ code: 'no-such-fork', what: `there is no fork '${name}'`, tryThis: names.join(', ') });
}

/** Throws ImageError `no-such-step`; `command` is named with a step that there is. */
export function checkStep(step: number, last: number, command: string): void {
  if (step <= last) return;
  const what = last === 0 ? 'there are no steps' : `there is no step ${step}: the last one is ${last}`;
  throw new ImageError({ code: 'no-such-step', what, tryThis: last === 0 ? undefined : `${command} ${last}` });
}

/** Whether so many of `there` steps can be undone or redone. Throws ImageError `nothing-to-undo` or `nothing-to-redo`. */
export function checkCount(count: number, there: number, word: 'undo' | 'redo'): void {
  const code = `nothing-to-${word}`;
  if (there === 0) {
    throw new ImageError({ code, what: `there is no ${word === 'undo' ? '' : 'undone '}step to ${word}` });
  }
  if (count <= there) return;
  const what = `there ${there === 1 ? 'is 1 step' : `are ${there} steps`} to ${word}, not ${count}`;
  throw new ImageError({ code, what, tryThis: `${word} ${there}` });
}

/** Throws ImageError `no-such-fork`, or `current-fork`: where one stands cannot be forgotten. */
export function checkDroppable(name: string, staged: StagedDevice | undefined): void {
  checkKnownName(name, staged);
  const forks = forksOf(staged);
  if (!forks.find((fork) => fork.name === name)?.isCurrent) return;
  const other = forks.find((fork) => !fork.isCurrent);
  throw new ImageError({
    code: 'current-fork',
    what: `${name} is the fork you are on`,
    tryThis: other ? `switch ${other.name} first, or discard to forget everything` : 'discard',
  });
}
