/** `open-target`: bdrv_open_conversion_target; the target's tables are placed, staged. */
import { openTarget as openTargetOn } from '../convert/convert.ts';
import { ImageError } from '../errors.ts';
import { targetDriver, targetFormats, targetOptionLines } from '../session/formats.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { flagWith, options, text } from './params.ts';
import { message } from './view.ts';

export const openTarget = imageCommand({
  name: 'open-target',
  group: 'convert',
  place: 'steps',
  summary: 'Begin a conversion: place tables around the data',
  details: () =>
    'Every precondition is checked first, and every reason against it is named at once. The tables go where this ' +
    'image claims nothing, and behind the end of the file; until `copy-header` the file is still this image. Options of -o:\n' +
    targetOptionLines().join('\n'),
  params: { format: text('FORMAT', 'the format to become', targetFormats) },
  flags: { o: flagWith(options('options of the target'), {}, 'o') },
  examples: [
    { line: 'open-target qed', image: 'start.qcow2' },
    { line: 'open-target qcow2 -o refcount_bits=1', image: 'plain.qed' },
  ],
  *run(session, { format, o }, line) {
    refuseSecondTarget(session);
    const target = yield* session.step(line, function* (draft) {
      draft.target = yield* openTargetOn(draft.device, draft.image, targetDriver(format), o);
      draft.target.sync();
      return draft.target;
    });
    const settings = Object.entries(target.state.settings).map(([key, value]) => `${key} ${value}`);
    return message(`target ${target.format}: ${settings.join(', ')}`, {
      format: target.format,
      settings: target.state.settings,
    });
  },
});

export function refuseSecondTarget({ target, conversion }: Session): void {
  if (!target) return;
  throw new ImageError({
    code: 'target-open',
    what: `a target is open already: ${target.format}`,
    tryThis: conversion ? 'finish, or undo' : 'undo, or copy-header to finish it',
  });
}
