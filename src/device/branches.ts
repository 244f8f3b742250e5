/**
 * The steps of a staged device as a tree: named branches that have their first steps in common, and of each how many
 * steps are applied. Bookkeeping only; whose bytes are in force is staged.ts's to change.
 *
 * Invariants:
 *  1. There is always a branch, and one of them is current. Names are different.
 *  2. A layer stands at one depth, in every branch that has it: behind the same layers.
 *  3. A layer that is taken out of a branch is answered as lost as soon as no branch has it any more, and only then.
 *  4. A branch that is not current is left where it was: going back to it finds the same steps applied.
 */
import type { Layer, Step } from './step.ts';

/** The branch that a device begins with. */
export const FIRST_BRANCH = 'main';

/** A line of steps with a name. */
export interface StagedBranch {
  readonly name: string;
  /** Oldest first; those from `applied` on are undone. */
  readonly steps: readonly Step[];
  /** How many of them are in force when the branch is current. */
  readonly applied: number;
  /** The name of the branch it was forked from. It may be gone. */
  readonly from: string | undefined;
}

export interface Branch extends StagedBranch {
  readonly steps: readonly Layer[];
}

interface Line extends Branch {
  readonly steps: Layer[];
  applied: number;
}

/** What was taken back, and what was applied after it, in the order in which it happened. */
export interface Moves {
  readonly undone: readonly Step[];
  readonly redone: readonly Step[];
}

export class Branches {
  #lines: Line[] = [first()];
  #current: Line = this.#lines[0] as Line;

  get current(): Branch {
    return this.#current;
  }

  /** In the order in which they were made. */
  get all(): readonly Branch[] {
    return this.#lines;
  }

  named(name: string): Branch | undefined {
    return this.#lines.find((line) => line.name === name);
  }

  /** A new branch with the steps applied now; it becomes the current one. */
  fork(name: string): void {
    if (this.named(name)) throw new Error(`there is a branch ${name} already`);
    const { steps, applied, name: from } = this.#current;
    this.#current = { name, steps: steps.slice(0, applied), applied, from };
    this.#lines.push(this.#current);
  }

  /** The way from where the current branch is to where `to` is, or to `applied` steps of it. */
  route(to: Branch, applied = to.applied): { readonly undone: readonly Layer[]; readonly redone: readonly Layer[] } {
    const now = this.#current;
    const shared = Math.min(sharedBy(now, to), now.applied, applied);
    return {
      undone: now.steps.slice(shared, now.applied).toReversed(),
      redone: to.steps.slice(shared, applied),
    };
  }

  /** `to` is current from now on: the way there has been gone. */
  arrive(to: Branch, applied = to.applied): void {
    const line = this.#lines.find((known) => known === to);
    if (!line || applied < 0 || applied > line.steps.length) throw new Error(`no place ${applied} of ${to.name}`);
    this.#current = line;
    line.applied = applied;
  }

  /** A new step behind those applied. Answers the undone ones that are lost by it. */
  push(layer: Layer): readonly Layer[] {
    const line = this.#current;
    const undone = line.steps.splice(line.applied);
    line.steps.push(layer);
    line.applied++;
    return this.#lost(undone, line.applied - 1);
  }

  /** Forgets a branch that is not the current one. Answers the layers that are lost by it. */
  drop(branch: Branch): readonly Layer[] {
    if (branch === this.#current) throw new Error(`${branch.name} is the current branch`);
    this.#lines = this.#lines.filter((line) => line !== branch);
    return this.#lost(branch.steps, 0);
  }

  /** Forgets everything. */
  reset(): void {
    this.#current = first();
    this.#lines = [this.#current];
  }

  /** Those of `layers`, the first of which stood at `depth`, that no branch has. */
  #lost(layers: readonly Layer[], depth: number): Layer[] {
    return layers.filter((layer, i) => this.#lines.every((line) => line.steps[depth + i] !== layer));
  }
}

/** How many steps two branches have in common, from the first one on, applied or not. */
export function sharedBy(a: Pick<StagedBranch, 'steps'>, b: Pick<StagedBranch, 'steps'>): number {
  let count = 0;
  while (count < a.steps.length && a.steps[count] === b.steps[count]) count++;
  return count;
}

function first(): Line {
  return { name: FIRST_BRANCH, steps: [], applied: 0, from: undefined };
}
