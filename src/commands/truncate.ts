/** `truncate`: another size for the guest's disk, as a step. */
import { hex, sizeText } from '../bytes/size.ts';
import { PREALLOCATIONS } from '../drivers/writing.ts';
import { imageCommand } from './command.ts';
import { guestStep } from './guest-change.ts';
import { flagWith, oneOf, size } from './params.ts';
import { message } from './view.ts';

export const truncate = imageCommand({
  name: 'truncate',
  aliases: ['t'],
  group: 'guest',
  place: 'steps',
  summary: "Give the guest's disk another size, as a step",
  details:
    'What is added reads as zeros; what is cut off is gone once the step is committed. What a format cannot do is ' +
    'refused: QED does not shrink.',
  params: { size: size('SIZE', 'the new size of the disk') },
  flags: {
    preallocation: flagWith(oneOf('MODE', PREALLOCATIONS, 'what is allocated of the added part'), 'off' as const, 'm'),
  },
  examples: [{ line: 'truncate 32M; length', image: 'plain.qed' }],
  *run(session, { size: wanted, preallocation }, line) {
    const before = session.image.size;
    return yield* guestStep(
      session,
      'truncate',
      line,
      function* (disk) {
        yield* disk.truncate(wanted, preallocation);
        return disk.size;
      },
      (now) => {
        const text = `the disk has ${sizeText(now)} (${hex(now)}), before ${sizeText(before)}`;
        return message(text, { size: now, before });
      },
    );
  },
});
