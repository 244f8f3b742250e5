/** `plan`: what a commit would do, in which order, and what each moment of it would leave. */
import type { Progress } from '../bytes/progress.ts';
import { type Instant, type Plan, type PlanRow, planSteps } from '../session/plan.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { flag } from './params.ts';
import type { Fact, View } from './view.ts';

export const plan = imageCommand({
  name: 'plan',
  group: 'convert',
  place: 'steps',
  onRefused: true,
  summary: 'Show what commit would do, in which order',
  details:
    'The commit itself, run on paper: every write with its place and what it is, and after which of them it waits ' +
    'until the disk has everything. The last column says what the file is if the machine stops meanwhile. ' +
    '`commit` does exactly this. `crash` tries every such moment.',
  params: {},
  flags: { rollback: flag('as `commit --rollback` does it') },
  examples: [{ line: 'open-target qed; setmap --all; copy-header; plan', image: 'start.qcow2' }],
  run: (session, { rollback }) => planView(session, rollback),
});

/** What each stage means. */
const STAGE_TEXT: Readonly<Partial<Record<PlanRow['stage'], string>>> = {
  fresh: 'new, where the image claims nothing',
  overwrite: 'overwrites, after the journal is on disk',
  header: 'the header sector, the moment of change',
  truncate: 'cut off the end of the file',
};

const INSTANT_TEXT: Readonly<Record<Instant, string>> = {
  old: 'old',
  'old-or-new': 'old or new',
  journal: 'journal',
  new: 'new',
};

export function* planView(session: Session, keep = false): Generator<Progress, View> {
  const planned = yield* planSteps(session, keep);
  return {
    kind: 'parts',
    parts: [
      {
        key: 'writes',
        view: {
          kind: 'table',
          columns: [
            { key: 'order', label: 'No', align: 'right' },
            { key: 'stage', label: 'Stage' },
            { key: 'offset', label: 'Offset', unit: 'offset' },
            { key: 'length', label: 'Length', unit: 'size', align: 'right' },
            { key: 'what', label: 'What' },
            { key: 'flushes', label: 'Then flush' },
            { key: 'if-stopped', label: 'If it stops then' },
          ],
          rows: planned.rows.map(({ stage, offset, length, what, flushes, instant }, i) => [
            ...[i + 1, stage, offset, length, what],
            ...[flushes.join(', '), INSTANT_TEXT[instant]],
          ]),
          empty: 'nothing would be written',
        },
      },
      { key: 'totals', view: { kind: 'facts', facts: totals(planned) } },
    ],
  };
}

function totals({ rows, oldSize, newSize, peakSize, journalSize, overwritten, written, barriers }: Plan): Fact[] {
  const stages = new Set(rows.map(({ stage }) => stage));
  const meanings = [...stages].flatMap((stage): Fact[] => {
    const value = STAGE_TEXT[stage];
    return value === undefined ? [] : [{ key: stage, value, only: 'text' }];
  });
  const needed = rows.some(({ instant }) => instant === 'journal');
  return [
    ...meanings,
    // What came before is on the disk before what follows is written.
    { key: 'barriers', label: 'flushes to the disk', value: barriers },
    { key: 'bytes', value: written, unit: 'size' },
    { key: 'overwritten', label: 'of these, in place', value: overwritten, unit: 'size' },
    ...(journalSize > 0
      ? [{ key: 'journal-size', label: 'journal beside the image', value: journalSize, unit: 'size' as const }]
      : []),
    { key: 'needs-journal', value: needed, only: 'json' },
    { key: 'old-size', label: 'file size now', value: oldSize, unit: 'size' },
    { key: 'peak-size', label: 'at most', value: peakSize, unit: 'size' },
    { key: 'new-size', label: 'afterwards', value: newSize, unit: 'size' },
  ];
}
