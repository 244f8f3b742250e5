/** `steps`: what was done since the image was opened. */
import { imageCommand } from './command.ts';

export const steps = imageCommand({
  name: 'steps',
  group: 'session',
  place: 'steps',
  summary: 'List the steps taken, undone ones too',
  params: {},
  flags: {},
  examples: [{ line: 'open-target qed; undo; steps', image: 'start.qcow2' }],
  run(session) {
    return {
      kind: 'table',
      columns: [
        { key: 'number', label: 'Step', align: 'right' },
        { key: 'state', label: 'State' },
        { key: 'writes', label: 'Writes', align: 'right' },
        { key: 'bytes', label: 'Bytes', unit: 'size', align: 'right' },
        { key: 'line', label: 'Command' },
      ],
      rows: session.steps.map(({ number, line, applied, changes }) => [
        number,
        applied ? 'staged' : 'undone',
        changes.eventCount,
        changes.bytes,
        line,
      ]),
      empty: 'no steps: the image is as it is in the file',
    };
  },
});
