/** `flush`: there is nothing to do for it here, and it says so. */
import { imageCommand } from './command.ts';
import { steps } from './moves.ts';
import { message } from './view.ts';

export const flush = imageCommand({
  name: 'flush',
  aliases: ['f', 'aio_flush'],
  group: 'guest',
  place: 'steps',
  summary: 'Say what is not on the disk yet: `commit` makes it durable',
  details:
    'For scripts that come from qemu-io. Every change is a step in memory, and each is complete when its command ends; ' +
    'nothing of it is on the disk, and nothing waits to be flushed, before `commit`.',
  params: {},
  flags: {},
  examples: [{ line: 'write 0 4k; flush', image: 'start.qcow2' }],
  run(session) {
    const staged = session.steps.filter(({ applied }) => applied).length;
    const text = staged === 0 ? 'nothing is staged' : `${steps(staged)} staged, complete; commit makes them durable`;
    return message(text, { staged });
  },
});
