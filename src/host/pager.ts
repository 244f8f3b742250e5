/**
 * Output that may be longer than the screen: kept until it is, then handed to the user's pager while the rest is still
 * being made; written as it is when it is short. Loaded with every run on a terminal, so it starts nothing itself.
 */
import { accessSync, constants } from 'node:fs';
import { basename, delimiter, join } from 'node:path';

/** As git has it: quit when all fits, colours as they are, leave the screen as it was. */
const DEFAULT_PAGER = 'less -FRX';
type Env = Readonly<Record<string, string | undefined>>;

/** The pager's command; undefined: none is wanted, or it is not there. */
export function pagerOf(env: Env): string | undefined {
  const wanted = env['PLATTER_PAGER'] ?? env['PAGER'] ?? DEFAULT_PAGER;
  const [word = ''] = wanted.trim().split(/\s+/);
  if (word === '' || word === 'cat') return undefined;
  // What is more than a plain command is for the shell to find.
  return /[^\w./+-]/.test(word) || isThere(word, env['PATH'] ?? '') ? wanted : undefined;
}

function isThere(word: string, path: string): boolean {
  const candidates = word.includes('/') ? [word] : path.split(delimiter).map((folder) => join(folder, word));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Programs that show colours when they are sent some. */
const COLOURFUL = ['more', 'most', 'lv', 'moar', 'ov', 'bat'];

/** Whether `program` is one pager by itself that shows colours: less does when it is told to, or told nothing. */
export function showsColours(program: string, env: Env): boolean {
  if (/[|;&<>`$()\n]/.test(program)) return false;
  const [word = '', ...options] = program.trim().split(/\s+/);
  if (COLOURFUL.includes(basename(word))) return true;
  if (basename(word) !== 'less') return false;
  const told = env['LESS'];
  return told === undefined || /r/i.test(told) || options.some((o) => /^-\w*[rR]|^--raw-control-chars$/i.test(o));
}

/** A started pager: see ReadingProgram. */
interface Reader {
  readonly gone: boolean;
  bytes(bytes: Uint8Array): void;
  room(): Promise<void> | undefined;
  end(): Promise<string | undefined>;
}

export interface PageOptions {
  /** The terminal's size, in characters. */
  readonly rows: number;
  readonly columns: number;
  readonly coloured: boolean;
  /** Where it goes when it is short. */
  direct(bytes: Uint8Array): void;
  start(): Reader;
}

let running = 0;

/** While a pager runs, Ctrl-C is the pager's. */
export function pagerRuns(): boolean {
  return running > 0;
}

/** The output of one command. */
export class Page {
  readonly coloured: boolean;
  readonly #options: PageOptions;
  #kept: Uint8Array[] = [];
  #rows = 0;
  /** Characters of the last line so far. */
  #column = 0;
  #reader: Reader | undefined;

  constructor(options: PageOptions) {
    this.#options = options;
    this.coloured = options.coloured;
  }

  get drawing(): boolean {
    return this.#reader !== undefined;
  }

  get gone(): boolean {
    return this.#reader?.gone ?? false;
  }

  text(text: string): void {
    this.bytes(Buffer.from(text));
  }

  bytes(bytes: Uint8Array): void {
    if (this.#reader) {
      this.#reader.bytes(bytes);
      return;
    }
    this.#kept.push(bytes.slice());
    this.#count(bytes);
    // The prompt needs a row as well.
    if (this.#rows < this.#options.rows) return;
    this.#reader = this.#options.start();
    running++;
    for (const part of this.#kept) this.#reader.bytes(part);
    this.#kept = [];
  }

  room(): Promise<void> | undefined {
    return this.#reader?.room();
  }

  /** An early quit, or a pager's own exit status, is nothing to speak of. */
  async end(): Promise<undefined> {
    for (const part of this.#kept) this.#options.direct(part);
    this.#kept = [];
    try {
      await this.#reader?.end();
    } finally {
      if (this.#reader) running--;
    }
  }

  /** Rows of the screen, as far as that can be told without knowing each character's width. */
  #count(bytes: Uint8Array): void {
    const { columns, rows } = this.#options;
    const lines = Buffer.from(bytes).toString().split('\n');
    for (const [i, line] of lines.entries()) {
      if (i > 0) {
        this.#rows += Math.max(1, Math.ceil(this.#column / columns));
        this.#column = 0;
      }
      if (this.#rows > rows) return;
      this.#column += line.replace(ESCAPES, '').length;
    }
  }
}

/** Colours take no room. */
const ESCAPES = /\x1b\[[\d;]*m/g;
