/**
 * Runs commands: words to values, work to a view, view to output. The one place where an ImageError is caught.
 *
 * Invariants:
 *  1. A failed command does not stop those that follow; the exit status remembers it.
 *  2. Work is run in slices, so that Ctrl-C is heard; a cancelled command is given back what it holds (`return`).
 *  3. Results go to `out`, or to the program behind a pipe; complaints to `err`.
 *  4. A program is started when there is something to read: a command that fails starts none. What comes of it is
 *     written only as fast as it reads, and no further than it reads.
 *  5. The lines of a script run through the same door as typed ones, a few scripts deep and never round in a circle.
 *  6. The transcript is recorded here and nowhere else, so it is the same whoever reads lines and shows answers.
 */
import type { Progress } from '../bytes/progress.ts';
import { ImageError } from '../errors.ts';
import type { Debugger } from '../session/debugger.ts';
import { CATALOG } from './catalog.ts';
import type { Command, Work } from './command.ts';
import { commandNamed, notFound } from './help.ts';
import { spokenView } from './lesson/talk.ts';
import { type Statement, shellCommand, type Word } from './line.ts';
import type { Outlet } from './outlet.ts';
import { parse, type Values } from './parse.ts';
import { chains, checkInput, checkPipe, noPrograms, notStarted } from './pipe.ts';
import { printable, printableLines } from './printable.ts';
import { type Recorder, recordedOutlet, recordedSink } from './recorded.ts';
import type { Sink } from './sink.ts';
import { PLAIN, type Style } from './style.ts';
import { errorJson, writeJson } from './to-json.ts';
import { writeText } from './to-text.ts';
import type { MapView, ScriptView, View } from './view.ts';

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
  /** Starts the program of `COMMAND | program`. Absent: there are no programs here. */
  pipe?(program: string): Outlet;
  /** Where the output of one command goes that may be longer than the screen. Absent: straight to `out`. */
  page?(): Outlet;
  /** Told of each answer once it is written. */
  answered?(view: View): void;
  /** Runs `!command` to its end, and answers its exit status; an empty command is the user's shell. */
  shell?(command: string): Promise<number>;
}

/** The user pressed Ctrl-C. */
export class Cancelled extends ImageError {
  constructor(what = 'cancelled; nothing was changed') {
    super({ code: 'cancelled', what });
  }
}

/** How long work runs before the rest of the program gets a turn, milliseconds. */
const SLICE = 8;
const FAILED = 1;
const CANCELLED = 130;
/** Scripts that one may source, one inside the other. */
const DEEPEST = 8;

/** How a line, or a part of it, went. */
type Outcome = 'well' | 'failed' | 'cancelled';

/** Exit statuses that only say what `check` or `map` found, the gravest first. */
const FOUND = [2, 3, 63] as const;

export class Runner {
  readonly #host: Debugger;
  readonly #front: Front;
  readonly #statuses = new Set<number>();

  /** The scripts that run, one inside the other. */
  readonly #scripts: ScriptView[] = [];
  readonly #recorder: Recorder = () => this.#host.transcript && ((text) => this.#record(text));

  constructor(host: Debugger, front: Front) {
    this.#host = host;
    const { out, err, page } = front;
    this.#front = {
      ...front,
      out: recordedSink(out, this.#recorder),
      err: recordedSink(err, this.#recorder),
      page: page && (() => recordedOutlet(page(), this.#recorder)),
    };
  }

  /** 0 when all went well; what `check` found when nothing but that was amiss; else 1. */
  get status(): number {
    if (this.#statuses.has(CANCELLED)) return CANCELLED;
    if (this.#statuses.has(FAILED)) return FAILED;
    return FOUND.find((status) => this.#statuses.has(status)) ?? 0;
  }

  /** One line of the prompt: all its commands, whether or not one fails. */
  async line(line: string): Promise<void> {
    await this.#line(line);
  }

  async #line(line: string): Promise<Outcome> {
    this.#record(`platter> ${printable(line)}\n`);
    let outcome: Outcome = 'well';
    const whole = await this.#guarded(async () => {
      const command = shellCommand(line);
      if (command !== undefined) {
        await this.#shell(command);
        return;
      }
      for (const chain of chains(line)) {
        outcome = graver(outcome, await this.#guarded(() => this.#chain(chain)));
        if (this.#host.quitting) return;
      }
      await this.#teach();
    });
    return graver(outcome, whole);
  }

  /** Its lines one by one, as far as they go. Throws ImageError `script-loop`, `script-depth` or `script-failed`. */
  async #script(script: ScriptView): Promise<void> {
    const { name, lines, keepGoing, verbose } = script;
    refuseNesting(script, this.#scripts);
    this.#scripts.push(script);
    let failed = 0;
    try {
      for (const [i, line] of lines.entries()) {
        if (!saysSomething(line)) continue;
        if (verbose && !this.#front.json) this.#front.out.text(`> ${printable(line)}\n`);
        // Ctrl-C is heard between lines too, however short their work is.
        if (this.#front.cancelled) await nextTurn();
        const outcome = this.#front.cancelled?.() ? 'cancelled' : await this.#line(line);
        if (outcome === 'cancelled') throw new Cancelled(`${name}: cancelled at line ${i + 1}`);
        if (outcome === 'failed') failed++;
        if (failed > 0 && !keepGoing) throw scriptFailed(script, i);
        if (this.#host.quitting) break;
      }
    } finally {
      this.#scripts.pop();
    }
    if (failed > 0) throw new ImageError({ code: 'script-failed', what: `${name}: ${failed} of its lines failed` });
  }

  /** What the running lesson says to what the line did. */
  async #teach(): Promise<void> {
    const { lesson } = this.#host;
    const spoken = lesson && (await this.#finish(lesson.graded()));
    if (!spoken) return;
    if (!this.#front.json) this.#front.out.text('\n');
    await this.#show(spokenView(spoken));
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
    const isWhole = this.#host.underEdit().readOnly === undefined;
    this.#complain(
      isWhole
        ? `${steps} not committed, and the file is unchanged. Try: commit, or discard`
        : `${steps} not committed whole: the commit broke off`,
    );
  }

  /** One command, or several that hand their views on. */
  async #chain(chain: readonly Statement[]): Promise<void> {
    const line = chain.map(({ text }) => text).join(' | ');
    let input: MapView | undefined;
    for (const [i, { words, pipe }] of chain.entries()) {
      checkPipe(words, pipe);
      const command = commandOf(words);
      const values = parse(command, words.slice(1).map(textOf));
      const { lesson } = this.#host;
      const work = command.run(this.#host, values, line, input);
      const next = chain[i + 1];
      if (next) input = checkInput(await this.#viewOf(work), command, commandOf(next.words));
      else await this.#show(work, pipe?.text);
      lesson?.ran(command.name, values);
    }
  }

  async #shell(command: string): Promise<void> {
    const { shell } = this.#front;
    if (!shell) throw noPrograms();
    const status = await shell(command);
    if (status === 0) return;
    throw new ImageError({ code: 'shell-status', what: `the shell's exit status was ${status}` });
  }

  async #show(work: Work, program?: string): Promise<void> {
    const view = await this.#viewOf(work);
    if (view.kind === 'script') {
      if (program !== undefined) throw noAnswer();
      await this.#script(view);
      return;
    }
    if (program !== undefined) this.#record(`(to ${printable(program)})\n`);
    const outlet = this.#outlet(program);
    if (outlet) await this.#through(outlet, view, program);
    else this.#statuses.add((await this.#write(view)) ?? 0);
    if ('place' in view && view.place) this.#host.session?.trail.go(view.place);
    this.#front.answered?.(view);
  }

  async #through(outlet: Outlet, view: View, program: string | undefined): Promise<void> {
    let remark: string | undefined;
    try {
      this.#statuses.add((await this.#write(view, outlet)) ?? 0);
    } finally {
      remark = await outlet.end().catch((error: unknown) => {
        throw notStarted(error, program);
      });
    }
    if (remark !== undefined) this.#complain(remark);
  }

  #outlet(program: string | undefined): Outlet | undefined {
    const { pipe, page } = this.#front;
    if (program === undefined) return page?.();
    if (!pipe) throw noPrograms();
    return pipe(program);
  }

  /** Undefined: nobody wanted to read it to its end. */
  #write(view: View, outlet?: Outlet): Promise<number | undefined> {
    const { out, json, style } = this.#front;
    const sink = outlet ?? out;
    const ink = outlet?.coloured === false ? PLAIN : style;
    return this.#finish(json ? writeJson(view, sink) : writeText(view, sink, ink), outlet);
  }

  #viewOf(work: Work): View | Promise<View> {
    return 'next' in work ? this.#finish(work) : work;
  }

  #finish<T>(work: Generator<Progress, T>): Promise<T>;
  #finish<T>(work: Generator<Progress, T>, outlet: Outlet | undefined): Promise<T | undefined>;
  async #finish<T>(work: Generator<Progress, T>, outlet?: Outlet): Promise<T | undefined> {
    const { progress, cancelled } = this.#front;
    let sliceEnd = Date.now() + SLICE;
    try {
      for (;;) {
        const step = work.next();
        const room = outlet?.room();
        if (room) {
          progress?.(undefined);
          await room;
        }
        if (step.done) return step.value;
        if (outlet?.gone) {
          work.return(undefined as T);
          return undefined;
        }
        if (Date.now() < sliceEnd) continue;
        if (!outlet?.drawing) progress?.(step.value);
        if (cancelled || outlet) await nextTurn();
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

  async #guarded(action: () => Promise<void>): Promise<Outcome> {
    try {
      await action();
      return 'well';
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      const outcome = error instanceof Cancelled ? 'cancelled' : 'failed';
      this.#statuses.add(outcome === 'cancelled' ? CANCELLED : FAILED);
      if (this.#front.json) this.#front.out.text(errorJson(error));
      this.#complain(error.message);
      return outcome;
    }
  }

  /** Into the transcript, if one is kept. Where that fails it ends, and the session goes on. */
  #record(text: string): void {
    try {
      this.#host.transcript?.write(text);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      this.#host.transcript = undefined;
      this.#statuses.add(FAILED);
      this.#complain(`${error.message}; it ends here`);
    }
  }

  #complain(text: string): void {
    this.#front.err.text(`${this.#front.prefix}${printableLines(text)}\n`);
  }
}

function graver(a: Outcome, b: Outcome): Outcome {
  if (a === 'cancelled' || b === 'cancelled') return 'cancelled';
  return a === 'failed' ? a : b;
}

function refuseNesting({ name, id }: ScriptView, running: readonly ScriptView[]): void {
  if (running.some((script) => script.id === id)) {
    throw new ImageError({ code: 'script-loop', what: `${name} is running already: a script cannot source itself` });
  }
  if (running.length < DEEPEST) return;
  throw new ImageError({ code: 'script-depth', what: `${name}: scripts source each other more than ${DEEPEST} deep` });
}

/** Neither empty nor a comment. */
function saysSomething(line: string): boolean {
  return !/^\s*(#|$)/.test(line);
}

function scriptFailed({ name, lines }: ScriptView, at: number): ImageError {
  const left = lines.slice(at + 1).filter(saysSomething).length;
  const rest = left === 0 ? '' : `; ${left === 1 ? '1 line after it was' : `${left} lines after it were`} not run`;
  return new ImageError({
    code: 'script-failed',
    what: `${name}: line ${at + 1} failed${rest}`,
    tryThis: left === 0 ? undefined : 'source --keep-going',
  });
}

function noAnswer(): ImageError {
  return new ImageError({ code: 'no-answer', what: 'source answers nothing that could go to a program' });
}

function commandOf(words: readonly Word[]): Command {
  const name = words[0]?.text ?? '';
  const command = commandNamed(CATALOG, name);
  if (!command) throw notFound(CATALOG, name);
  return command;
}

function textOf({ text }: Word): string {
  return text;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
