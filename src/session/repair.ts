/** Repair in a session: what could be done about the image as it is now, and what is chosen as a step. */
import type { Progress } from '../bytes/progress.ts';
import { type Choice, type Repaired, repair } from '../check/repair.ts';
import { verdict, verdictWords } from '../check/verdict.ts';
import type { OpenContext } from '../drivers/driver.ts';
import { driverNamed } from '../drivers/registry.ts';
import type { Proposal, RepairDriver, Repairs } from '../drivers/repair.ts';
import { ImageError } from '../errors.ts';
import type { Session } from './session.ts';

/** What was listed last, of which state. */
const listed = new WeakMap<Session, { readonly state: unknown; readonly proposals: readonly Proposal[] }>();

/** What could be done about the image as it is now. Throws ImageError `nothing-to-check`. */
export function* examine(session: Session): Generator<Progress, Repairs> {
  const repairs = yield* repairDriver(session).examine(session.image.device, contextOf(session));
  remember(session, repairs);
  return repairs;
}

/**
 * Does what is chosen as one step named `line`; not `isKept`: a step that is forgotten again. Where nothing
 * is done there is no step. Throws as src/check/repair.ts does.
 */
export function* stageRepair(
  session: Session,
  line: string,
  choice: Choice,
  isKept = true,
): Generator<Progress, Repaired> {
  const context = contextOf(session);
  const driver = repairDriver(session);
  let repaired: Repaired | undefined;
  try {
    yield* session.step(line, function* ({ device }) {
      repaired = yield* repair(driver, device, context, choice);
      if (repaired.done.length === 0) throw new NothingDone();
    });
  } catch (error) {
    if (!(error instanceof NothingDone)) throw error;
  }
  if (!repaired) throw new Error('a repair without an answer');
  if (isKept) remember(session, repaired.left);
  return repaired;
}

/** Drops the step of a repair that did nothing. */
class NothingDone extends Error {}

/** Proposals as they were listed last, while they are still those of the image. */
export function listedProposals(session: Session): readonly Proposal[] {
  const last = listed.get(session);
  return last && last.state === session.state ? last.proposals : [];
}

function remember(session: Session, { report, proposals }: Repairs): void {
  listed.set(session, { state: session.state, proposals });
  session.checked(verdictWords(report), verdict(report) === 'clean');
}

/** Nothing that the image names is needed: no guest data is read but what lies in the file. */
function contextOf({ file }: Session): OpenContext {
  return { name: file.name };
}

function repairDriver({ image }: Session): RepairDriver {
  const driver = driverNamed(image.format).repair;
  if (driver) return driver;
  throw new ImageError({
    code: 'nothing-to-check',
    class: 'unsupported',
    what: `an image of format ${image.format} has nothing to check, and nothing to repair`,
  });
}
