/** `finish`: the rest of the conversion, the header last. */
import { advance } from '../session/running-conversion.ts';
import { advanceView } from './advance-view.ts';
import { imageCommand } from './command.ts';

export const finish = imageCommand({
  name: 'finish',
  group: 'convert',
  place: 'steps',
  summary: 'Take the rest of the conversion, the header last',
  details: 'Nothing is on the disk yet then: `commit` writes it. The bytes are those of `convert-inplace`.',
  params: {},
  flags: {},
  examples: [{ line: 'convert qed; step 2; finish; plan', image: 'start.qcow2' }],
  *run(session, _values, line) {
    return advanceView(yield* advance(session, line, 'end'));
  },
});
