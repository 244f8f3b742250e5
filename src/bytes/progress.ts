/** How far a long piece of work has come. Long work is a generator that yields these and returns its result. */
export interface Progress {
  /** What is being done: 'l2 tables', 'refcounts'. */
  readonly what: string;
  readonly done: number;
  /** As far as it is known: it may grow; 0 when it is not known. */
  readonly total: number;
  /** What `done` and `total` count, where that is something anybody can picture. */
  readonly unit?: 'bytes';
}

/** Runs a generator of progress to its end, telling each step to `report`, and answers its result. */
export function runToEnd<T>(work: Generator<Progress, T>, report?: (progress: Progress) => void): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    report?.(step.value);
  }
}
