/** `plan`: what a commit would write, where, and in which order. */
import { planSteps } from '../session/commit.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import type { View } from './view.ts';

export const plan = imageCommand({
  name: 'plan',
  group: 'convert',
  place: 'steps',
  summary: 'Show what commit would write, where, in which order',
  params: {},
  flags: {},
  examples: [{ line: 'open-target qed; setmap --all; copy-header; plan', image: 'start.qcow2' }],
  run: (session) => planView(session),
});

/** What each stage means, and that the next begins only when the disk has it. */
const STAGE_TEXT = {
  fresh: 'new, where the image claims nothing',
  overwrite: 'overwrites, after the journal is on disk',
  header: 'the header sector, the moment of change',
  truncate: 'cut off the end of the file',
} as const;

export function planView(session: Session): View {
  const { writes, oldSize, newSize, peakSize } = planSteps(session);
  const stages = new Set(writes.map(({ stage }) => stage));
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
          ],
          rows: writes.map(({ stage, offset, length, what }, i) => [i + 1, stage, offset, length, what]),
          empty: 'nothing would be written',
        },
      },
      {
        key: 'totals',
        view: {
          kind: 'facts',
          facts: [
            ...[...stages].map((stage) => ({ key: stage, value: STAGE_TEXT[stage], only: 'text' as const })),
            // One barrier after each stage: what came before is on the disk before what follows is written.
            { key: 'barriers', label: 'flushes to the disk', value: stages.size + (stages.has('overwrite') ? 1 : 0) },
            {
              key: 'bytes',
              value: writes.reduce((sum, w) => sum + (w.stage === 'truncate' ? 0 : w.length), 0),
              unit: 'size',
            },
            { key: 'old-size', label: 'file size now', value: oldSize, unit: 'size' },
            { key: 'peak-size', label: 'at most', value: peakSize, unit: 'size' },
            { key: 'new-size', label: 'afterwards', value: newSize, unit: 'size' },
          ],
        },
      },
    ],
  };
}
