/**
 * A folder for a copy to practise on: private, in the folder for temporary files, and gone at the end, also when the
 * program ends without being asked.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageError } from '../errors.ts';

export class Scratch {
  /** Readable and writable by its owner alone. */
  readonly folder: string;
  readonly #atExit = (): void => this.remove();

  /** Throws ImageError `no-scratch-folder`. */
  constructor(tmp = tmpdir()) {
    try {
      this.folder = mkdtempSync(join(tmp, 'platter-lesson-'));
    } catch (error) {
      throw new ImageError({
        code: 'no-scratch-folder',
        what: `cannot make a temporary folder in ${tmp}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
        tryThis: 'set TMPDIR to a folder that can be written',
      });
    }
    process.once('exit', this.#atExit);
  }

  /** Empties the folder and puts one file there; answers its path. */
  put(name: string, bytes: Uint8Array): string {
    for (const left of readdirSync(this.folder)) rmSync(join(this.folder, left), { recursive: true });
    const path = join(this.folder, name);
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
    return path;
  }

  remove(): void {
    process.removeListener('exit', this.#atExit);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
