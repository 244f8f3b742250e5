/**
 * One line on the terminal that says how far long work has come, overwritten as it goes on. No escape codes: blanks
 * wipe too.
 */
import type { Progress } from '../bytes/progress.ts';
import { PaceKeeper, paceText } from './progress-text.ts';
import type { Sink } from './sink.ts';

/** Milliseconds before progress is worth a line, and between two updates of it. */
const PATIENCE = 400;
const UPDATE = 100;

export class ProgressLine {
  readonly #sink: Sink;
  readonly #separator: string;
  #keeper = new PaceKeeper();
  #next = 0;
  #width = 0;

  constructor(sink: Sink, ascii: boolean) {
    this.#sink = sink;
    this.#separator = ascii ? ', ' : ' · ';
  }

  /** Undefined: the work has ended. `now` in milliseconds. */
  show(progress: Progress | undefined, now = Date.now()): void {
    if (!progress) {
      this.wipe();
      this.#keeper = new PaceKeeper();
      this.#next = 0;
      return;
    }
    if (this.#next === 0) this.#next = now + PATIENCE;
    const pace = this.#keeper.add(progress, now);
    if (now < this.#next) return;
    const text = paceText(pace, this.#separator);
    this.#sink.text(`\r${text.padEnd(this.#width)}`);
    this.#width = Math.max(this.#width, text.length);
    this.#next = now + UPDATE;
  }

  /** Before anything else is written to the terminal. */
  wipe(): void {
    if (this.#width > 0) this.#sink.text(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }
}
