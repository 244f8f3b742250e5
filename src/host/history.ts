/**
 * The lines typed before, kept in a private file from one session to the next. It is a convenience: where the file
 * cannot be read or written, everything works without it, and nothing is said.
 *
 * Invariants:
 *  1. Folder 0700, file 0600; a link in the file's place is not followed, and what is no regular file not opened.
 *  2. A line is appended whole, in one write. Programs that write at once, and one that trims meanwhile, lose no line:
 *     who appends looks whether the file was replaced under it, who trims takes over what came in late.
 *  3. No control character reaches the file, or comes out of it.
 *  4. At most LINES lines and BYTES bytes are read; a longer file is trimmed.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { ImageError } from '../errors.ts';

const LINES = 5000;
/** The file may grow by this much before it is trimmed. */
const SLACK = 500;
const BYTES = 1 << 20;
/** Longer lines are data somebody pasted; they are remembered until the program ends. UTF-16 units. */
const LONGEST = 4096;
/** A trim that takes longer than this, in milliseconds, has died. */
const TRIM_TIME = 60_000;

/** How often a file may be replaced under our hands. */
const TRIES = 5;

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** `$PLATTER_HISTFILE`, where '' means none; else the file in the user's state folder. */
export function historyPath(env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  const given = env['PLATTER_HISTFILE'];
  if (given !== undefined) return given === '' ? undefined : given;
  const state = env['XDG_STATE_HOME'];
  const home = env['HOME'] || homedir();
  if (!state && !isAbsolute(home)) return undefined;
  return join(state && isAbsolute(state) ? state : join(home, '.local/state'), 'platter/history');
}

export class History {
  readonly #path: string | undefined;
  readonly #lines: string[] = [];
  /** The last line has no end: a program died while it wrote, or somebody edited the file. */
  #endsOpen = false;

  /** Without a path lines are kept until the program ends. */
  constructor(path?: string) {
    this.#path = path;
    if (path === undefined) return;
    quietly(() => {
      const { lines, size, endsOpen } = readLines(path);
      this.#lines.push(...lines.slice(-LINES));
      this.#endsOpen = endsOpen;
      if (lines.length > LINES + SLACK || size > BYTES) trim(path);
    });
  }

  /** Oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Not kept: a line that begins with a blank, an empty one, and the same line twice in a row. */
  add(line: string): void {
    const clean = escaped(line);
    if (clean.trim() === '' || clean.startsWith(' ') || clean === this.#lines.at(-1)) return;
    this.#lines.push(clean);
    if (this.#lines.length > LINES) this.#lines.shift();
    const path = this.#path;
    if (path === undefined || clean.length > LONGEST) return;
    quietly(() => append(path, `${this.#endsOpen ? '\n' : ''}${clean}\n`));
    this.#endsOpen = false;
  }
}

/** Tabs are blanks to a line; other control characters are written out. */
function escaped(line: string): string {
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => {
    const code = c.charCodeAt(0);
    if (c === '\t') return ' ';
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

interface Read {
  /** All that were read, oldest first. */
  readonly lines: readonly string[];
  /** Of the file, bytes. */
  readonly size: number;
  readonly endsOpen: boolean;
}

function readLines(path: string): Read {
  return withFile(path, O_RDONLY, (fd) => {
    const { size } = fstatSync(fd);
    const from = Math.max(0, size - BYTES);
    const text = readFrom(fd, from).toString();
    const lines = text.split('\n').map(escaped);
    // The first line is cut when there was more before it.
    if (from > 0) lines.shift();
    return { lines: lines.filter((line) => line !== ''), size, endsOpen: text !== '' && !text.endsWith('\n') };
  });
}

function append(path: string, text: string): void {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      if (appendOnce(path, text)) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries > 0) throw error;
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    }
  }
}

/** Answers false when the file was replaced meanwhile, so that the text may be in the old one only. */
function appendOnce(path: string, text: string): boolean {
  return withFile(path, O_WRONLY | O_APPEND | O_CREAT, (fd) => {
    writeSync(fd, text);
    return sameFile(fd, path);
  });
}

/**
 * The last LINES lines in a new file, which takes the place of the old. One program at a time does it: who has made
 * the new file; so the old one is opened only then.
 */
function trim(path: string): void {
  const fresh = `${path}.new`;
  quietly(() => {
    if (Date.now() - statSync(fresh).mtimeMs > TRIM_TIME) unlinkSync(fresh);
  });
  withFile(fresh, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, (fd) => {
    let replaced = false;
    try {
      withFile(path, O_RDONLY, (old) => {
        const from = Math.max(0, fstatSync(old).size - BYTES / 2);
        const kept = wholeLines(readFrom(old, from));
        const lines = kept.toString().split('\n');
        // The first is cut when there is more before it.
        if (from > 0) lines.shift();
        writeSync(fd, lines.slice(-LINES).join('\n'));
        renameSync(fresh, path);
        replaced = true;
        // What others appended to the old file meanwhile; they do not see it when the new one is replaced in turn.
        const late = wholeLines(readFrom(old, from + kept.length));
        if (late.length > 0) append(path, late.toString());
      });
    } finally {
      if (!replaced) quietly(() => unlinkSync(fresh));
    }
  });
}

/** A line is seen in halves while the system writes it across the end of a page. */
function wholeLines(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
}

/** The file's bytes from `from` to its end. */
function readFrom(fd: number, from: number): Buffer {
  const length = fstatSync(fd).size - from;
  const bytes = Buffer.alloc(Math.max(0, Math.min(length, BYTES)));
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(fd, bytes, done, bytes.length - done, from + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

function sameFile(fd: number, path: string): boolean {
  const ours = fstatSync(fd);
  const named = statSync(path, { throwIfNoEntry: false });
  return named?.ino === ours.ino && named.dev === ours.dev;
}

function withFile<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new ImageError({ code: 'not-a-file', what: `${path} is no regular file` });
    // Made by an older program, or copied from elsewhere: what was typed is nobody else's.
    if ((stats.mode & 0o077) !== 0) quietly(() => fchmodSync(fd, 0o600));
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** History is a convenience: what the system refuses is done without. */
function quietly(action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}
