/** What is handed to a commit, and what it answers. */
import type { Progress } from '../bytes/progress.ts';
import type { Ranges } from '../bytes/ranges.ts';
import type { Device } from './device.ts';

/** Bytes that replace what the old image claims. */
export interface Overwrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** For people: 'l2 table 3'. */
  readonly what: string;
}

/** What a commit writes, in the order that keeps the old image valid until the last sector. Offsets in bytes. */
export interface CommitSource {
  /** Of the file before. */
  readonly oldSize: number;
  /** Below `oldSize`, where the old image claims nothing. */
  readonly free: Ranges;
  /** Writes only at or after `oldSize` or inside `free`; anything else is a bug, and throws. */
  fresh(out: Device): Generator<Progress, void>;
  /** After `fresh` is durable and before anything else is overwritten. Throws ImageError to call the commit off. */
  verify?(): Generator<Progress, void>;
  /** Called once, after `fresh` and `verify`. */
  final(): {
    /** Gone through more than once: an array, or an object that makes them anew each time. */
    readonly overwrites: Iterable<Overwrite>;
    /** The sector whose writing makes the file the new image: 512 bytes, sector aligned. */
    readonly header?: Overwrite;
    readonly newSize: number;
  };
}

export interface CommitRules {
  /** The journal is kept, to roll back. */
  readonly keep: boolean;
  /** `always`: for a format that changes its meaning when the file merely grows (raw, fixed VHD). */
  readonly journal: 'when-needed' | 'always';
  /** What is being done, for people; stands in the journal. */
  readonly label: string;
}

export interface CommitResult {
  /** Bytes written past the old end and into free space. */
  readonly freshBytes: number;
  /** Bytes written over what the old image claimed, the header sector included. */
  readonly overwrittenBytes: number;
  /** Bytes cut off the file's end. */
  readonly cutBytes: number;
  /** The file's length now, bytes. */
  readonly newSize: number;
  /** Where the rollback file lies, when one was asked for, and its length in bytes. */
  readonly rollbackFile?: string;
  readonly rollbackBytes?: number;
  /** What the user should know: a stale lock replaced, a journal left. */
  readonly notes: readonly string[];
}
