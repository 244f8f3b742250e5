/** The whole screen in this process: a fake terminal takes its frames, keys are fed to it, xterm says what is shown. */
import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';
import { onTestFinished } from 'vitest';
import type { Outlet } from '../../src/commands/outlet.ts';
import { PLAIN } from '../../src/commands/style.ts';
import type { Machine } from '../../src/repl/machine.ts';
import { runScreen, type ScreenEnd } from '../../src/repl/start.tsx';
import { Debugger } from '../../src/session/debugger.ts';
import { keySequence } from '../support/keys.ts';
import { Lines } from './prompt/support.ts';

/** After this time an Escape is a key of its own. */
const ESCAPE_MS = 60;

/** Takes what the screen writes, and shows it as xterm would. */
export class FakeTerminal extends EventEmitter {
  readonly writes: string[] = [];
  readonly #xterm: InstanceType<typeof xterm.Terminal>;

  constructor(columns: number, rows: number) {
    super();
    this.#xterm = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  }

  get columns(): number {
    return this.#xterm.cols;
  }

  get rows(): number {
    return this.#xterm.rows;
  }

  write(text: string): boolean {
    this.writes.push(text);
    this.#xterm.write(text);
    return true;
  }

  resize(columns: number, rows: number): void {
    this.#xterm.resize(columns, rows);
    this.emit('resize');
  }

  /** What is on the screen, a string a row, without the blanks at the ends. */
  async screen(): Promise<string[]> {
    await new Promise<void>((done) => this.#xterm.write('', done));
    const { active } = this.#xterm.buffer;
    return Array.from(
      { length: this.rows },
      (_, y) => active.getLine(y)?.translateToString(true, 0, this.columns).trimEnd() ?? '',
    );
  }

  get isAlternate(): boolean {
    return this.#xterm.buffer.active.type === 'alternate';
  }

  get cursor(): { readonly x: number; readonly y: number } {
    const { cursorX: x, cursorY: y } = this.#xterm.buffer.active;
    return { x, y };
  }
}

class FakeInput extends EventEmitter {
  readonly isTTY = true;
  raw = false;

  setRawMode(raw: boolean): void {
    this.raw = raw;
  }

  resume(): void {}
  pause(): void {}
}

export interface RunOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly unicode?: boolean;
  /** An image to open. */
  readonly image?: string;
  /** Instead of what the machine really does. */
  readonly machine?: Partial<Machine>;
}

export class Running {
  readonly terminal: FakeTerminal;
  readonly input = new FakeInput();
  readonly host = new Debugger();
  readonly history = new Lines();
  /** Settles when the screen has ended. */
  readonly end: Promise<ScreenEnd>;
  #ended = false;
  #signalled: (signal: string) => void = () => {};

  constructor({ columns = 120, rows = 40, unicode = true, image, machine = {} }: RunOptions = {}) {
    this.terminal = new FakeTerminal(columns, rows);
    this.end = runScreen({
      host: this.host,
      look: { colour: 0, unicode, theme: 'mono' },
      open: image === undefined ? undefined : () => void this.host.open({ path: image }),
      greeting: async () => 'hello',
      machine: {
        input: this.input,
        terminal: this.terminal,
        style: PLAIN,
        history: this.history,
        pager: undefined,
        pipe: () => new PipedAway(),
        shell: async () => 0,
        onResize: (listener) => {
          this.terminal.on('resize', listener);
          return () => this.terminal.off('resize', listener);
        },
        suspend: () => {},
        onSignal: (listener) => {
          this.#signalled = listener;
        },
        onFault: () => {},
        onExit: () => {},
        ...machine,
      },
    });
    const ended = (): void => {
      this.#ended = true;
      this.host.end();
    };
    this.end.then(ended, ended);
    onTestFinished(async () => {
      if (!this.#ended) this.signal('SIGTERM');
      await this.end.catch(() => {});
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  signal(name: string): void {
    this.#signalled(name);
  }

  /** Keys by name: see ../support/keys.ts. */
  async press(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.type(keySequence(name));
      // What follows at once would belong to it, as Alt does.
      if (name === 'escape') await pause(ESCAPE_MS);
    }
  }

  type(text: string): void {
    this.input.emit('data', Buffer.from(text));
  }

  /** A line and Enter; resolves when the prompt has it behind it. */
  async enter(line: string): Promise<void> {
    this.type(`${line}\r`);
    await this.settled();
  }

  async text(): Promise<string> {
    return (await this.terminal.screen()).join('\n');
  }

  /** Waits until the screen shows something. */
  async until(expected: string | RegExp): Promise<string> {
    for (let i = 0; i < 400; i++) {
      const text = await this.text();
      if (typeof expected === 'string' ? text.includes(expected) : expected.test(text)) return text;
      if (this.#ended) await this.end;
      await pause(5);
    }
    throw new Error(`never: ${expected}\n${await this.text()}`);
  }

  /** Waits until nothing is written any more. */
  async settled(): Promise<string> {
    for (let quiet = 0, before = -1; quiet < 3; ) {
      await pause(8);
      const { length } = this.terminal.writes;
      quiet = length === before ? quiet + 1 : 0;
      before = length;
    }
    if (this.#ended) await this.end;
    return this.text();
  }
}

/** A program that reads everything and says nothing. */
export class PipedAway implements Outlet {
  readonly gone = false;
  readonly coloured: boolean = true;
  readonly drawing = true;
  taken = '';

  text(text: string): void {
    this.taken += text;
  }

  bytes(bytes: Uint8Array): void {
    this.taken += Buffer.from(bytes).toString('latin1');
  }

  room(): undefined {
    return undefined;
  }

  async end(): Promise<undefined> {
    return undefined;
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** The screen runs, and its first frame is there. */
export async function running(options: RunOptions = {}): Promise<Running> {
  const run = new Running(options);
  await run.settled();
  return run;
}
