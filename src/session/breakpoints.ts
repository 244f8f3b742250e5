/**
 * Breakpoints: instants inside a request at which a staged change stops, and where one stands that has stopped.
 *
 * A stopped change is a step like any other: it holds what was written up to that instant, so everything can be looked
 * at there, undone and forked. Going on takes the step back and runs the same request again, past the instants it had
 * passed before: the same request on the same bytes does the same.
 */
import { type DeviceEvent, EVENTS } from '../device/events.ts';
import type { Step } from '../device/staged.ts';
import { ImageError } from '../errors.ts';
import type { GuestWork } from './guest.ts';
import type { Session } from './session.ts';

export interface Breakpoint {
  readonly event: DeviceEvent;
  readonly tag: string;
}

/** Where a change stands. */
export interface Stopped {
  readonly line: string;
  readonly event: DeviceEvent;
  /** Of the breakpoint; absent: it stopped since every instant was asked for. */
  readonly tag?: string;
  /** Instants passed, this one among them. */
  readonly passed: number;
  /** To be run again. */
  readonly work: GuestWork<unknown>;
}

/** Names of instants, for completion and help. */
export const EVENT_NAMES: readonly string[] = EVENTS.filter((event) => event !== 'none');

const set = new WeakMap<Session, Breakpoint[]>();
const stopped = new WeakMap<object, Stopped>();

export function breakpointsOf(session: Session): readonly Breakpoint[] {
  return set.get(session) ?? [];
}

/** Throws ImageError `no-such-event` or `breakpoint-exists`. */
export function addBreakpoint(session: Session, name: string, tag: string): Breakpoint {
  const event = EVENTS.find((one) => one === name && one !== 'none');
  if (!event) {
    throw new ImageError({
      code: 'no-such-event',
      what: `'${name}' is no instant of a request`,
      tryThis: 'help break, which lists them',
    });
  }
  const all = set.get(session) ?? [];
  if (all.some((one) => one.tag === tag)) {
    const what = `there is a breakpoint '${tag}' already`;
    throw new ImageError({ code: 'breakpoint-exists', what, tryThis: `break ${name} ANOTHER-TAG` });
  }
  const breakpoint = { event, tag };
  set.set(session, [...all, breakpoint]);
  return breakpoint;
}

/** Throws ImageError `no-such-breakpoint`. */
export function removeBreakpoint(session: Session, tag: string): Breakpoint {
  const all = set.get(session) ?? [];
  const gone = all.find((one) => one.tag === tag);
  if (!gone) {
    throw new ImageError({
      code: 'no-such-breakpoint',
      what: `there is no breakpoint '${tag}'`,
      tryThis: all.length > 0 ? all.map((one) => one.tag).join(', ') : 'break EVENT',
    });
  }
  set.set(
    session,
    all.filter((one) => one !== gone),
  );
  return gone;
}

/** Where the last applied step stands, if it is a change that has stopped. */
export function stoppedAt(session: Session): Stopped | undefined {
  return stopped.get(session.state as object);
}

/** The same of any step. */
export function stoppedIn(step: Step): Stopped | undefined {
  return stopped.get(step);
}

/** The step that was just made has stopped there. */
export function nowStopped(session: Session, at: Stopped): void {
  stopped.set(session.state as object, at);
}

/** `stopped at l2_update (A)`. */
export function stoppedWords({ event, tag }: Stopped): string {
  return `stopped at ${event}${tag === undefined || tag === event ? '' : ` (${tag})`}`;
}

/** A change that has stopped half-way is not for the file. Throws ImageError `stopped`. */
export function refuseStopped(session: Session): void {
  const at = stoppedAt(session);
  if (!at) return;
  throw new ImageError({
    code: 'stopped',
    what: `'${at.line}' has ${stoppedWords(at)}, and is not done`,
    tryThis: 'resume to end it, or undo',
  });
}
