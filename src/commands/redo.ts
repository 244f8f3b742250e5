/** `redo`: the steps undone last are applied again. */
import { imageCommand } from './command.ts';
import { movedView } from './moves.ts';
import { count, optional } from './params.ts';
import { refusalLines } from './refusal.ts';

export const redo = imageCommand({
  name: 'redo',
  group: 'session',
  place: 'steps',
  summary: 'Apply the step again that was undone last, or N of them',
  params: { n: optional(count('N', 'how many steps, 1 when left out', 1), 1) },
  flags: {},
  examples: [
    { line: 'open-target qed; undo; redo', image: 'start.qcow2' },
    { line: 'open-target qed; setmap --all; undo 2; redo 2', image: 'start.qcow2' },
  ],
  run(session, { n }) {
    const moved = session.redo(n);
    return movedView(moved, refusalLines(session));
  },
});
