/**
 * What an errno means to a person: one ImageError, with a stable code, for every way a system call on an image, a
 * journal or a rollback file can fail. The only place that knows errno names.
 */
import { ImageError } from '../errors.ts';

interface Meaning {
  readonly code: string;
  readonly says: string;
  readonly tryThis?: string;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: 'not-found', says: 'no such file', tryThis: 'check the name and the folder' },
  ENOTDIR: { code: 'not-found', says: 'a part of the path is not a folder' },
  ELOOP: { code: 'symlink-loop', says: 'too many symbolic links, or a link where none may stand' },
  ENAMETOOLONG: { code: 'bad-file-name', says: 'the name is too long' },
  ERR_INVALID_ARG_VALUE: { code: 'bad-file-name', says: 'a file name cannot hold a zero byte' },
  EACCES: { code: 'permission-denied', says: 'permission denied' },
  EPERM: { code: 'permission-denied', says: 'the system does not permit it (an immutable file?)' },
  EISDIR: { code: 'not-a-file', says: 'it is a folder' },
  EEXIST: { code: 'file-exists', says: 'the file exists already', tryThis: 'name another file, or remove that one' },
  EROFS: { code: 'read-only-file-system', says: 'the file system is read-only' },
  ETXTBSY: { code: 'in-use', says: 'the file is being executed' },
  EBUSY: { code: 'in-use', says: 'the device is in use' },
  EIO: { code: 'io-error', says: 'input/output error', tryThis: 'look at the system log for a failing disk' },
  ENOSPC: { code: 'no-space', says: 'no space left on the device', tryThis: 'free some space' },
  EDQUOT: { code: 'no-quota', says: 'the disk quota is used up', tryThis: 'free some space or raise the quota' },
  EFBIG: {
    code: 'file-too-large',
    says: 'the file would become larger than the file system or the limit of this process (ulimit -f) allows',
  },
  EMFILE: { code: 'too-many-files', says: 'too many open files' },
  ENFILE: { code: 'too-many-files', says: 'too many open files in the system' },
};

/** The errno name of an error thrown by node:fs, or undefined when it is something else. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/**
 * The ImageError for a failed system call: `path: cannot doing: meaning`. An error that carries no errno is a bug
 * and is given back as it is, to be thrown on.
 */
export function ioError(error: unknown, path: string, doing: string, offset?: number, length?: number): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof ImageError) return error;
  const meaning = MEANINGS[errno] ?? { code: 'io-error', says: `the system answered ${errno}` };
  return new ImageError({
    code: meaning.code,
    what: `${path}: cannot ${doing}: ${meaning.says}`,
    where: offset === undefined ? undefined : { offset, length: length ?? 0, file: path },
    tryThis: meaning.tryThis,
  });
}
