/** `until`: the conversion goes on until something happened. */
import { parseSize } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import { advance, type Goal } from '../session/running-conversion.ts';
import { advanceView } from './advance-view.ts';
import { imageCommand } from './command.ts';
import { nearest } from './nearest.ts';
import { offset, optional, type Param } from './params.ts';

const EVENTS = ['l2', 'l1', 'refcount', 'verify', 'header'] as const;
const PLACES = ['guest', 'host'] as const;

/** A goal, or what a place still needs: its offset. */
type Event = Goal | (typeof PLACES)[number];

export const until = imageCommand({
  name: 'until',
  group: 'convert',
  place: 'steps',
  summary: 'Go on with the conversion until something happened',
  details:
    'EVENT is `l2`: the L2 table at hand is full; `l1`: the L1 table is written; `refcount`: a refcount block or the ' +
    'refcount table is; `verify`: all was read back; `header`: the format has changed. `guest OFFSET`: that guest byte is ' +
    "mapped. `host OFFSET`, or OFFSET alone: a write touched that byte of the file, or guest data that lies there was mapped. Or the label of a write, as `plan` shows it: `until 'l2 table 1'`. It " +
    'stops right after what it waits for. What does not come up to the header is refused, and nothing is done then.',
  params: {
    event: eventParam(),
    offset: optional(offset('OFFSET', 'of `guest` and `host`: the byte'), undefined),
  },
  flags: {},
  examples: [
    { line: 'convert qcow2; until l2; map --target', image: 'fragmented.qed' },
    { line: 'convert qed; until guest 0x8000; until l1', image: 'start.qcow2' },
    { line: "convert qcow2; until host 0x9000; until 'refcount block 0'", image: 'plain.qed' },
  ],
  *run(session, { event, offset }, line) {
    return advanceView(yield* advance(session, line, goalOf(event, offset)));
  },
});

function eventParam(): Param<Event> {
  const words = [...EVENTS, ...PLACES];
  return {
    placeholder: 'EVENT|OFFSET',
    doc: 'what to wait for: a phase, `guest` or `host` with an offset, an offset of the file, or the label of a write',
    choices: () => words,
    parse(word) {
      const phase = EVENTS.find((event) => event === word);
      if (phase) return { kind: 'phase', phase };
      const place = PLACES.find((name) => name === word);
      if (place) return place;
      if (/^\d/.test(word)) return { kind: 'host', offset: parseSize(word) };
      if (word.includes(' ')) return { kind: 'write', what: word.toLowerCase() };
      throw new ImageError({
        code: 'bad-choice',
        what: `'${word}' is not an event: expected ${words.join(', ')}, an offset, or the label of a write`,
        tryThis: nearest(word, words),
      });
    },
  };
}

function goalOf(event: Event, offset: number | undefined): Goal {
  if (typeof event === 'string') {
    if (offset !== undefined) return { kind: event, offset };
    throw new ImageError({ code: 'bad-argument-count', what: `until ${event} needs an offset: until ${event} OFFSET` });
  }
  if (offset === undefined) return event;
  throw new ImageError({
    code: 'bad-argument-count',
    what: 'an offset stands behind `guest` or `host` only',
    tryThis: 'help until',
  });
}
