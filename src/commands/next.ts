/** `next`: the rest of the phase that the conversion is in. */
import { advance } from '../session/running-conversion.ts';
import { advanceView } from './advance-view.ts';
import { imageCommand } from './command.ts';

export const next = imageCommand({
  name: 'next',
  aliases: ['n'],
  group: 'convert',
  place: 'steps',
  summary: 'Finish the phase that the conversion is in',
  details: '`convert --status` lists the phases.',
  params: {},
  flags: {},
  examples: [{ line: 'convert qcow2; next; next; convert --status', image: 'plain.qed' }],
  *run(session, _values, line) {
    return advanceView(yield* advance(session, line, 'phase'));
  },
});
