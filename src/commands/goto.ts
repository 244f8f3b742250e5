/** `goto`: any step of the list, in one go. */
import { imageCommand } from './command.ts';
import { movedView } from './moves.ts';
import { count } from './params.ts';
import { refusalLines } from './refusal.ts';
import { message } from './view.ts';

export const goTo = imageCommand({
  name: 'goto',
  group: 'session',
  place: 'steps',
  summary: 'Undo or redo up to a step of the list; 0 is the image as on disk',
  params: { step: { ...count('STEP', 'its number, as `steps` shows it', 0), completes: 'step' as const } },
  flags: {},
  examples: [
    { line: 'open-target qed; setmap --all; goto 1', image: 'start.qcow2' },
    { line: 'open-target qed; setmap --all; goto 0; goto 2', image: 'start.qcow2' },
  ],
  run(session, { step }) {
    const moved = session.goTo(step);
    if (moved.undone.length + moved.redone.length > 0) return movedView(moved, refusalLines(session));
    const place = step === 0 ? 'this is the image as on disk' : `step ${step} is the last one applied`;
    return message(`${place} already`, { undone: [], redone: [], at: step });
  },
});
