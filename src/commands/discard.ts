/** `discard`: the image is as it is in the file again. */
import { imageCommand } from './command.ts';
import { steps } from './moves.ts';
import { message } from './view.ts';

export const discard = imageCommand({
  name: 'discard',
  group: 'session',
  place: 'steps',
  summary: 'Forget every step that is not committed, and every fork',
  params: {},
  flags: {},
  examples: [{ line: 'open-target qed; discard', image: 'start.qcow2' }],
  run(session) {
    const { forks } = session;
    const here = session.steps.filter((step) => !step.applied);
    const applied = session.discard();
    const names = forks.slice(1).map(({ name }) => name);
    const also = [
      ...(here.length > 0 ? [`${here.length} undone`] : []),
      ...(names.length > 0 ? [`${names.length === 1 ? 'the fork' : 'the forks'} ${names.join(', ')}`] : []),
    ];
    const text = `${steps(applied)} discarded${also.map((part) => `, ${part}`).join('')}`;
    return message(text, { discarded: applied, undone: here.length, forks: names });
  },
});
