/** Small files that requests name: what a write is filled with, the rules of a fault layer. An errno where there is none. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/**
 * Fills the start of `target` with the start of the file, and answers how many bytes that are; or the errno of what
 * forbids it.
 */
export function readPattern(path: string, target: Uint8Array): number | { readonly errno: number } {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    let done = 0;
    while (done < target.length) {
      const count = readSync(fd, target, done, target.length - done, null);
      if (count === 0) break;
      done += count;
    }
    return done;
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return { errno: -errno };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The whole of a text file, one character per byte. */
export function readWholeFile(path: string): string | { readonly errno: number } {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return { errno: -errno };
  }
}
