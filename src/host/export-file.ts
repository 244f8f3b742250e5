/**
 * A file that the user asked for, made anew: nothing that stands at its path is written to, or followed.
 *
 * Invariants:
 *  1. Made with O_EXCL and O_NOFOLLOW, mode 0644 as the umask allows.
 *  2. What exists is replaced only with `force`, only when it is a regular file, and whole: the new file is complete
 *     before it takes the old one's place.
 *  3. A file of `keep` is never replaced. A failure leaves nothing half written behind.
 */
import { closeSync, constants, lstatSync, openSync, renameSync, type Stats, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXACT_STATS } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';

/** Device and inode as decimal text. */
export interface KeptFile {
  readonly dev: string;
  readonly ino: string;
}

export interface ExportOptions {
  /** Replaces a file that is there. */
  readonly force?: boolean;
  /** Files that are not to be replaced, whatever is asked: the image. */
  readonly keep?: readonly KeptFile[];
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** Writes `text` to a new file. Throws ImageError `export-exists`, `export-refused` or `export-failed`. */
export function exportFile(path: string, text: string, { force = false, keep = [] }: ExportOptions = {}): void {
  try {
    if (isThere(path)) {
      if (!force) throw exists(path);
      refuseReplacing(path, keep);
      replace(path, text);
    } else writeNew(path, text);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof ImageError || code === undefined) throw error;
    if (code === 'EEXIST') throw exists(path);
    throw new ImageError({ code: 'export-failed', what: `cannot write ${path}: ${code}` });
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function refuseReplacing(path: string, keep: readonly KeptFile[]): void {
  const stats = lstatSync(path, EXACT_STATS);
  const isImage = keep.some(({ dev, ino }) => dev === String(stats.dev) && ino === String(stats.ino));
  if (!isImage && stats.isFile()) return;
  const why = isImage ? 'it is the image itself' : `it is ${kindOf(stats as unknown as Stats)}, not a file`;
  throw new ImageError({ code: 'export-refused', what: `${path} is not replaced: ${why}`, tryThis: 'another name' });
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  return stats.isDirectory() ? 'a folder' : 'something special';
}

function replace(path: string, text: string): void {
  const fresh = join(dirname(path), `.platter-${process.pid}-${Date.now()}.tmp`);
  writeNew(fresh, text);
  try {
    renameSync(fresh, path);
  } catch (error) {
    unlinkSync(fresh);
    throw error;
  }
}

function writeNew(path: string, text: string): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
  let whole = false;
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    whole = true;
  } finally {
    closeSync(fd);
    if (!whole) unlinkSync(path);
  }
}

function exists(path: string): ImageError {
  return new ImageError({ code: 'export-exists', what: `${path} exists already`, tryThis: '--force, or another name' });
}
