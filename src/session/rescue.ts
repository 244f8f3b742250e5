/**
 * What can be found again of an image under edit: searched once for each state of its bytes, staged as a step.
 *
 *  1. A search writes nothing. What is staged is one step, whatever the number of proposals.
 *  2. A file that nothing is known of is searched for every format that can be rescued; the one that most speaks for is it.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Device } from '../device/device.ts';
import { DRIVERS, driverNamed } from '../drivers/registry.ts';
import type { Findings, Proposal } from '../drivers/rescue.ts';
import { ImageError } from '../errors.ts';
import type { Session } from './session.ts';

export type { Findings, Proposal } from '../drivers/rescue.ts';

const found = new WeakMap<Session, { readonly state: unknown; readonly findings: Findings }>();

/** Searches, unless that was done for the same bytes already. Throws ImageError `no-rescue` for formats without it. */
export function* searchRescue(session: Session): Generator<Progress, Findings> {
  const last = found.get(session);
  if (last && last.state === session.state) return last.findings;
  const device = session.staged ?? session.file;
  const context = { name: session.file.name };
  let best: Findings | undefined;
  for (const driver of candidates(session)) {
    const findings = driver.rescue && (yield* driver.rescue.search(device, context));
    if (findings && findings.score > (best?.score ?? 0)) best = findings;
  }
  if (!best) throw nothing(session, device);
  found.set(session, { state: session.state, findings: best });
  return best;
}

function candidates({ image, probed }: Session) {
  const own = driverNamed(image.format);
  if (own.rescue) return [own];
  return probed ? DRIVERS.filter(({ rescue }) => rescue) : [];
}

function nothing({ image, file, probed }: Session, { size }: Device): ImageError {
  const names = DRIVERS.flatMap(({ name, rescue }) => (rescue ? [name] : []));
  if (!probed && !driverNamed(image.format).rescue) {
    return new ImageError({
      code: 'no-rescue',
      class: 'unsupported',
      what: `there is nothing to rescue in a ${image.format} image: it has no tables that could be lost`,
      tryThis: `open it without -f, or with -f ${names.join(' or -f ')}`,
    });
  }
  return new ImageError({
    code: 'nothing-found',
    class: 'unsupported',
    what: `no trace of an image was found in the ${size} bytes of ${file.name}, of ${names.join(' or ')}`,
  });
}

/** What is chosen and what that needs, in the order in which it is applied. */
export function withNeeds({ proposals }: Findings, chosen: Iterable<number>): number[] {
  const all = new Set<number>();
  const add = (index: number): void => {
    if (all.has(index)) return;
    all.add(index);
    for (const need of (proposals[index] as Proposal).needs) add(need);
  };
  for (const index of chosen) add(index);
  return [...all].sort((a, b) => a - b);
}

/** Stages the chosen proposals, and what they need, as one step. */
export function* stageRescue(
  session: Session,
  findings: Findings,
  chosen: readonly number[],
  line: string,
): Generator<Progress, void> {
  const { proposals, format } = findings;
  session.settling = true;
  try {
    yield* session.step(line, function* (draft) {
      for (const index of chosen) yield* (proposals[index] as Proposal).apply(draft.device);
      draft.format = format;
    });
  } finally {
    session.settling = false;
  }
}
