/** `discard`: the image is as it is in the file again; or, with a range, the guest needs those bytes no more. */
import type { Progress } from '../bytes/progress.ts';
import { ImageError } from '../errors.ts';
import { pieceEnd, refuseInvalid } from '../session/guest.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { guestStep } from './guest-change.ts';
import { steps } from './moves.ts';
import { flag, offset, optional, size } from './params.ts';
import { message, NOTHING, type View } from './view.ts';

export const discard = imageCommand({
  name: 'discard',
  aliases: ['d'],
  group: 'session',
  place: 'steps',
  summary: 'Forget every step that is not committed; with OFFSET and LENGTH, discard guest bytes as a step',
  details:
    'Without arguments every step that is not committed is forgotten, and every fork. With a range it is what the guest ' +
    'does to bytes it needs no more, as in qemu-io: the image gives back the whole clusters of the range, where its ' +
    'format does that; QED does not. They read as zeros then, unless an old qcow2 lets its backing file show through.',
  params: {
    offset: optional(offset('OFFSET', 'the first guest byte to discard'), undefined),
    length: optional(size('LENGTH', 'how many guest bytes'), undefined),
  },
  flags: { quiet: flag('say nothing when all is well', 'q') },
  examples: [
    { line: 'open-target qed; discard', image: 'start.qcow2' },
    { line: 'discard 0 1M; map', image: 'start.qcow2' },
  ],
  run(session, { offset, length, quiet }, line) {
    // The short name is qemu-io's, which always has a range: too short to forget everything by a slip.
    if (offset === undefined && !/^\s*d\s*$/.test(line)) return forget(session, quiet);
    if (offset === undefined)
      throw new ImageError({ code: 'bad-argument-count', what: 'd OFFSET LENGTH', tryThis: 'discard' });
    if (length !== undefined) return discardBytes(session, line, offset, length, quiet);
    throw new ImageError({
      code: 'bad-argument-count',
      what: 'bad argument count 1 to discard, expected none to forget every step, or an offset and a length',
    });
  },
});

function* discardBytes(
  session: Session,
  line: string,
  offset: number,
  length: number,
  quiet: boolean,
): Generator<Progress, View> {
  yield* refuseInvalid(session, offset, length);
  return yield* guestStep(
    session,
    'discard',
    line,
    function* (disk) {
      disk.checkRange(offset, length);
      for (let at = offset, end = offset + length; at < end; ) {
        const to = pieceEnd(at, end);
        yield* disk.discard(at, to - at);
        yield { what: 'discarding', done: to - offset, total: length, unit: 'bytes' };
        at = to;
      }
    },
    (): View => {
      const text = `discard ${length}/${length} bytes at offset ${offset}`;
      return quiet ? NOTHING : message(text, { offset, length }, { guest: offset });
    },
  );
}

function forget(session: Session, quiet: boolean): View {
  const { forks } = session;
  const here = session.steps.filter((step) => !step.applied);
  const applied = session.discard();
  const names = forks.slice(1).map(({ name }) => name);
  const also = [
    ...(here.length > 0 ? [`${here.length} undone`] : []),
    ...(names.length > 0 ? [`${names.length === 1 ? 'the fork' : 'the forks'} ${names.join(', ')}`] : []),
  ];
  const text = `${steps(applied)} discarded${also.map((part) => `, ${part}`).join('')}`;
  return quiet ? NOTHING : message(text, { discarded: applied, undone: here.length, forks: names });
}
