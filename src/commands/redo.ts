/** `redo`: the step undone last is applied again. */
import { imageCommand } from './command.ts';
import { message } from './view.ts';

export const redo = imageCommand({
  name: 'redo',
  group: 'session',
  place: 'steps',
  summary: 'Apply the step again that was undone last',
  params: {},
  flags: {},
  examples: [{ line: 'open-target qed; undo; redo', image: 'start.qcow2' }],
  run(session) {
    const { number, line } = session.redo();
    return message(`redone: step ${number}, ${line}`, { redone: number, line });
  },
});
