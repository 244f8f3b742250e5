/**
 * Runs what is typed: one line after the other, with everything a run says going to the transcript.
 *
 * Invariants:
 *  1. While a line runs, the walk for the panels is stopped, and the desk is busy.
 *  2. Ctrl-C drops the command that runs and the lines that wait; the screen goes on.
 */
import type { Progress } from '../bytes/progress.ts';
import { CATALOG } from '../commands/catalog.ts';
import { Farewell, type WayOut } from '../commands/farewell.ts';
import { commandNamed } from '../commands/help.ts';
import { statements } from '../commands/line.ts';
import { type Pace, PaceKeeper } from '../commands/progress-text.ts';
import { Runner } from '../commands/run.ts';
import type { Sink } from '../commands/sink.ts';
import type { Debugger } from '../session/debugger.ts';
import type { Desk } from './desk.ts';
import type { Loan } from './loan.ts';
import type { Machine } from './machine.ts';
import type { TranscriptPanel } from './panels/transcript.ts';
import type { TranscriptLines } from './transcript-lines.ts';

/** Milliseconds before progress is shown: what is done at once does not flicker. */
const PATIENCE = 150;
/** The note while a command ends. */
export const CANCELLING = 'cancelling';

export interface LinesOptions {
  readonly host: Debugger;
  readonly machine: Machine;
  readonly desk: Desk;
  readonly loan: Loan;
  readonly transcript: TranscriptLines;
  readonly panel: TranscriptPanel;
  /** Before a line runs: nobody may walk the image. */
  began(): void;
  /** After it: the panels follow, to where it went. */
  ended(): void;
  /** The user leaves. */
  left(): void;
  /** What is a bug: anything a line throws. */
  failed(error: unknown): void;
}

export class Lines {
  readonly runner: Runner;
  readonly #options: LinesOptions;
  readonly #farewell = new Farewell();
  #waiting: string[] = [];
  #cancelled = false;
  #running = false;
  /** What is to be done once no line runs. */
  #after: (() => void) | undefined;
  /** The user has asked to leave while lines run. */
  #leaving: WayOut | undefined;
  #keeper = new PaceKeeper();
  #pace: Pace | undefined;
  #since = 0;
  #last = '';
  /** How the user last tried to leave. */
  #way: WayOut | undefined;
  /** Where the transcript was after the last answer: what follows is a lesson speaking. */
  #answerEnd = 0;

  constructor(options: LinesOptions) {
    this.#options = options;
    const { host, machine, loan } = options;
    this.runner = new Runner(host, {
      out: this.#sink((text) => text),
      err: this.#sink((text) => this.#complaint(text)),
      json: false,
      style: machine.style,
      prefix: '',
      progress: (progress) => this.#tell(progress),
      cancelled: () => this.#cancelled,
      answered: () => {
        this.#answerEnd = this.#options.transcript.end;
      },
      pipe: (program) => loan.pipe(program),
      shell: (command) => loan.shell(command),
    });
  }

  get running(): boolean {
    return this.#running;
  }

  /** Of the command that runs, once it has run for a moment. */
  get pace(): Pace | undefined {
    return performance.now() - this.#since < PATIENCE ? undefined : this.#pace;
  }

  /** Runs the lines after what runs already. A line that is empty repeats the last one, if that changed nothing. */
  run(lines: readonly string[]): void {
    this.#waiting.push(...lines.map((line) => (line === '' ? this.#repeatable() : line)).filter((line) => line !== ''));
    if (!this.#running) this.#drain().catch(this.#options.failed);
  }

  /** Ctrl-C. */
  cancel(): void {
    this.#cancelled = true;
    this.#waiting = [];
    this.#leaving = undefined;
    this.#after = undefined;
  }

  /** Leaves, or answers what would be lost. While a line runs: when all of them have, as keys that were typed ahead. */
  leave(way: WayOut): string | undefined {
    if (this.#running) {
      this.#leaving = way;
      return 'leaves when the command has ended; Ctrl-C cancels it';
    }
    this.#way = way;
    const question = this.#farewell.question(this.#options.host, way);
    if (question === undefined) this.#options.left();
    return question;
  }

  /** Does it now, or, while lines run, when all of them have: of several the last. Answers whether it was now. */
  afterwards(deed: () => void): boolean {
    if (this.#running) this.#after = deed;
    else deed();
    return !this.#running;
  }

  /** Something was typed: no second Ctrl-D, but perhaps the second `quit`. */
  typed(): void {
    if (this.#way === 'Ctrl-D') this.#farewell.stays();
  }

  async #drain(): Promise<void> {
    const { desk, began, ended, host } = this.#options;
    this.#running = true;
    try {
      for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
        this.#cancelled = false;
        began();
        desk.busy = true;
        try {
          await this.#one(line);
        } finally {
          desk.busy = false;
          if (desk.note === CANCELLING) desk.note = '';
        }
        ended();
        if (!host.quitting) {
          this.#farewell.stays();
          continue;
        }
        host.quitting = false;
        this.#leaving = 'quit';
        this.#waiting = [];
      }
    } finally {
      this.#running = false;
      desk.changed();
    }
    const after = this.#after;
    this.#after = undefined;
    after?.();
    const way = this.#leaving;
    this.#leaving = undefined;
    if (way) desk.note = this.leave(way) ?? '';
  }

  async #one(line: string): Promise<void> {
    const { transcript, panel, desk, host } = this.#options;
    const { ui, text } = desk.theme;
    const from = transcript.end;
    transcript.append(`${ui.key('platter>')} ${ui.title(text(line))}\n`);
    panel.follow();
    const before = stateOf(host);
    this.#since = performance.now();
    await this.runner.line(line);
    // What has changed something is not done again by a stray Enter.
    this.#last = stateOf(host) === before ? line : '';
    // A long answer is read from its start; a lesson's next task matters more than the answer before it.
    // Of one that was cancelled, or is longer than what is kept, the end says what happened.
    if (host.lesson) panel.showFrom(Math.max(from, this.#answerEnd));
    else if (!this.#cancelled && from >= transcript.first) panel.showFrom(from);
  }

  /** The last line, where repeating it does no harm, as in gdb. */
  #repeatable(): string {
    try {
      const all = statements(this.#last);
      const looks = all.every(
        ({ words, pipe }) => !pipe && commandNamed(CATALOG, words[0]?.text ?? '')?.group === 'inspect',
      );
      return all.length > 0 && looks ? this.#last : '';
    } catch {
      return '';
    }
  }

  #tell(progress: Progress | undefined): void {
    this.#pace = progress && this.#keeper.add(progress, performance.now());
    if (!progress) this.#keeper = new PaceKeeper();
    if (!this.#options.loan.lent) this.#options.desk.changed();
  }

  #sink(styled: (text: string) => string): Sink {
    const { transcript, desk } = this.#options;
    const decoder = new TextDecoder();
    const write = (text: string): void => {
      transcript.append(styled(text));
      desk.changed();
    };
    return { text: write, bytes: (bytes) => write(decoder.decode(bytes, { stream: true })) };
  }

  #complaint(text: string): string {
    const { bad } = this.#options.desk.theme.ui;
    return text
      .split('\n')
      .map((line) => (line === '' ? line : bad(line)))
      .join('\n');
  }
}

/** Changes with every step, undone or redone ones too, and with the image. */
function stateOf({ session, opened }: Debugger): string {
  return `${opened?.path} ${session?.steps.map(({ applied }) => (applied ? '+' : '-')).join('')}`;
}
