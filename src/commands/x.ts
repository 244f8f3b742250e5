/** `x`: bytes of the file as they are with every step, with what owns them and which fields they are. */
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { Image, Region } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { bytesAt } from '../session/bytes-at.ts';
import { type HostIndex, hostIndexOf } from '../session/host-index.ts';
import { imageCommand } from './command.ts';
import { dumpLines } from './dump.ts';
import { offset, optional, size } from './params.ts';
import type { HexdumpView } from './view.ts';

const DEFAULT_LENGTH = 256;
const MOST = 64 * 1024;

export const x = imageCommand({
  name: 'x',
  aliases: ['hexdump'],
  group: 'inspect',
  place: 'image',
  onRefused: true,
  summary: 'Show bytes of the file in hexadecimal, with their owner and fields',
  details:
    'OFFSET is a byte of the file, not of the guest. The bytes are those that the staged steps make of the file. Every ' +
    'line ends with what owns its bytes and the fields in it, as `print` and `set` call them; bytes of a structure that ' +
    'belong to no field of it are named as a gap. On a terminal bytes have the colour of their owner on the map, every ' +
    'other field is underlined, and gaps are faint.',
  params: {
    offset: offset('OFFSET', 'the first byte of the file'),
    length: optional(size('LENGTH', `how many bytes, at most 64k; ${DEFAULT_LENGTH} when left out`), DEFAULT_LENGTH),
  },
  flags: {},
  examples: [
    { line: 'x 0 128', image: 'start.qcow2' },
    { line: 'x 0x4000 64', image: 'start.qcow2' },
    { line: 'x 0x1000', image: 'plain.qed' },
  ],
  *run({ image }, { offset: from, length }) {
    const { size: end } = image.device;
    if (from >= end) {
      throw new ImageError({
        code: 'past-end',
        class: 'range',
        what: `byte ${hex(from)} lies behind the end of the file, ${hex(end)}`,
      });
    }
    if (length > MOST) {
      throw new ImageError({
        code: 'range-too-long',
        class: 'range',
        what: `${sizeText(length)} are more than x shows at once, ${sizeText(MOST)}`,
      });
    }
    const to = Math.min(from + length, end);
    const bytes = bytesAt(image, from, to - from);
    const regions = yield* regionsIn(image, from, to);
    const view: HexdumpView = { kind: 'hexdump', lines: dumpLines(image, regions, from, bytes), place: { host: from } };
    return view;
  },
});

/** Those that share a byte with `from` .. `to` - 1, in order. After the first walk over the image the index has them. */
function* regionsIn(image: Image, from: number, to: number): Generator<Progress, Region[]> {
  const known = indexed(yield* hostIndexOf(image), from, to);
  if (known) return known;
  const found: Region[] = [];
  for (const region of yield* image.ownership()) {
    if (region.offset >= to) break;
    if (region.offset + region.length > from) found.push(region);
  }
  return found;
}

/** Undefined where only a walk can tell. */
function indexed(index: HostIndex | undefined, from: number, to: number): Region[] | undefined {
  const found: Region[] = [];
  for (let at = from; at < to; ) {
    const region = index?.regionAt(at);
    if (!region) return undefined;
    found.push(region);
    at = region.offset + region.length;
  }
  return found;
}
