/** What commands share that change guest bytes: the step, and what is said of a change that stopped at a breakpoint. */
import type { Progress } from '../bytes/progress.ts';
import { type Changed, changeGuest, type Disk, type GuestWork } from '../session/guest.ts';
import type { Session } from '../session/session.ts';
import { refuseTarget } from './set.ts';
import { stoppedView } from './stopped-view.ts';
import type { View } from './view.ts';

export type { Disk };

/** Runs `work` as a step; `says` makes the answer of what it came to. `name`: the command's. */
export function* guestStep<T>(
  session: Session,
  name: string,
  line: string,
  work: GuestWork<T>,
  says: (value: T) => View,
): Generator<Progress, View> {
  refuseTarget(session, name);
  // The answer is told by the work itself, so that it is the same when it is gone on with later.
  const changed: Changed<unknown> = yield* changeGuest(session, line, function* (disk) {
    return says(yield* work(disk));
  });
  return changedView(session, changed);
}

/** What a change answers, or where it stopped. */
export function changedView(session: Session, changed: Changed<unknown>): View {
  return changed.done ? (changed.value as View) : stoppedView(session, changed.at);
}
