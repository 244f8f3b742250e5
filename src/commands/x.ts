/** `x`: bytes of the file as they are with every step, with what owns them and which fields they are. */
import type { Field } from '../bytes/field.ts';
import { HEX_LINE } from '../bytes/hexdump.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { Image, Region } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { bytesAt } from '../session/bytes-at.ts';
import { imageCommand } from './command.ts';
import { ROLE_LOOKS } from './palette.ts';
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
    'line ends with what owns its bytes and the fields in it, as `print` and `set` call them.',
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
    const view: HexdumpView = { kind: 'hexdump', lines: yield* linesOf(image, from, bytes), place: { host: from } };
    return view;
  },
});

/** Lines stand at multiples of 16 bytes; the first and the last may be parts. */
function* linesOf(image: Image, from: number, bytes: Uint8Array): Generator<Progress, HexdumpView['lines']> {
  const to = from + bytes.length;
  const known = yield* regionsIn(image, from, to);
  const lines: HexdumpView['lines'][number][] = [];
  for (let at = from; at < to; ) {
    const end = Math.min(at - (at % HEX_LINE) + HEX_LINE, to);
    const inLine = known.filter(({ region }) => region.offset < end && region.offset + region.length > at);
    const fields = inLine.flatMap((part) => part.fields.filter((f) => f.offset < end && f.offset + f.size > at));
    lines.push({
      offset: at,
      bytes: bytes.subarray(at - from, end - from),
      owner: inLine.map(({ region }) => region.label ?? ROLE_LOOKS[region.role].name).join(', '),
      fields: fields.map(({ path }) => path),
    });
    at = end;
  }
  return lines;
}

interface Part {
  readonly region: Region;
  readonly fields: readonly Field[];
}

function* regionsIn(image: Image, from: number, to: number): Generator<Progress, Part[]> {
  const found: Part[] = [];
  for (const region of yield* image.ownership()) {
    if (region.offset >= to) break;
    const end = region.offset + region.length;
    if (end > from)
      found.push({ region, fields: image.fields(region, Math.max(from, region.offset), Math.min(to, end)) });
  }
  return found;
}
