/** One state of an exploration in words: the moment, and what of the calls before it reached the disk. */
import { hex, sizeText } from '../bytes/size.ts';
import { BOUNDS, keptEvents, tornParts } from '../device/crash-states.ts';
import type { RecordedEvent } from '../device/recording.ts';
import type { Exploration, Outcome } from './crash.ts';
import { CONTENTS_LIMIT } from './likeness.ts';

export interface Moment {
  readonly outcome: Outcome;
  /** The last call that was made; undefined when there was none. */
  readonly after: string | undefined;
  /** Calls that no flush had made durable yet: which of them reached the disk. */
  readonly arrived: readonly string[];
  readonly lost: readonly string[];
  /** The one of which only a part arrived. */
  readonly torn: string | undefined;
  readonly journal: boolean;
  readonly why: string | undefined;
}

/** Throws ImageError `no-such-state`. */
export function momentOf(exploration: Exploration, number: number): Moment {
  const state = exploration.stateOf(number);
  const { events } = exploration.recording;
  const { segment, called, torn } = state;
  const made = segment.pending.slice(0, called);
  const kept = keptEvents(state);
  const text = (i: number): string => callText(events[i] as RecordedEvent);
  const last = made.at(-1) ?? segment.from - 1;
  const whole = made.filter((i) => i !== torn?.event);
  return {
    outcome: exploration.outcomes[number - 1] as Outcome,
    after: events[last] && text(last),
    arrived: whole.filter((i) => kept.has(i)).map(text),
    lost: whole.filter((i) => !kept.has(i)).map(text),
    torn: torn && `${text(torn.event)}: ${tornText(events[torn.event], torn)}`,
    journal: exploration.files(number).journal !== undefined,
    why: exploration.reasons.get(number),
  };
}

function tornText(event: RecordedEvent | undefined, torn: NonNullable<Exploration['states'][number]['torn']>): string {
  if (event?.op !== 'write' || torn.how === 'none') return 'the length without the bytes';
  const parts = tornParts(event, torn.how, torn.seed);
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  return `${sizeText(bytes)} of it, in ${parts.length} ${parts.length === 1 ? 'piece' : 'pieces'}`;
}

function callText(event: RecordedEvent): string {
  switch (event.op) {
    case 'write':
      return `write ${event.what || event.stage}, ${event.file} ${hex(event.offset)}, ${sizeText(event.length)}`;
    case 'resize':
      return `make the ${event.file} ${sizeText(event.size)} long`;
    case 'flush':
      return `flush the ${event.file}`;
    case 'create':
      return 'make the journal';
    case 'remove':
      return 'remove the journal';
    case 'keep':
      return 'name the rollback file';
    case 'sync-folder':
      return 'flush the folder';
  }
}

/** Numbers of the states before which a flush had been waited for, from 1. */
export function barriersOf({ states }: Exploration): number[] {
  return states.flatMap(({ segment }, i) => (i > 0 && segment !== states[i - 1]?.segment ? [i + 1] : []));
}

/** What was tried and what was not, in sentences. */
export function boundsText({ recording, states, every, request }: Exploration): string[] {
  const { exhaustive, prefixes, missing, samples, torn } = BOUNDS;
  const most = states.reduce((max, { segment }) => Math.max(max, segment.pending.length), 0);
  const sampled =
    most <= exhaustive
      ? `every subset of the calls between two flushes (at most ${most})`
      : `between two flushes up to ${exhaustive} calls in every subset; more (here ${most}) as up to ${prefixes} prefixes, ` +
        `${missing} times all but one, and ${samples} random subsets, seed ${request.seed}`;
  const contents =
    every === 1
      ? 'guest contents hashed whole'
      : `guest contents: the whole mapping, ${sizeText(CONTENTS_LIMIT)} of the data evenly spread, and all that is written`;
  const tears = `writes torn at 512-byte sectors in five ways, at most ${torn} writes between two flushes`;
  return [`${recording.events.length} calls`, sampled, tears, contents];
}
