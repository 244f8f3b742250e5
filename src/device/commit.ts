/**
 * Commits to a real file: takes the lock file, opens the image for writing, runs the protocol (commit-core.ts), and
 * opens it read-only again.
 */
import { accessSync, constants, lstatSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Progress } from '../bytes/progress.ts';
import { ImageError } from '../errors.ts';
import { commitOn } from './commit-core.ts';
import type { CommitResult, CommitSource } from './commit-source.ts';
import type { FileDevice } from './file.ts';
import { FileSite } from './file-site.ts';
import { ioError } from './io-error.ts';
import { withLock } from './lock-file.ts';

export type { CommitResult, CommitSource } from './commit-source.ts';

export interface CommitOptions {
  /** Keep what is needed to roll back in this file, which must not exist. */
  readonly rollback?: string;
  /** `always`: for a format that changes its meaning when the file merely grows (raw, fixed VHD). */
  readonly journal?: 'when-needed' | 'always';
  /** What is being done, for people; kept in the journal. */
  readonly label?: string;
}

/**
 * Writes `source` to `file`. Throws ImageError: `file-changed`, `in-use`, `locked`, `journal-exists`, `no-journal`,
 * `file-exists` (the rollback file), `commit-interrupted`, `flush-failed`, or as writing throws. Up to the first
 * overwrite the file is left as it was, whatever happens, cancelling included.
 */
export function* commit(
  file: FileDevice,
  source: CommitSource,
  options: CommitOptions = {},
): Generator<Progress, CommitResult> {
  const { rollback, journal = 'when-needed', label = '' } = options;
  if (rollback !== undefined) checkCanBeMade(rollback);
  return yield* withLock(file.path, function* () {
    const site = new FileSite(file, rollback);
    try {
      file.allowWrites();
      return yield* commitOn(site, source, { keep: rollback !== undefined, journal, label });
    } finally {
      site.close();
      file.denyWrites();
    }
  });
}

/** So that it is known before the work whether its rollback file can be kept. */
function checkCanBeMade(rollback: string): void {
  if (lstatSync(rollback, { throwIfNoEntry: false })) {
    throw new ImageError({
      code: 'file-exists',
      what: `the rollback file ${rollback} exists already`,
      tryThis: 'name another file, or remove that one',
    });
  }
  try {
    accessSync(dirname(resolve(rollback)), constants.W_OK);
  } catch (error) {
    throw ioError(error, rollback, 'make the rollback file');
  }
}
