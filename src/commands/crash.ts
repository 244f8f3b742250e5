/** `crash`: what a power cut would leave at every moment of the commit, and a look around in any of these states. */
import type { Progress } from '../bytes/progress.ts';
import { ImageError } from '../errors.ts';
import { type CommitOrder, type Exploration, explore, OUTCOMES, stepInto } from '../session/crash.ts';
import { barriersOf, boundsText, momentOf } from '../session/crash-moment.ts';
import type { Debugger } from '../session/debugger.ts';
import { debuggerCommand } from './command.ts';
import { CRASH_LOOKS } from './palette.ts';
import { flag, flagWith, oneOf, optional, size } from './params.ts';
import { type Fact, message, type View } from './view.ts';

/** Of the random samples, where none is asked for. */
const SEED = 1;
/** Lost states that are listed. */
const LISTED = 12;
const ORDERS: readonly CommitOrder[] = ['commit', 'naive'];

export const crash = debuggerCommand({
  name: 'crash',
  group: 'convert',
  place: 'prompt',
  summary: 'Show what a power cut would leave at any moment of the commit',
  details:
    'Goes through every moment of what `plan` lists. Between two flushes any part of the writes may have reached the ' +
    'disk, in any order, torn at sectors of 512 bytes; a name made or removed counts only after its folder was ' +
    'flushed. Each state is opened, checked and read as the next program would, and recovered as the next open by ' +
    'Platter would. Nothing is written.\n' +
    '`crash N` steps into state N: map, check, print and the rest work on it until `crash --leave` or close; the ' +
    'image under edit and its steps wait. `--order naive` judges the same writes in the order of the file, with one ' +
    'flush at the end and no journal: what a program does that knows no better.',
  params: { state: optional(size('N', 'the number of a state to step into'), undefined) },
  flags: {
    order: flagWith(oneOf('ORDER', ORDERS, 'the order of `commit`, or a naive one', 'known order'), undefined),
    rollback: flag('as `commit --rollback` does it'),
    seed: flagWith(size('N', 'of the random samples'), undefined),
    leave: flag('back from the state stepped into'),
  },
  examples: [
    { line: 'convert-inplace qed; crash', image: 'start.qcow2' },
    { line: 'convert-inplace qed; crash --order naive; crash 2; map 0 64k; crash --leave', image: 'start.qcow2' },
  ],
  *run(host, { state, order, rollback, seed, leave }) {
    if (leave) return left(host);
    const known = host.explored;
    // A number alone is of what was shown last.
    const asLast = state !== undefined && order === undefined && seed === undefined && !rollback;
    const request = (asLast && known?.request) || { order: order ?? 'commit', keep: rollback, seed: seed ?? SEED };
    const { order: wanted, keep, seed: from } = known?.request ?? {};
    const isKnown = wanted === request.order && keep === request.keep && from === request.seed;
    if (state === undefined) host.leave();
    const found = known && isKnown ? known : yield* search(host, request);
    return state === undefined ? foundView(found) : stepped(host, found, state);
  },
});

function* search(host: Debugger, request: Exploration['request']): Generator<Progress, Exploration> {
  const found = yield* explore(host.underEdit(), request);
  host.explored = found;
  return found;
}

/** Back to the image under edit. Throws ImageError `no-crash`. */
export function left(host: Debugger): View {
  if (!host.isVisiting) {
    throw new ImageError({ code: 'no-crash', what: 'no state after a crash is looked at', tryThis: 'crash N' });
  }
  host.leave();
  const { file, steps } = host.underEdit();
  const count = steps.filter(({ applied }) => applied).length;
  return message(`back at ${file.name}, ${count} ${count === 1 ? 'step' : 'steps'}`, { left: true, steps: count });
}

function foundView(found: Exploration): View {
  const counts = OUTCOMES.map((outcome): Fact => {
    return { key: outcome, label: CRASH_LOOKS[outcome].name, value: found.count(outcome) };
  });
  const { sameContents } = found;
  const contents =
    sameContents === undefined
      ? []
      : [{ key: 'same-contents', label: 'old and new hold the same for the guest', value: sameContents }];
  return {
    kind: 'parts',
    parts: [
      {
        key: 'crash',
        view: {
          kind: 'facts',
          facts: [
            { key: 'order', label: 'order of the writes', value: found.request.order },
            { key: 'states', value: found.states.length },
            ...counts,
            { key: 'end', label: 'once the commit has returned', value: CRASH_LOOKS[found.end].name, only: 'text' },
            { key: 'end', value: found.end, only: 'json' },
            ...contents,
            { key: 'tried', value: boundsText(found) },
            { key: 'seed', value: found.request.seed, only: 'json' },
          ],
        },
      },
      {
        key: 'strip',
        view: {
          kind: 'strip',
          points: found.outcomes,
          looks: CRASH_LOOKS,
          marks: barriersOf(found).map((number) => number - 1),
          mark: 'a flush: what is before it is on the disk',
        },
      },
      ...(found.count('lost') > 0 ? [{ key: 'lost', view: lostView(found) }] : []),
    ],
  };
}

function lostView(found: Exploration): View {
  const numbers = found.outcomes.flatMap((outcome, i) => (outcome === 'lost' ? [i + 1] : []));
  return {
    kind: 'table',
    columns: [
      { key: 'state', label: 'State', align: 'right' },
      { key: 'after', label: 'Stopped after' },
      { key: 'why', label: 'What is lost' },
    ],
    rows: numbers.slice(0, LISTED).map((number) => {
      const { after, why } = momentOf(found, number);
      return [number, after ?? 'nothing', why ?? ''];
    }),
    empty: 'nothing is lost',
  };
}

function stepped(host: Debugger, found: Exploration, number: number): View {
  const moment = momentOf(found, number);
  const follow = host.opened?.follow ?? host.follow;
  const session = stepInto(host.underEdit(), found, number, follow);
  host.visit(session);
  const { outcome, after, arrived, lost, torn, journal, why } = moment;
  const calls = (key: string, label: string, value: readonly string[]): Fact[] =>
    value.length > 0 ? [{ key, label, value }] : [];
  return {
    kind: 'facts',
    facts: [
      { key: 'state', value: `${number} of ${found.states.length}`, only: 'text' },
      { key: 'state', value: number, only: 'json' },
      { key: 'outcome', value: CRASH_LOOKS[outcome].name, only: 'text' },
      { key: 'outcome', value: outcome, only: 'json' },
      ...(why === undefined ? [] : [{ key: 'why', value: why }]),
      { key: 'after', label: 'stopped after', value: after ?? 'nothing' },
      ...calls('arrived', 'not flushed, but on the disk', arrived),
      ...calls('missing', 'never reached the disk', lost),
      ...(torn === undefined ? [] : [{ key: 'torn', value: torn }]),
      { key: 'journal', label: 'a journal lies beside it', value: journal },
      { key: 'opened-as', label: 'opened as', value: session.image.format },
      { key: 'leave', value: 'crash --leave', label: 'read-only; back with', only: 'text' },
    ],
  };
}
