/** `map`: the mapping table itself, guest to host. */
import { imageCommand } from './command.ts';
import { flag, flagWith, offset, oneOf, optional, size } from './params.ts';
import { rangeOf } from './range.ts';
import { openedTarget } from './setmap.ts';
import type { MapView } from './view.ts';

export const map = imageCommand({
  name: 'map',
  aliases: ['m'],
  group: 'inspect',
  place: 'image',
  summary: 'List where each guest range is stored',
  details:
    'One line per extent: a run of clusters of one kind whose guest and host offsets go on together. An entry that ' +
    'breaks a rule of the format is listed as INVALID with its fault, and the list goes on; the exit status is then 2. ' +
    'With --output=json the keys and the text are those of `qemu-img map --output=json`. What falls through to a ' +
    'backing file is looked up there only with --follow.',
  params: {
    offset: optional(offset('OFFSET', 'first guest byte; the start of the disk when left out'), 0),
    length: optional(size('LENGTH', 'how many guest bytes; all that follow when left out'), undefined),
  },
  flags: {
    sort: flagWith(oneOf('COLUMN', ['guest', 'host'], 'the order of the list'), 'guest'),
    summary: flag('only how many extents and bytes there are of each kind, and what is leaked or claimed twice'),
    target: flag('the mapping of the conversion target as it stands, not of the image'),
  },
  examples: [
    { line: 'map', image: 'start.qcow2' },
    { line: 'map 0 1M', image: 'fragmented.qcow2' },
    { line: 'map --sort=host', image: 'fragmented.qed' },
    { line: 'map --summary', image: 'zlib.qcow2' },
  ],
  run(session, { offset, length, sort, summary, target }) {
    const chain = target ? { images: [openedTarget(session, 'map --target').view()] } : session.chain();
    const shape: MapView['shape'] = summary ? 'summary' : sort === 'host' ? 'by-host' : 'list';
    const whole = offset === 0 && length === undefined && !target;
    return {
      kind: 'map',
      ...(summary && whole ? { owners: session.image } : {}),
      chain: chain.images,
      unopened: 'unopened' in chain ? chain.unopened : undefined,
      ...rangeOf(session.image.size, offset, length),
      shape,
    };
  },
});
