/** Breakpoints: where a staged change stops, and how it goes on. */
import { ImageError } from '../errors.ts';
import {
  addBreakpoint,
  breakpointsOf,
  EVENT_NAMES,
  removeBreakpoint,
  stoppedAt,
  stoppedWords,
} from '../session/breakpoints.ts';
import { goOn } from '../session/guest.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { changedView } from './guest-change.ts';
import { flag, optional, text } from './params.ts';
import { message, type View } from './view.ts';

export const breakCommand = imageCommand({
  name: 'break',
  aliases: ['b'],
  group: 'guest',
  place: 'steps',
  summary: 'Stop changes of guest bytes at an instant, or list where they stop',
  details: () =>
    'Instants have the names that QEMU gives them. A `write`, `discard` or `truncate` stops when it comes there: what it ' +
    'has written up to that instant is a step like any other, and can be looked at with everything there is (map, x, ' +
    'diff, check). `resume` goes on, `step` goes on to the next instant, `undo` takes it back. A change that has ' +
    'stopped cannot be committed. Without EVENT, the breakpoints are listed.\n' +
    `EVENT is one of ${EVENT_NAMES.join(', ')}.`,
  params: {
    event: optional(
      text('EVENT', 'the instant', () => EVENT_NAMES),
      undefined,
    ),
    tag: optional(text('TAG', "the breakpoint's name; the instant's when left out"), undefined),
  },
  flags: {},
  examples: [
    { line: 'break l2_update A; write 256k 64k; resume', image: 'plain.qed' },
    { line: 'break l2_update; write 1M 64k; step; undo; break', image: 'start.qcow2' },
  ],
  run(session, { event, tag }) {
    if (event === undefined) return listed(session);
    const { tag: name } = addBreakpoint(session, event, tag ?? event);
    const called = name === event ? '' : `, called ${name}`;
    return message(`changes stop at ${event}${called}`, { event, tag: name });
  },
});

export const removeBreak = imageCommand({
  name: 'remove_break',
  group: 'guest',
  place: 'steps',
  summary: 'Take a breakpoint away',
  details: 'A change that stopped there stays where it is, and goes on with `resume`.',
  params: { tag: text('TAG', "the breakpoint's name") },
  flags: {},
  examples: [{ line: 'break l2_update A; remove_break A; break', image: 'start.qcow2' }],
  run(session, { tag }) {
    const { event } = removeBreakpoint(session, tag);
    return message(`changes no longer stop at ${event}`, { event, tag });
  },
});

export const resume = imageCommand({
  name: 'resume',
  group: 'guest',
  place: 'steps',
  summary: 'Go on with the change that has stopped, to the next breakpoint or its end',
  details:
    'The step is replaced by one that holds more, or all of it. TAG, where it is given, must be where it stands.',
  params: { tag: optional(text('TAG', 'the breakpoint it stands at'), undefined) },
  flags: { end: flag('past every other breakpoint, to its end') },
  examples: [
    { line: 'break cluster_alloc; write 1M 64k; resume', image: 'start.qcow2' },
    { line: 'break l2_update A; write 256k 64k; resume A', image: 'plain.qed' },
  ],
  *run(session, { tag, end }) {
    const at = stoppedAt(session);
    if (at && tag !== undefined && tag !== (at.tag ?? at.event)) {
      throw new ImageError({
        code: 'no-such-breakpoint',
        what: `'${at.line}' has ${stoppedWords(at)}, not at '${tag}'`,
        tryThis: 'resume',
      });
    }
    return changedView(session, yield* goOn(session, end ? 'end' : 'breakpoint'));
  },
});

function listed(session: Session): View {
  const at = stoppedAt(session);
  return {
    kind: 'table',
    columns: [
      { key: 'tag', label: 'Tag' },
      { key: 'event', label: 'Instant' },
    ],
    rows: breakpointsOf(session).map(({ tag, event }) => [tag, event]),
    empty: 'no breakpoints: a change runs to its end',
    notes: at ? [`'${at.line}' has ${stoppedWords(at)}`] : [],
  };
}
