/**
 * Runs commands: words to values, work to a view, view to output. The one place where an ImageError is caught.
 *
 * Invariants:
 *  1. A failed command does not stop those that follow; the exit status remembers it.
 *  2. Work is run in slices, so that Ctrl-C is heard; a cancelled command is given back what it holds (`return`).
 *  3. Results go to `out`, complaints to `err`.
 */
import type { Progress } from '../bytes/progress.ts';
import { ImageError } from '../errors.ts';
import type { Debugger } from '../session/debugger.ts';
import { CATALOG } from './catalog.ts';
import type { Command, Work } from './command.ts';
import { commandNamed, notFound } from './help.ts';
import { statements } from './line.ts';
import { parse, type Values } from './parse.ts';
import { printableLines } from './printable.ts';
import type { Sink } from './sink.ts';
import type { Style } from './style.ts';
import { errorJson, writeJson } from './to-json.ts';
import { writeText } from './to-text.ts';

/** How a run shows itself. */
export interface Front {
  readonly out: Sink;
  readonly err: Sink;
  readonly json: boolean;
  readonly style: Style;
  /** Before a complaint: `platter: ` outside the prompt. */
  readonly prefix: string;
  /** Told about long work; called with undefined when it ends. */
  progress?(progress: Progress | undefined): void;
  /** Asked now and then: has the user pressed Ctrl-C? */
  cancelled?(): boolean;
}

/** The user pressed Ctrl-C. */
export class Cancelled extends ImageError {
  constructor() {
    super({ code: 'cancelled', what: 'cancelled; nothing was changed' });
  }
}

/** How long work runs before the rest of the program gets a turn, milliseconds. */
const SLICE = 8;
const FAILED = 1;
const CANCELLED = 130;

/** Exit statuses that only say what `check` or `map` found, the gravest first. */
const FOUND = [2, 3, 63] as const;

export class Runner {
  readonly #host: Debugger;
  readonly #front: Front;
  readonly #statuses = new Set<number>();

  constructor(host: Debugger, front: Front) {
    this.#host = host;
    this.#front = front;
  }

  /** 0 when all went well; what `check` found when nothing but that was amiss; else 1. */
  get status(): number {
    if (this.#statuses.has(CANCELLED)) return CANCELLED;
    if (this.#statuses.has(FAILED)) return FAILED;
    return FOUND.find((status) => this.#statuses.has(status)) ?? 0;
  }

  /** One line of the prompt: all its commands, whether or not one fails. */
  async line(line: string): Promise<void> {
    await this.#guarded(async () => {
      for (const { words, text } of statements(line)) {
        await this.#guarded(() => {
          const [name, ...rest] = words.map((word) => word.text);
          const command = commandNamed(CATALOG, name as string);
          if (!command) throw notFound(CATALOG, name as string);
          const values = parse(command, rest);
          return this.#show(command.run(this.#host, values, text));
        });
        if (this.#host.quitting) return;
      }
    });
  }

  /** A subcommand, on the image `open` opens, if it needs one. */
  async once(command: Command, values: Values, open?: () => void): Promise<void> {
    await this.#guarded(() => {
      open?.();
      const run = command.runOnce ?? command.run;
      return this.#show(run(this.#host, values, command.name));
    });
  }

  /** Runs `action`; an ImageError becomes a complaint and a status. */
  async guard(action: () => void | Promise<void>): Promise<void> {
    await this.#guarded(async () => action());
  }

  /** Steps that nobody committed or discarded: a script that ends so has failed. */
  end(): void {
    const count = this.#host.uncommitted;
    if (count === 0) return;
    this.#statuses.add(FAILED);
    const steps = count === 1 ? '1 step was' : `${count} steps were`;
    this.#complain(`${steps} not committed, and the file is unchanged. Try: commit, or discard`);
  }

  async #show(work: Work): Promise<void> {
    const { out, json, style } = this.#front;
    const view = 'next' in work ? await this.#finish(work) : work;
    this.#statuses.add(await this.#finish(json ? writeJson(view, out) : writeText(view, out, style)));
  }

  async #finish<T>(work: Generator<Progress, T>): Promise<T> {
    const { progress, cancelled } = this.#front;
    let sliceEnd = Date.now() + SLICE;
    try {
      for (;;) {
        const step = work.next();
        if (step.done) return step.value;
        if (Date.now() < sliceEnd) continue;
        progress?.(step.value);
        if (cancelled) await nextTurn();
        if (cancelled?.()) {
          work.return(undefined as T);
          throw new Cancelled();
        }
        sliceEnd = Date.now() + SLICE;
      }
    } finally {
      progress?.(undefined);
    }
  }

  async #guarded(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      this.#statuses.add(error instanceof Cancelled ? CANCELLED : FAILED);
      if (this.#front.json) this.#front.out.text(errorJson(error));
      this.#complain(error.message);
    }
  }

  #complain(text: string): void {
    this.#front.err.text(`${this.#front.prefix}${printableLines(text)}\n`);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
