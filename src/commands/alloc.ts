/** `alloc`: how much of a guest range the image holds, in qemu-io's words. */
import { UNALLOCATED, UNALLOCATED_ALLOCATED } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { sizeText } from '../bytes/size.ts';
import type { Image } from '../drivers/driver.ts';
import { imageCommand } from './command.ts';
import { offset, optional, size } from './params.ts';
import { rangeOf } from './range.ts';
import { message } from './view.ts';

/** qemu-io looks at one sector when no length is given. */
const DEFAULT_LENGTH = 512;

export const alloc = imageCommand({
  name: 'alloc',
  aliases: ['a'],
  group: 'inspect',
  place: 'image',
  summary: 'Count the bytes of a guest range that this image itself holds',
  details: 'As in qemu-io, a zero cluster counts as held: the image answers for it, not the backing file.',
  params: {
    offset: offset('OFFSET', 'first guest byte'),
    length: optional(size('LENGTH', 'how many guest bytes; 512 when left out'), DEFAULT_LENGTH),
  },
  flags: {},
  examples: [{ line: 'alloc 0 4M', image: 'start.qcow2' }],
  *run({ image }, { offset, length }) {
    const { from, to } = rangeOf(image.size, offset, length);
    const allocated = yield* allocatedBytes(image, from, to);
    const text = `${allocated}/${to - from} bytes allocated at offset ${sizeText(offset)}`;
    return message(text, { offset, length: to - from, allocated });
  },
});

function* allocatedBytes(image: Image, from: number, to: number): Generator<Progress, number> {
  if (to <= from) return 0;
  let total = 0;
  for (const { count, guest, length, kind, unit } of image.mappings(from, to)) {
    for (let i = 0; i < count; i++) {
      if (kind[i] === UNALLOCATED || kind[i] === UNALLOCATED_ALLOCATED) continue;
      const start = (guest[i] as number) * unit;
      total += Math.min(start + (length[i] as number) * unit, to) - Math.max(start, from);
    }
    const last = count - 1;
    yield {
      what: 'counting',
      done: last < 0 ? 0 : (guest[last] as number) * unit - from,
      total: to - from,
      unit: 'bytes',
    };
  }
  return total;
}
