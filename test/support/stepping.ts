/** A conversion in pieces, driven any which way: what tests take instead of `finish` alone. */
import { runToEnd } from '../../src/bytes/progress.ts';
import { swapHeader } from '../../src/commands/copy-header.ts';
import { mapAll, openTarget } from '../../src/convert/convert.ts';
import { readBytes } from '../../src/device/device.ts';
import type { ConversionTarget, TargetRequest } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { advance, begin, conversionStatus, type Goal, type Until } from '../../src/session/running-conversion.ts';
import type { Session } from '../../src/session/session.ts';

/** What a person may do between `convert` and the end. */
export type Deed = { readonly go: Until } | 'undo' | 'redo' | 'look' | 'cancel' | 'begin again';

export const PHASE_GOALS: readonly Goal[] = (['l2', 'l1', 'refcount', 'verify', 'header'] as const).map((phase) => ({
  kind: 'phase',
  phase,
}));

/** Errors that say that a deed makes no sense now, and leave everything as it was. */
const VAIN = new Set(['never-comes', 'no-conversion', 'nothing-to-undo', 'nothing-to-redo', 'past-end']);

/** Does as told, and the rest at the end. Answers how many deeds did something. */
export function drive(session: Session, to: string, request: TargetRequest, deeds: readonly Deed[]): number {
  const driver = driverNamed(to);
  const start = (): void => {
    if (!session.conversion) runToEnd(begin(session, `convert ${to}`, driver, request));
  };
  start();
  let done = 0;
  for (const deed of deeds) {
    const before = bytesOf(session);
    try {
      act(session, deed);
      done++;
    } catch (error) {
      if (!(error instanceof ImageError) || !VAIN.has(error.code)) throw error;
      if (!bytesOf(session).equals(before)) throw new Error(`a refused ${JSON.stringify(deed)} left a trace`);
    }
    start();
  }
  if (session.conversion?.phase !== 'done') runToEnd(advance(session, 'finish', 'end'));
  return done;
}

function act(session: Session, deed: Deed): void {
  if (deed === 'undo') session.undo();
  else if (deed === 'redo') session.redo();
  else if (deed === 'look') {
    runToEnd(conversionStatus(session));
    for (const batch of session.target?.view().mappings() ?? []) [...batch];
  } else if (deed === 'cancel') {
    const work = advance(session, 'cancelled', 'end');
    for (let i = 0; i < 5 && !work.next().done; i++);
    work.return(undefined as never);
  } else if (deed === 'begin again') while (session.steps.some(({ applied }) => applied)) session.undo();
  else runToEnd(advance(session, 'go', deed.go));
}

/** All bytes of the file as the session has them. */
export function bytesOf(session: Session): Buffer {
  const { device } = session.image;
  return Buffer.from(readBytes(device, 0, device.size));
}

/** open-target, setmap --all, copy-header. */
export function inOneGo(session: Session, to: string, request: TargetRequest): void {
  runToEnd(
    session.step('all', function* (draft) {
      draft.target = yield* openTarget(draft.device, draft.image, driverNamed(to), request);
      yield* mapAll(draft.image, draft.target as ConversionTarget);
      yield* swapHeader(draft, false);
    }),
  );
}
