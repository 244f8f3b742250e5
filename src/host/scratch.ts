/**
 * A folder for a copy to practise on: private, in the folder for temporary files, and gone at the end, also when the
 * program ends without being asked or is told to end by a signal.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageError } from '../errors.ts';

export class Scratch {
  /** Readable and writable by its owner alone. */
  readonly folder: string;

  /** Throws ImageError `no-scratch-folder`. */
  constructor(tmp = tmpdir()) {
    watchTheEnd();
    try {
      this.folder = mkdtempSync(join(tmp, 'platter-lesson-'));
    } catch (error) {
      throw new ImageError({
        code: 'no-scratch-folder',
        what: `cannot make a temporary folder in ${tmp}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
        tryThis: 'set TMPDIR to a folder that can be written',
      });
    }
    folders.add(this.folder);
  }

  /** Empties the folder and puts one file there; answers its path. */
  put(name: string, bytes: Uint8Array): string {
    for (const left of readdirSync(this.folder)) rmSync(join(this.folder, left), { recursive: true });
    const path = join(this.folder, name);
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }
}

/** Those that are there. */
const folders = new Set<string>();
let watching = false;

/** From the first folder on; a listener that came and went could swallow a signal. */
function watchTheEnd(): void {
  if (watching) return;
  watching = true;
  process.once('exit', removeAll);
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
    process.once(signal, () => {
      removeAll();
      // Where nobody else listens, the signal would have ended the program: it is sent again to do so.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}

function removeAll(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}
