/** `copy`: bytes from one place of the file to another, as a step: to move a cluster by hand. */
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { Image, Region } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { copyWithin } from '../session/copy-within.ts';
import { imageCommand } from './command.ts';
import { ROLE_LOOKS } from './palette.ts';
import { offset, size } from './params.ts';
import { refuseTarget } from './set.ts';
import { message } from './view.ts';

/** Owners that are named. */
const NAMED = 8;

export const copy = imageCommand({
  name: 'copy',
  group: 'inspect',
  place: 'steps',
  onRefused: true,
  summary: 'Copy bytes inside the file: move a cluster by hand',
  details:
    'FROM and TO are bytes of the file, not of the guest. TO may lie behind the end of the file, which then grows. The ' +
    'answer says what was at TO before. Nothing else changes: entries that lead to the old place, and refcounts, are ' +
    'set with `set`.',
  params: {
    from: offset('FROM', 'the first byte of the file to copy'),
    to: offset('TO', 'the byte of the file that it is copied to'),
    length: size('LENGTH', 'how many bytes'),
  },
  flags: {},
  examples: [
    { line: 'copy 0x5000 0x22000 4k; x 0x22000 32', image: 'start.qcow2' },
    { line: 'copy 0x5000 0x6000 4k', image: 'start.qcow2' },
  ],
  *run(session, { from, to, length }, line) {
    refuseTarget(session, 'copy');
    const { image } = session;
    checkRange(image, from, to, length);
    const owners = yield* ownersOf(image, to, length);
    const grown = Math.max(0, to + length - image.device.size);
    yield* session.step(line, ({ device }) => copyWithin(device, from, to, length));
    const text = `${sizeText(length)} at ${hex(from)} copied to ${hex(to)}, ${beforeText(owners, grown)}`;
    return message(text, { from, to, length, grown, before: owners }, { host: to });
  },
});

function checkRange({ device }: Image, from: number, to: number, length: number): void {
  if (length === 0) throw new ImageError({ code: 'empty-range', what: 'a range of 0 bytes copies nothing' });
  if (from === to)
    throw new ImageError({ code: 'empty-range', what: `${hex(from)} is copied to itself: nothing changes` });
  if (from + length > device.size) {
    throw new ImageError({
      code: 'past-end',
      class: 'range',
      what: `bytes ${hex(from)}..${hex(from + length)} reach past the end of the file, ${hex(device.size)}`,
    });
  }
}

/** What has some of the bytes now: the parts of its regions that lie in them. */
function* ownersOf(image: Image, from: number, length: number): Generator<Progress, Region[]> {
  const found: Region[] = [];
  if (from >= image.device.size) return found;
  for (const region of yield* image.ownership()) {
    if (region.offset >= from + length || found.length > NAMED) break;
    const start = Math.max(region.offset, from);
    const end = Math.min(region.offset + region.length, from + length);
    if (end > start) found.push({ ...region, offset: start, length: end - start });
  }
  return found;
}

function beforeText(owners: readonly Region[], grown: number): string {
  const grew = grown > 0 ? `the file grows by ${sizeText(grown)}` : '';
  if (owners.every(({ role }) => role === 'free')) return grew || 'where nothing was';
  const names = owners
    .slice(0, NAMED)
    .map(({ role, label, offset: at }) => `${label ?? ROLE_LOOKS[role].name} at ${hex(at)}`);
  const over = `over ${names.join(', ')}${owners.length > NAMED ? ' and more' : ''}`;
  return grew ? `${over}; ${grew}` : over;
}
