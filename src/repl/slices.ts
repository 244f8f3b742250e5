/**
 * Long work beside the keys: a generator run in slices, each followed by a turn for input and drawing. One at a time:
 * starting another drops the one that runs.
 */
import type { Progress } from '../bytes/progress.ts';

/** Milliseconds of work before keys and drawing get their turn. */
const SLICE = 8;

export class Slices {
  readonly #told: (progress: Progress | undefined) => void;
  readonly #failed: (error: unknown) => void;
  #work: Generator<Progress, unknown> | undefined;
  #next: NodeJS.Immediate | undefined;

  /** `told` hears of progress after each slice, and `undefined` at the end; `failed` gets what the work throws. */
  constructor(told: (progress: Progress | undefined) => void, failed: (error: unknown) => void) {
    this.#told = told;
    this.#failed = failed;
  }

  get busy(): boolean {
    return this.#work !== undefined;
  }

  /** Runs the first slice at once: what is small is done when this returns. */
  start(work: Generator<Progress, unknown>): void {
    this.stop();
    this.#work = work;
    this.#slice();
  }

  /** Drops the work that runs, if any. */
  stop(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
    const work = this.#work;
    this.#work = undefined;
    work?.return(undefined);
  }

  readonly #slice = (): void => {
    const work = this.#work;
    if (!work) return;
    const end = performance.now() + SLICE;
    for (;;) {
      const step = this.#step(work);
      if (!step) return;
      if (step.done) {
        this.#work = undefined;
        this.#told(undefined);
        return;
      }
      if (performance.now() < end) continue;
      this.#told(step.value);
      this.#next = setImmediate(this.#slice);
      return;
    }
  };

  #step(work: Generator<Progress, unknown>): IteratorResult<Progress, unknown> | undefined {
    try {
      return work.next();
    } catch (error) {
      this.#work = undefined;
      this.#failed(error);
      return undefined;
    }
  }
}
