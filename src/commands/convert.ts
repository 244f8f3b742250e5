/** `convert`: a conversion to be taken piece by piece; and how far it has come. */
import type { Progress } from '../bytes/progress.ts';
import { targetDriver, targetFormats } from '../session/formats.ts';
import { begin, conversionStatus, type PhaseStatus } from '../session/running-conversion.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { refuseSecondTarget } from './open-target.ts';
import { flag, flagWith, optional, options, text } from './params.ts';
import { message, type View } from './view.ts';

export const convert = imageCommand({
  name: 'convert',
  group: 'convert',
  place: 'steps',
  summary: 'Begin a conversion that is taken piece by piece, or say how far it is',
  details:
    'As `open-target`, with all its refusals; the rest goes in phases: L2 tables, the L1 table, refcounts, verifying, the ' +
    'header. It stops before the first. `step` takes the next piece, `next` the rest of the phase, `until` goes to ' +
    'an event or an offset, `finish` to the end; in between `map --target`, `setmap`, `plan`, `undo` and the others ' +
    'work as ever. Without FORMAT, or with --status: the phases, and what comes next.',
  params: { format: optional(text('FORMAT', 'the format to become', targetFormats), undefined) },
  flags: {
    o: flagWith(options('options of the target, as `help open-target` lists them'), {}, 'o'),
    status: flag('only say how far the conversion is'),
  },
  examples: [
    { line: 'convert qed', image: 'start.qcow2' },
    { line: 'convert qcow2 -o refcount_bits=1; step 3; convert --status', image: 'plain.qed' },
  ],
  *run(session, { format, o, status }, line) {
    if (format === undefined || status) return yield* statusView(session);
    refuseSecondTarget(session);
    const { state } = yield* begin(session, line, targetDriver(format), o);
    const settings = Object.entries(state.settings).map(([key, value]) => `${key} ${value}`);
    const opened = message(`target ${state.format}: ${settings.join(', ')}`, {
      format: state.format,
      settings: state.settings,
    });
    const view = yield* statusView(session);
    if (view.kind !== 'parts') return view;
    return { kind: 'parts', parts: [{ key: 'target', view: opened }, ...view.parts] };
  },
});

const WHAT = {
  relocate: 'guest data out of the way',
  l2: 'where each guest cluster is',
  l1: 'where each L2 table is',
  refcount: 'which clusters are in use',
  verify: 'read back through the target',
  header: 'the format changes',
} as const;

function* statusView(session: Session): Generator<Progress, View> {
  const status = yield* conversionStatus(session);
  if (!status) return message('no conversion is under way. Try: convert FORMAT', { phases: [] });
  const { position, phases, next } = status;
  return {
    kind: 'parts',
    parts: [
      {
        key: 'phases',
        view: {
          kind: 'table',
          columns: [
            { key: 'phase', label: 'Phase' },
            { key: 'state', label: 'State' },
            { key: 'done', label: 'Done', align: 'right' },
            { key: 'total', label: 'Of', align: 'right' },
            { key: 'what', label: 'What' },
          ],
          rows: phases.map((phase) => [
            phase.phase,
            phase.state === 'absent' ? 'not needed' : phase.state,
            phase.done,
            phase.total,
            phase.state === 'absent' ? absence(phase, position.to) : WHAT[phase.phase],
          ]),
          empty: '',
        },
      },
      {
        key: 'next',
        view: message(
          next === undefined ? `complete: ${position.from} to ${position.to}; commit writes it` : `next: ${next}`,
          {
            phase: position.phase,
            next,
          },
        ),
      },
    ],
  };
}

function absence({ phase }: PhaseStatus, to: string): string {
  return phase === 'relocate' ? 'guest data stays where it is' : `${to} has none`;
}
