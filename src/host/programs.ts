/**
 * Other programs: the one behind `map | wc -l`, the pager, and the shell of `!command`. All run by `sh -c`, so that
 * what a person types means what it means in their shell scripts.
 *
 * Invariants:
 *  1. What a program has not read yet is at most what was written since `room` was last asked: memory stays flat.
 *  2. While a program runs, Ctrl-C is the program's: this process ignores it here. Whoever wants to cancel listens too.
 *  3. The terminal is lent while a program runs and taken back afterwards, however the program ends.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ImageError } from '../errors.ts';

/** Exit statuses by which a shell says that it could not run a program: not found, not executable. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** A shell answers this and the number of the signal when a signal ended its program. */
const BY_SIGNAL = 128;

export interface ProgramOptions {
  /** What the program finds in its environment beside ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it shows colours. */
  readonly coloured?: boolean;
  /** Whether the keyboard is being read here, and has to be lent: at a prompt. */
  readonly reading?: boolean;
}

/** A running program that reads what is written to it. */
export class ReadingProgram {
  /** It may be drawing on the terminal. */
  readonly drawing = true;
  readonly coloured: boolean;
  readonly #text: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #gone = false;
  #waiting: (() => void) | undefined;
  #full = false;

  constructor(text: string, { env = {}, coloured = false, reading = false }: ProgramOptions = {}) {
    this.#text = text;
    this.coloured = coloured;
    const { child, ended } = run(text, { stdio: ['pipe', 'inherit', 'inherit'] }, env, reading);
    this.#child = child;
    this.#ended = ended.then((how) => {
      this.#close();
      return how;
    });
    child.stdin?.on('drain', () => {
      this.#full = false;
      this.#wake();
    });
    // EPIPE: it has read enough. Whatever else it is, nothing more can be written.
    child.stdin?.on('error', () => this.#close());
  }

  /** Nobody reads any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** The bytes are the caller's again when this returns. */
  bytes(bytes: Uint8Array): void {
    if (!this.#gone) this.#full = this.#child.stdin?.write(Buffer.from(bytes)) === false;
  }

  text(text: string): void {
    if (!this.#gone) this.#full = this.#child.stdin?.write(text) === false;
  }

  /** Undefined: write on. Otherwise resolves when it has read, or reads no more. */
  room(): Promise<void> | undefined {
    if (!this.#full || this.#gone) return undefined;
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /**
   * Says that no more comes, and waits for its end. Answers a sentence when it failed by itself. Throws ImageError
   * `no-program` when it could not be started.
   */
  async end(): Promise<string | undefined> {
    if (!this.#gone) this.#child.stdin?.end();
    const how = await this.#ended;
    if (how.error || how.status === NOT_FOUND || how.status === NOT_EXECUTABLE) {
      const why = how.error ? `: ${how.error.message}` : ` (the shell's exit status was ${how.status})`;
      throw new ImageError({ code: 'no-program', what: `'${this.#text}' could not be started${why}` });
    }
    return remarkOn(how.status, this.#text);
  }

  #close(): void {
    this.#gone = true;
    this.#child.stdin?.destroy();
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

/** Runs a command of the user's to its end; answers its exit status as a shell counts it. */
export async function runShell(command: string, { reading = false }: ProgramOptions = {}): Promise<number> {
  const shell = process.env['SHELL'] || '/bin/sh';
  const text = command === '' ? `exec '${shell.replaceAll("'", "'\\''")}'` : command;
  const stdin = reading || process.stdin.isTTY ? 'inherit' : 'ignore';
  const { ended } = run(text, { stdio: [stdin, 'inherit', 'inherit'] }, {}, reading);
  const { status, error } = await ended;
  if (error) throw new ImageError({ code: 'no-program', what: `no shell could be started: ${error.message}` });
  return status;
}

interface Ended {
  /** As a shell counts it: 128 and the signal's number when a signal ended it. */
  readonly status: number;
  /** It was never started. */
  readonly error?: Error;
}

function run(
  text: string,
  options: SpawnOptions,
  env: Readonly<Record<string, string>>,
  reading: boolean,
): { child: ChildProcess; ended: Promise<Ended> } {
  const takeBack = reading ? lendTerminal() : undefined;
  process.on('SIGINT', ignore);
  const child = spawn('/bin/sh', ['-c', text], { ...options, env: { ...process.env, ...env } });
  const ended = new Promise<Ended>((resolve) => {
    child.on('error', (error) => resolve({ status: NOT_FOUND, error }));
    child.on('exit', (status, signal) => {
      resolve({ status: status ?? BY_SIGNAL + (signal ? constants.signals[signal] : 0) });
    });
  });
  return {
    child,
    ended: ended.finally(() => {
      process.off('SIGINT', ignore);
      takeBack?.();
    }),
  };
}

/** Ended by Ctrl-C, or because we stopped writing: nothing that anybody needs to be told. */
const QUIET: readonly number[] = [0, BY_SIGNAL + constants.signals.SIGINT, BY_SIGNAL + constants.signals.SIGPIPE];

function remarkOn(status: number, text: string): string | undefined {
  return QUIET.includes(status) ? undefined : `'${text}' ended with status ${status}`;
}

function ignore(): void {}

/** Stops reading the keyboard, in the mode that programs expect, until the answered function is called. */
function lendTerminal(): () => void {
  const { stdin } = process;
  const raw = stdin.isTTY && stdin.isRaw;
  if (raw) stdin.setRawMode(false);
  stdin.pause();
  return () => {
    if (raw) stdin.setRawMode(true);
    stdin.resume();
  };
}
