/** `discard`: the image is as it is in the file again. */
import { imageCommand } from './command.ts';
import { message } from './view.ts';

export const discard = imageCommand({
  name: 'discard',
  group: 'session',
  place: 'steps',
  summary: 'Forget every step that is not committed',
  params: {},
  flags: {},
  examples: [{ line: 'open-target qed; discard', image: 'start.qcow2' }],
  run(session) {
    const count = session.discard();
    return message(`${count} ${count === 1 ? 'step' : 'steps'} discarded`, { discarded: count });
  },
});
