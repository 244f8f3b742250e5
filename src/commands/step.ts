/** `step`: the next piece of the conversion that `convert` began. */
import { ImageError } from '../errors.ts';
import { stoppedAt } from '../session/breakpoints.ts';
import { goOn } from '../session/guest.ts';
import { advance } from '../session/running-conversion.ts';
import { advanceView } from './advance-view.ts';
import { imageCommand } from './command.ts';
import { changedView } from './guest-change.ts';
import { optional, size } from './params.ts';

export const step = imageCommand({
  name: 'step',
  aliases: ['s'],
  group: 'convert',
  place: 'steps',
  summary: 'Take the next piece of the conversion, or go on to the next instant of a change that stopped',
  details:
    'A piece is what one extent of the source adds to one L2 table, the L1 table, a refcount block, the refcount ' +
    'table, the reading back of what one table maps, or the header. Each command is one step: `undo` takes all of it ' +
    'back, and the conversion goes on from there. Where a change has stopped at a breakpoint, it goes on to the next ' +
    'instant, or the Nth.',
  params: { count: optional(size('N', 'how many pieces; one when left out'), 1) },
  flags: {},
  examples: [
    { line: 'convert qed; step; map --target 0 64k', image: 'start.qcow2' },
    { line: 'convert qcow2 -o refcount_bits=1; step 5; undo; step', image: 'fragmented.qed' },
  ],
  *run(session, { count }, line) {
    if (count < 1) throw new ImageError({ code: 'bad-choice', what: 'step takes at least one piece' });
    if (stoppedAt(session)) {
      let changed = yield* goOn(session, 'instant');
      for (let i = 1; i < count && !changed.done; i++) changed = yield* goOn(session, 'instant');
      return changedView(session, changed);
    }
    return advanceView(yield* advance(session, line, { pieces: count }));
  },
});
