/** The C library's words for what went wrong: QEMU knows errors by number, Platter by code. */
import { ImageError } from '../errors.ts';

/** Linux's numbers and glibc's words, of those that a block layer answers. */
const WORDS: Readonly<Record<number, string>> = {
  1: 'Operation not permitted',
  2: 'No such file or directory',
  3: 'No such process',
  4: 'Interrupted system call',
  5: 'Input/output error',
  6: 'No such device or address',
  7: 'Argument list too long',
  8: 'Exec format error',
  9: 'Bad file descriptor',
  10: 'No child processes',
  11: 'Resource temporarily unavailable',
  12: 'Cannot allocate memory',
  13: 'Permission denied',
  14: 'Bad address',
  15: 'Block device required',
  16: 'Device or resource busy',
  17: 'File exists',
  18: 'Invalid cross-device link',
  19: 'No such device',
  20: 'Not a directory',
  21: 'Is a directory',
  22: 'Invalid argument',
  23: 'Too many open files in system',
  24: 'Too many open files',
  25: 'Inappropriate ioctl for device',
  26: 'Text file busy',
  27: 'File too large',
  28: 'No space left on device',
  29: 'Illegal seek',
  30: 'Read-only file system',
  31: 'Too many links',
  32: 'Broken pipe',
  33: 'Numerical argument out of domain',
  34: 'Numerical result out of range',
  35: 'Resource deadlock avoided',
  36: 'File name too long',
  40: 'Too many levels of symbolic links',
  61: 'No data available',
  71: 'Protocol error',
  75: 'Value too large for defined data type',
  95: 'Operation not supported',
  110: 'Connection timed out',
  122: 'Disk quota exceeded',
  123: 'No medium found',
  125: 'Operation canceled',
};

export const EPERM = 1;
export const ENOENT = 2;
export const EIO = 5;
export const EINVAL = 22;
export const ENOTSUP = 95;
export const ENOMEDIUM = 123;

/** What Platter's codes are to QEMU. Whatever is not here is an input/output error. */
const NUMBERS: Readonly<Record<string, number>> = {
  'not-permitted': EPERM,
  'not-found': ENOENT,
  'not-a-directory': 20,
  'permission-denied': 13,
  'not-a-file': 21,
  'file-exists': 17,
  'read-only-file-system': 30,
  'symlink-loop': 40,
  'bad-file-name': 36,
  'in-use': 16,
  'no-space': 28,
  'no-quota': 122,
  'file-too-large': 27,
  'too-many-files': 24,
  'not-supported': ENOTSUP,
  unaligned: EINVAL,
  'invalid-argument': EINVAL,
  'no-medium': ENOMEDIUM,
};

export function strerror(errno: number): string {
  return WORDS[errno] ?? `Unknown error ${errno}`;
}

/** An ImageError's number. Anything else that was thrown is a bug, and is thrown on. */
export function errnoOf(error: unknown): number {
  if (!(error instanceof ImageError)) throw error;
  const own = (error as { readonly errno?: unknown }).errno;
  return typeof own === 'number' ? own : (NUMBERS[error.code] ?? EIO);
}
