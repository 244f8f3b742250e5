/**
 * A program in a real pseudo-terminal, with a whole terminal (xterm's own, without a window) at the other end: what is
 * on the screen, not what was printed. For tests, pictures and measurements; knows nothing of vitest.
 *
 *  1. Nothing sleeps. `until` looks after every piece of output, and when its time is over it says what is on the screen.
 *  2. The environment of the program is made here, not inherited: no CI, no certificates, a home of its own.
 *  3. The terminal answers what it is asked (cursor position, device attributes), as a real one does.
 *  4. `close` kills the program and all that it started, however it has behaved, and may be called twice.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { cellOf, type ScreenCell } from './cells.ts';
import { keySequence } from './keys.ts';
import { PROGRAM } from './platter.ts';

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** On top of the environment that every program here gets; undefined takes a name away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Lines of scrollback that the terminal keeps. */
  readonly scrollback?: number;
}

export interface Ended {
  readonly status: number;
  /** `SIGTERM`; undefined when the program ended by itself. */
  readonly signal?: string;
}

/** One piece of output as it came from the program. */
export interface Piece {
  /** Milliseconds, as `performance.now()`. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

const TIMEOUT_MS = 10_000;
const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name]));

/** DECSET numbers. */
export const ALTERNATE_SCREEN = 1049;
export const WRAPAROUND = 7;
export const CURSOR_VISIBLE = 25;
export const BRACKETED_PASTE = 2004;
export const SYNCHRONIZED = 2026;

type Screen = readonly string[];
export type Expected = string | RegExp | ((screen: Screen) => boolean);

export class Terminal {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly #pty: ReturnType<typeof spawn>;
  readonly #home: string;
  readonly #waiting = new Set<() => void>();
  readonly #watchers = new Set<(piece: Piece) => void>();
  readonly #modes = new Set<number>([WRAPAROUND, CURSOR_VISIBLE]);
  readonly #pieces: Piece[] = [];
  /** How often the program wiped what had scrolled away (ED 3). */
  erasedScrollbacks = 0;
  #ended: Ended | undefined;
  #closed = false;
  readonly exit: Promise<Ended>;

  constructor(file: string, args: readonly string[], options: TerminalOptions = {}) {
    const { columns = 120, rows = 40, scrollback = 5000, cwd } = options;
    this.#home = mkdtempSync(join(tmpdir(), 'platter-home-'));
    this.#terminal = new xterm.Terminal({ cols: columns, rows, scrollback, allowProposedApi: true });
    this.#followModes();
    const env = environment(this.#home, options.env ?? {});
    this.#pty = spawn(file, [...args], {
      cols: columns,
      rows,
      // What it sets TERM to, over the environment.
      name: env['TERM'],
      cwd: cwd ?? this.#home,
      env,
      encoding: null,
    });
    this.#terminal.onData((answer) => this.#send(answer));
    // With no encoding the pieces are bytes, whatever the type says.
    this.#pty.onData((data) => this.#received(data as unknown as Uint8Array));
    this.exit = new Promise((settle) => {
      this.#pty.onExit(({ exitCode, signal }) => {
        const name = signal ? (SIGNALS.get(signal) ?? `signal ${signal}`) : undefined;
        // What it printed last may still be on its way through the terminal.
        this.#terminal.write('', () => {
          this.#ended = { status: exitCode, ...(name === undefined ? {} : { signal: name }) };
          this.#wake();
          settle(this.#ended);
        });
      });
    });
  }

  #followModes(): void {
    const set = (params: (number | number[])[], on: boolean): boolean => {
      for (const mode of params.flat()) {
        if (on) this.#modes.add(mode);
        else this.#modes.delete(mode);
      }
      return false;
    };
    const { parser } = this.#terminal;
    parser.registerCsiHandler({ prefix: '?', final: 'h' }, (params) => set(params, true));
    parser.registerCsiHandler({ prefix: '?', final: 'l' }, (params) => set(params, false));
    parser.registerCsiHandler({ final: 'J' }, (params) => {
      if (params[0] === 3) this.erasedScrollbacks++;
      return false;
    });
  }

  #received(bytes: Uint8Array): void {
    const piece = { at: performance.now(), bytes };
    this.#pieces.push(piece);
    this.#terminal.write(bytes, () => {
      for (const watcher of this.#watchers) watcher(piece);
      this.#wake();
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  #send(text: string): void {
    if (!this.#ended && !this.#closed) this.#pty.write(text);
  }

  get pid(): number {
    return this.#pty.pid;
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** Everything that came from the program so far, with the times. */
  get output(): readonly Piece[] {
    return this.#pieces;
  }

  /** The same as text, from the `from`-th piece on; with its escape codes. */
  outputText(from = 0): string {
    return Buffer.concat(this.#pieces.slice(from).map(({ bytes }) => bytes)).toString('utf8');
  }

  /** The DECSET modes that are on now. */
  get modes(): ReadonlySet<number> {
    return this.#modes;
  }

  isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  /** What is on the screen, a string a row, without the blanks at the ends. */
  screen(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from({ length: this.rows }, (_, y) => rowText(active.getLine(active.baseY + y)));
  }

  text(): string {
    return this.screen().join('\n');
  }

  /** The main screen with all that has scrolled away, whatever is shown now; no blank lines at the end. */
  scrollback(): string[] {
    const { normal } = this.#terminal.buffer;
    const lines = Array.from({ length: normal.length }, (_, y) => rowText(normal.getLine(y)));
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** From 0, from the left and the top. */
  cell(x: number, y: number): ScreenCell {
    const { active } = this.#terminal.buffer;
    const cell = active.getLine(active.baseY + y)?.getCell(x);
    if (!cell) throw new Error(`there is no cell ${x}, ${y}`);
    return cellOf(cell);
  }

  cells(y: number): ScreenCell[] {
    return Array.from({ length: this.columns }, (_, x) => this.cell(x, y));
  }

  /** Where the cursor stands, from 0, and whether it shows. */
  cursor(): { readonly x: number; readonly y: number; readonly visible: boolean } {
    const { cursorX: x, cursorY: y } = this.#terminal.buffer.active;
    return { x, y, visible: this.#modes.has(CURSOR_VISIBLE) };
  }

  type(text: string): void {
    this.#send(text);
  }

  /** Keys by name, one after the other: see keys.ts. */
  press(...names: readonly string[]): void {
    const { applicationCursorKeysMode } = this.#terminal.modes;
    for (const name of names) this.#send(keySequence(name, applicationCursorKeysMode));
  }

  /** A line and Enter. */
  enter(line: string): void {
    this.#send(`${line}\r`);
  }

  /** As a terminal pastes: in brackets when the program has asked for them, line ends as Enter. */
  paste(text: string): void {
    const typed = text.replaceAll('\n', '\r');
    this.#send(this.#modes.has(BRACKETED_PASTE) ? `\x1b[200~${typed}\x1b[201~` : typed);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
    if (!this.#ended) this.#pty.resize(columns, rows);
  }

  /** To the program itself, not to the terminal: `SIGTERM`. */
  signal(name: NodeJS.Signals, pid: number = this.pid): void {
    process.kill(pid, name);
  }

  /** The terminal goes away, as a window that is closed: the program finds nobody at the other end. */
  hangUp(): void {
    (this.#pty as unknown as { destroy(): void }).destroy();
  }

  /** Calls `look` after every piece of output, when the terminal has taken it in. Returns what stops it. */
  watch(look: (piece: Piece) => void): () => void {
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  /** Waits until the screen is as expected. Throws, with the screen, after `timeout` milliseconds or when the program ends first. */
  async until(expected: Expected, timeout = TIMEOUT_MS): Promise<void> {
    const holds = (): boolean => {
      if (typeof expected === 'function') return expected(this.screen());
      return typeof expected === 'string' ? this.text().includes(expected) : expected.test(this.text());
    };
    await this.#wait(holds, expected, timeout);
  }

  /** Waits until anything at all is so, of processes and files too: looks every few milliseconds besides. */
  async when(holds: () => boolean, timeout = TIMEOUT_MS): Promise<void> {
    const looking = setInterval(() => this.#wake(), 5);
    try {
      await this.#wait(holds, holds, timeout);
    } finally {
      clearInterval(looking);
    }
  }

  async #wait(holds: () => boolean, expected: Expected | (() => boolean), timeout: number): Promise<void> {
    // What throws does not hold yet: a panel that is asked about may not be there.
    const now = (): boolean => {
      try {
        return holds();
      } catch {
        return false;
      }
    };
    if (now()) return;
    // The stack of who asked, not of the timer.
    const failure = new Error('never');
    await new Promise<void>((settle, fail) => {
      const done = (why?: string): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        failure.message = `${why} while waiting for ${expected}\n${this.picture()}`;
        if (why === undefined) settle();
        else fail(failure);
      };
      const look = (): void => {
        if (now()) done();
        else if (this.#ended) done(`the program ended (${JSON.stringify(this.#ended)})`);
        else if (this.#closed) done('the terminal was closed');
      };
      const timer = setTimeout(() => done(`${timeout} ms went by`), timeout);
      this.#waiting.add(look);
      look();
    });
  }

  /** The screen in a frame, for a message to a person. */
  picture(): string {
    const { x, y } = this.cursor();
    const edge = `+${'-'.repeat(this.columns)}+`;
    const rows = this.screen().map((line) => `|${line.padEnd(this.columns)}|`);
    return [`${this.columns}x${this.rows}, cursor at ${x},${y}`, edge, ...rows, edge].join('\n');
  }

  /** Processes that this one has started and that still run. */
  children(pid: number = this.pid): number[] {
    try {
      return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  }

  /**
   * Waits until a program of this name runs under this one. Between its start and then it is a copy of whoever started
   * it, and a key that is meant for it may be lost.
   */
  async untilRuns(name: string): Promise<void> {
    const descendants = (pid: number): number[] =>
      this.children(pid).flatMap((child) => [child, ...descendants(child)]);
    await this.when(() =>
      descendants(this.pid).some((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() === name),
    );
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const pid of inSession(this.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await this.exit;
    this.#terminal.dispose();
    rmSync(this.#home, { recursive: true, force: true });
    this.#wake();
  }
}

/** Platter as it was built, with these arguments. */
export function open(args: readonly string[], options: TerminalOptions = {}): Terminal {
  return new Terminal(process.execPath, [PROGRAM, ...args], options);
}

/** A shell with job control, as a user has it: `platter` in it is the built program. The prompt is `sh$`. */
export function openShell(options: TerminalOptions = {}): Terminal {
  return new Terminal('bash', ['--norc', '--noprofile', '-i'], { ...options, env: { PS1: 'sh$ ', ...options.env } });
}

function rowText(line: { translateToString(): string } | undefined): string {
  return line?.translateToString().trimEnd() ?? '';
}

function environment(home: string, more: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const own = (name: string): string => {
    const path = join(home, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const bin = own('bin');
  const platter = join(bin, 'platter');
  writeFileSync(platter, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, { mode: 0o755 });
  const all: Record<string, string | undefined> = {
    PATH: `${bin}:${process.env['PATH']}`,
    USER: 'tester',
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
    TMPDIR: own('tmp'),
    HOME: home,
    XDG_CONFIG_HOME: own('config'),
    XDG_STATE_HOME: own('state'),
    XDG_CACHE_HOME: own('cache'),
    XDG_DATA_HOME: own('data'),
    ...more,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The process and all of its session: what it started keeps the session's number, in whatever group it is. */
function inSession(leader: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // After the name, which may hold anything: state, parent, group, session.
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]) === leader;
      } catch {
        return false;
      }
    });
}
