/** What is done to an image by its path, while it is not open: recovery after an interrupted commit, and rollback. */
import type { Progress } from '../bytes/progress.ts';
import { describe, type JournalDescription, recover } from '../device/recover.ts';
import type { RecoveryResult } from '../device/recovery.ts';
import { type RollbackResult, rollback, whatChanged } from '../device/rollback.ts';
import { ImageError } from '../errors.ts';

/** Finishes or takes back a commit that was interrupted. Throws as device/recover.ts does. */
export function* recoverImage(path: string, force: boolean): Generator<Progress, RecoveryResult> {
  return yield* recover(path, { force });
}

/** Puts the image back to what it was before the commit that made the file. Throws as device/rollback.ts does. */
export function* rollBack(path: string, file: string, force: boolean): Generator<Progress, RollbackResult> {
  return yield* rollback(path, file, { force });
}

/** What a rollback file says of itself. Throws ImageError `journal-damaged`, also for a file that is no such thing. */
export function describeRollback(file: string): JournalDescription {
  const description = describe(file);
  if (description) return description;
  throw new ImageError({
    code: 'journal-damaged',
    what: `${file} was never finished being made: there is nothing in it`,
  });
}

/** What stands against rolling the image back: nothing, reasons, or that it was done. Throws as `describeRollback`. */
export function changesSince(image: string, file: string): readonly string[] | 'done' {
  return whatChanged(image, file);
}
