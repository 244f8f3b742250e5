/** From staged steps to the file, and the conversion that needs no staging: both through the one commit protocol. */
import type { Progress } from '../bytes/progress.ts';
import { Ranges } from '../bytes/ranges.ts';
import { type ConversionResult, convertInPlace, unclaimed } from '../convert/convert.ts';
import { type CommitOptions, commit } from '../device/commit.ts';
import type { CommitResult, CommitRules, CommitSource } from '../device/commit-source.ts';
import { stagedSource } from '../device/staged-source.ts';
import type { Driver, TargetRequest } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { refuseStopped } from './breakpoints.ts';
import { forksApart } from './forks.ts';
import type { Session } from './session.ts';

/**
 * Writes every applied step of the current branch to the file; other branches are forgotten, since what they build on
 * is gone. Throws ImageError `nothing-to-commit`, `forks-apart` when one of them has steps of its own and `dropForks`
 * is not given, or what the commit throws.
 */
export function* commitSteps(
  session: Session,
  options: CommitOptions & { readonly dropForks?: boolean },
): Generator<Progress, CommitResult> {
  const source = sourceOf(session);
  if (session.readOnly) throw session.readOnly;
  refuseStopped(session);
  if (!options.dropForks) refuseForks(session);
  const work = commit(session.file, source, { ...options, journal: journalOf(session) });
  const result = yield* brokenOff(session, work);
  session.committed();
  return result;
}

/** The whole conversion in one go, metadata streaming into the file: nothing is staged, memory stays flat. */
export function* convertFile(
  session: Session,
  driver: Driver,
  request: CommitOptions & { readonly options?: TargetRequest },
): Generator<Progress, ConversionResult> {
  session.checkWritable();
  return yield* convertInPlace(session.file, session.image, driver, request);
}

/** After a commit that broke off the file is not what the steps build on: nothing more is to be done here. */
function* brokenOff<T>(session: Session, work: Generator<Progress, T>): Generator<Progress, T> {
  try {
    return yield* work;
  } catch (error) {
    if (error instanceof ImageError && (error.code === 'commit-interrupted' || error.code === 'flush-failed')) {
      session.readOnly = new ImageError({
        code: error.code,
        what: `a commit to ${session.file.name} broke off: nothing more can be changed here`,
        tryThis: `close --force, then recover ${session.file.name}`,
      });
    }
    throw error;
  }
}

function refuseForks({ staged }: Session): void {
  const apart = staged ? forksApart(staged) : [];
  const [first] = apart;
  if (!first) return;
  const each = apart.map(({ name, steps }) => `${name}: ${steps === 1 ? '1 step' : `${steps} steps`}`);
  throw new ImageError({
    code: 'forks-apart',
    what: `a commit changes the image that other forks build on, and their own steps would be lost (${each.join(', ')})`,
    tryThis: `commit --drop-forks; or first switch ${first.name}, then save FILE, to keep its steps as a script`,
  });
}

/** Where a new length alone makes another image of the file, only a journal tells the two apart. */
export function journalOf(session: Session): CommitRules['journal'] {
  const size = session.staged?.size ?? session.file.size;
  return size !== session.file.size && session.original().lengthIsContents ? 'always' : 'when-needed';
}

/** The applied steps as something to commit. Throws ImageError `nothing-to-commit`. */
export function sourceOf(session: Session): CommitSource {
  const { staged } = session;
  if (!staged || staged.steps.length === 0) {
    throw new ImageError({ code: 'nothing-to-commit', what: 'there is no step to commit: nothing was changed' });
  }
  const original = session.original();
  // Of a file that does not open nothing is known to be free.
  return stagedSource(staged, original.refused ? new Ranges() : unclaimed(original));
}

/** What a commit came to. */
export type Committed = CommitResult;
