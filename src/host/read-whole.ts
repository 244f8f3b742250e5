/** Small files read whole: regular ones of bounded size, never a device or a FIFO. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { ImageError } from '../errors.ts';

export interface ReadWholeOptions {
  /** Bytes: a longer file is refused. */
  readonly most: number;
  /** Of the ImageError thrown. */
  readonly code: string;
  /** Whether the name may be that of a symbolic link. */
  readonly followLinks?: boolean;
}

export interface WholeFile {
  readonly bytes: Uint8Array;
  /** Equal for two names of one file. */
  readonly id: string;
}

/** Throws ImageError with the code asked for. */
export function readWhole(path: string, { most, code, followLinks = false }: ReadWholeOptions): WholeFile {
  const refused = (what: string): ImageError => new ImageError({ code, what: `${path} ${what}` });
  const refuse = (stats: Stats): void => {
    if (!stats.isFile()) throw refused('is not a regular file');
  };
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let fd: number | undefined;
  try {
    if (!followLinks) refuse(lstatSync(path));
    fd = openSync(path, O_RDONLY | O_NONBLOCK | (followLinks ? 0 : O_NOFOLLOW));
    const stats = fstatSync(fd);
    refuse(stats);
    if (stats.size > most) throw refused(`has ${stats.size} bytes, more than the ${most} it may have`);
    const bytes = new Uint8Array(stats.size);
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(fd, bytes, done, bytes.length - done, done);
      if (count === 0) break;
      done += count;
    }
    return { bytes: bytes.subarray(0, done), id: `${stats.dev}:${stats.ino}` };
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const { code: why } = error as NodeJS.ErrnoException;
    throw refused(`cannot be read: ${why === 'ENOENT' ? 'there is no such file, ENOENT' : (why ?? String(error))}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The same as UTF-8 text. */
export function readText(path: string, options: ReadWholeOptions): { readonly text: string; readonly id: string } {
  const { bytes, id } = readWhole(path, options);
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), id };
  } catch {
    throw new ImageError({ code: options.code, what: `${path} is not text: expected UTF-8` });
  }
}
