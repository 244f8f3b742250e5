/** `undo`: the last steps are taken back. */
import { imageCommand } from './command.ts';
import { movedView } from './moves.ts';
import { count, optional } from './params.ts';
import { refusalLines } from './refusal.ts';

export const undo = imageCommand({
  name: 'undo',
  aliases: ['u'],
  group: 'session',
  place: 'steps',
  summary: 'Take the last step back, or the last N',
  details:
    'Undone steps stay in the list, and `redo` applies them again. A new step takes their place: they are gone then, ' +
    'unless another fork has them.',
  params: { n: optional(count('N', 'how many steps, 1 when left out', 1), 1) },
  flags: {},
  examples: [
    { line: 'open-target qed; undo', image: 'start.qcow2' },
    { line: 'open-target qed; setmap --all; undo 2', image: 'start.qcow2' },
  ],
  run(session, { n }) {
    const moved = session.undo(n);
    return movedView(moved, refusalLines(session));
  },
});
