/** `undo`: the last step is taken back. */
import { imageCommand } from './command.ts';
import { message } from './view.ts';

export const undo = imageCommand({
  name: 'undo',
  aliases: ['u'],
  group: 'session',
  place: 'steps',
  summary: 'Take the last step back',
  params: {},
  flags: {},
  examples: [{ line: 'open-target qed; undo', image: 'start.qcow2' }],
  run(session) {
    const { number, line } = session.undo();
    return message(`undone: step ${number}, ${line}`, { undone: number, line });
  },
});
