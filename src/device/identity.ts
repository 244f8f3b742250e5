/**
 * Which file this is, and whether it is still as it was: device and inode say which, length and times say as it was.
 *
 * Device, inode and nanoseconds are 64-bit values. They are only ever compared and printed, so they are kept as
 * decimal text, exactly.
 */
import { type BigIntStats, fstatSync, statSync } from 'node:fs';
import { EXACT_STATS } from '../bytes/size.ts';

export interface FileIdentity {
  readonly dev: string;
  readonly ino: string;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

export function identityOf(stats: BigIntStats): FileIdentity {
  return {
    dev: String(stats.dev),
    ino: String(stats.ino),
    size: Number(stats.size),
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
  };
}

export function identityOfDescriptor(fd: number): FileIdentity {
  return identityOf(fstatSync(fd, EXACT_STATS));
}

/** What now stands at `path` (symbolic links followed), or undefined when nothing does. */
export function identityOfPath(path: string): FileIdentity | undefined {
  const stats = statSync(path, { ...EXACT_STATS, throwIfNoEntry: false });
  return stats && identityOf(stats);
}

export function sameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/**
 * What changed, in words, each change one phrase; empty when nothing did. The change time is not looked at: it
 * moves when a file is merely renamed, linked or given another mode.
 */
export function differences(before: FileIdentity, now: FileIdentity): string[] {
  const changes: string[] = [];
  if (!sameFile(before, now)) changes.push('another file stands at its path');
  if (before.size !== now.size) changes.push(`its length was ${before.size} bytes and is ${now.size} bytes`);
  if (before.mtimeNs !== now.mtimeNs) changes.push('it was written to (its modification time changed)');
  return changes;
}
