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

/** Does what is chosen as one step named `line`. Throws as src/check/repair.ts does; `nothing-to-repair` where that is nothing. */
export function* stageRepair(session: Session, line: string, choice: Choice): Generator<Progress, Repaired> {
  const context = contextOf(session);
  const driver = repairDriver(session);
  const repaired = yield* session.step(line, function* ({ device }) {
    const result = yield* repair(driver, device, context, choice);
    if (result.done.length === 0) throw nothing(result, choice);
    return result;
  });
  remember(session, repaired.left);
  return repaired;
}

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

function nothing({ left }: Repaired, { what }: Choice): ImageError {
  const count = left.proposals.length;
  const isSafe = what === 'safe' && count > 0;
  return new ImageError({
    code: 'nothing-to-repair',
    what: isSafe
      ? `nothing is safe to repair; ${count === 1 ? '1 proposal is' : `${count} proposals are`} left to choose from`
      : count > 0
        ? 'what is left frees bytes that are not zero, and is done only when it is chosen'
        : 'nothing is wrong that could be repaired',
    tryThis: count > 0 ? 'repair' : undefined,
  });
}
