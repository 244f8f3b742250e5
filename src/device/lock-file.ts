/**
 * Two Platters on one image: who commits, recovers or rolls back puts `<image>.platter-lock` beside it, created
 * exclusively, and removes it when done. It says which process that is, so that one left by a process that died can
 * be told from one that lives.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { ImageError } from '../errors.ts';
import { errnoOf, ioError } from './io-error.ts';

/** A process, told from one that has its number later, and from one of another machine or container. */
interface Owner {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly start: string;
  readonly host: string;
  readonly boot: string;
  readonly namespace: string;
}

/** A lock file is a line; whatever is longer is not ours. Bytes. */
const LIMIT = 4096;
/** Milliseconds after which a lock file without an owner in it was left by a process that died making it. */
const UNFINISHED_AFTER = 10_000;

/** Runs `work` with the image locked; `notes` tells what was found. Without a writable folder there is no lock. */
export function* withLock<P, T extends { readonly notes: readonly string[] }>(
  imagePath: string,
  work: () => Generator<P, T>,
): Generator<P, T> {
  let lock: LockFile | undefined;
  const notes: string[] = [];
  try {
    lock = new LockFile(imagePath);
    if (lock.replaced !== undefined) notes.push(lock.replaced);
  } catch (error) {
    const cannot = error instanceof ImageError && ['permission-denied', 'read-only-file-system'].includes(error.code);
    if (!cannot) throw error;
    notes.push(`${error.what}; another Platter could work on the image at the same time`);
  }
  try {
    const result = yield* work();
    return { ...result, notes: [...notes, ...result.notes] };
  } finally {
    lock?.release();
  }
}

export class LockFile {
  readonly path: string;
  /** What was found and replaced, for the user; undefined when nothing was. */
  readonly replaced: string | undefined;
  readonly #text: string;

  /** Throws ImageError `locked` while another live Platter holds the image, or as creating a file does. */
  constructor(imagePath: string) {
    this.path = `${imagePath}.platter-lock`;
    this.#text = `${JSON.stringify({ ...ourselves(), token: randomBytes(8).toString('hex') })}\n`;
    let fd = this.#create();
    if (fd === undefined) {
      this.replaced = this.#removeStale();
      fd = this.#create();
      if (fd === undefined) throw locked(this.path, 'another Platter was faster');
    }
    try {
      writeSync(fd, this.#text);
    } catch (error) {
      unlinkSync(this.path);
      throw ioError(error, this.path, 'write the lock file');
    } finally {
      closeSync(fd);
    }
  }

  release(): void {
    try {
      // Compared whole: an inode number may be another file's as soon as ours was removed.
      if (readBounded(this.path) === this.#text) unlinkSync(this.path);
    } catch (error) {
      // Removed by somebody's hand: then there is nothing left to do.
      if (errnoOf(error) !== 'ENOENT') throw ioError(error, this.path, 'remove the lock file');
    }
  }

  /** A descriptor, or undefined when the file exists. */
  #create(): number | undefined {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    try {
      return openSync(this.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return undefined;
      throw ioError(error, this.path, 'make the lock file beside the image');
    }
  }

  /** Takes away a lock file whose owner is dead. Throws ImageError `locked` when it lives, or may live. */
  #removeStale(): string | undefined {
    const seen = readBounded(this.path);
    if (seen === undefined) return undefined;
    const owner = ownerIn(seen);
    const verdict = owner ? lifeOf(owner) : ageOf(this.path) > UNFINISHED_AFTER ? 'dead' : 'alive';
    const who = owner ? `process ${owner.pid}${owner.host === hostname() ? '' : ` on ${owner.host}`}` : 'a process';
    if (verdict === 'alive') throw locked(this.path, `${who} is working on the image`);
    if (verdict === 'unknown')
      throw locked(this.path, `${who}, which cannot be seen from here, may be working on the image`);
    // Moved aside first: should another Platter have replaced the stale file since we read it, it is its own we hold.
    const aside = `${this.path}.${randomBytes(6).toString('hex')}`;
    try {
      renameSync(this.path, aside);
      if (readBounded(aside) !== seen) {
        renameSync(aside, this.path);
        throw locked(this.path, 'another Platter was faster');
      }
      unlinkSync(aside);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw ioError(error, this.path, 'replace the stale lock file');
    }
    return `${this.path}: ${who} left this lock file and is gone; it was replaced`;
  }
}

function locked(path: string, why: string): ImageError {
  return new ImageError({
    code: 'locked',
    what: `${path} exists: ${why}`,
    tryThis: 'wait until it is done; remove the file only if you are certain that it is not running',
  });
}

function ourselves(): Owner {
  return {
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    host: hostname(),
    boot: bootId(),
    namespace: pidNamespace(),
  };
}

function ownerIn(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof Owner, unknown>> | null;
    const texts = [value?.start, value?.host, value?.boot, value?.namespace];
    if (!Number.isInteger(value?.pid) || texts.some((field) => typeof field !== 'string')) return undefined;
    return value as Owner;
  } catch {
    return undefined;
  }
}

function lifeOf(owner: Owner): 'alive' | 'dead' | 'unknown' {
  if (owner.host !== hostname()) return 'unknown';
  if (owner.boot !== bootId()) return 'dead';
  if (owner.namespace !== pidNamespace()) return 'unknown';
  return startOf(owner.pid) === owner.start ? 'alive' : 'dead';
}

/** When the process began (clock ticks since boot, as text), or undefined when there is none of that number. */
function startOf(pid: number): string | undefined {
  const stat = readBounded(`/proc/${pid}/stat`);
  // The command's name stands in parentheses and may itself hold spaces and parentheses; field 22 is the start.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function bootId(): string {
  return readBounded('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function ageOf(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
}

function readBounded(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, LIMIT);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw ioError(error, path, 'read it');
  }
}
