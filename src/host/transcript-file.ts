/**
 * The transcript of a session in a file: plain text, appended as it happens, so that it is whole up to the moment
 * something went wrong.
 *
 * Invariants:
 *  1. Made with O_EXCL and O_NOFOLLOW, mode 0600; one that exists is only ever appended to, when asked, and only when
 *     it is a regular file and not the image.
 *  2. No escape code reaches it: a line is written when it is whole, and stripped of colours first.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { EXACT_STATS } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import type { KeptFile } from './export-file.ts';

export interface TranscriptOptions {
  /** Goes on in a file that is there. */
  readonly append?: boolean;
  /** Files that are not to be written: the image. */
  readonly keep?: readonly KeptFile[];
}

/** A line longer than this is not waited for. UTF-16 units. */
const LONGEST_LINE = 64 * 1024;

export class TranscriptFile {
  readonly path: string;
  /** Which file it is, whatever its name. */
  readonly identity: KeptFile;
  readonly #fd: number;
  /** The line that has no end yet. */
  #line = '';

  /** Throws ImageError `log-exists`, `log-refused` or `log-failed`. */
  constructor(path: string, { append = false, keep = [] }: TranscriptOptions = {}) {
    this.path = path;
    const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
    const made = append ? O_CREAT : O_CREAT | O_EXCL;
    this.#fd = this.#tried(() => openSync(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | made, 0o600));
    const stats = fstatSync(this.#fd, EXACT_STATS);
    this.identity = { dev: String(stats.dev), ino: String(stats.ino) };
    const isImage = keep.some((kept) => this.is(kept));
    if (stats.isFile() && !isImage) return;
    closeSync(this.#fd);
    const why = isImage ? 'it is the image itself' : 'it is not a regular file';
    throw new ImageError({ code: 'log-refused', what: `${path} takes no transcript: ${why}`, tryThis: 'another name' });
  }

  /** Whether the transcript goes to this file. */
  is({ dev, ino }: KeptFile): boolean {
    return dev === this.identity.dev && ino === this.identity.ino;
  }

  /** Throws ImageError `log-failed`. */
  write(text: string): void {
    const end = text.lastIndexOf('\n') + 1;
    const whole = this.#line + text.slice(0, end);
    this.#line = end === 0 ? whole + text : text.slice(end);
    if (end > 0) this.#append(whole);
    if (this.#line.length > LONGEST_LINE) this.#endLine();
  }

  /** The file ends with a whole line. Throws ImageError `log-failed`; it is closed then too. */
  close(): void {
    try {
      this.#endLine();
    } finally {
      closeSync(this.#fd);
    }
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (line !== '') this.#append(`${line}\n`);
  }

  #append(text: string): void {
    const bytes = Buffer.from(stripVTControlCharacters(text));
    this.#tried(() => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    });
  }

  #tried<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      if (code === 'EEXIST') {
        const tryThis = 'log --append FILE, or another name';
        throw new ImageError({ code: 'log-exists', what: `${this.path} exists already`, tryThis });
      }
      throw new ImageError({ code: 'log-failed', what: `cannot write the transcript ${this.path}: ${code}` });
    }
  }
}
