/**
 * A file without a name, for bytes that do not fit in memory: made exclusively, readable by nobody else, and
 * unlinked at once, so that nothing is left behind however the process ends.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ioError } from './io-error.ts';

export class TempFile {
  readonly #folder: string;
  readonly #fd: number;

  /** Throws ImageError when the folder for temporary files cannot be written. */
  constructor(folder = tmpdir()) {
    this.#folder = folder;
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    try {
      const path = join(folder, `platter-${randomBytes(12).toString('hex')}`);
      this.#fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      unlinkSync(path);
    } catch (error) {
      throw ioError(error, folder, 'make a temporary file for staged changes');
    }
  }

  /** Fills `target`; what was never written is zero. */
  read(offset: number, target: Uint8Array): void {
    let done = 0;
    try {
      while (done < target.length) {
        const count = readSync(this.#fd, target, done, target.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw ioError(error, this.#folder, 'read staged changes back from a temporary file');
    }
    target.fill(0, done);
  }

  write(offset: number, bytes: Uint8Array): void {
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
    } catch (error) {
      throw ioError(error, this.#folder, 'put staged changes into a temporary file');
    }
  }

  clear(): void {
    ftruncateSync(this.#fd, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
