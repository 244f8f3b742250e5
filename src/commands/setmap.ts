/** bdrv_map at the prompt: guest bytes GUEST .. are file bytes HOST .., for the target that is open. */
import { type Extent, extentColumns } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import { mapRest } from '../convert/map-rest.ts';
import type { ConversionTarget, Image, Region } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { flag, offset, optional, orWord, size } from './params.ts';
import { type MapView, message } from './view.ts';

export const setmap = imageCommand({
  name: 'setmap',
  group: 'convert',
  place: 'steps',
  takes: 'map',
  summary: 'Map a guest range of the target, or all of the source',
  details:
    'GUEST, HOST and LENGTH are bytes: `setmap 0 0x50000 64k` says that guest bytes 0 to 65535 are bytes 0x50000 to ' +
    '0x5ffff of the file; `setmap 0 zero 64k` that they read as zeros. All three must be multiples of what the target aligns to. Refused: a guest range that is ' +
    'mapped already (--force maps it anew), a place that holds tables, a place past the end of the file, and a place ' +
    'that another guest range has. Behind a pipe, `map | setmap`, it maps the extents that map lists: of a guest range ' +
    'as `map 0 1M | setmap`, or of all.',
  params: {
    guest: optional(offset('GUEST', 'first guest byte'), undefined),
    host: optional(orWord('zero', offset('HOST', 'the byte of the file where it lies, or `zero`')), undefined),
    length: optional(size('LENGTH', 'how many bytes'), undefined),
  },
  flags: {
    all: flag('map all that the source maps and the target does not yet; takes no numbers'),
    force: flag('map a guest range anew that is mapped already'),
  },
  examples: [
    { line: 'open-target qed; setmap --all', image: 'start.qcow2' },
    { line: 'open-target qed; setmap 0 0x5000 16k', image: 'plain.qcow2' },
    { line: 'open-target qed; map | setmap --all', image: 'start.qcow2' },
  ],
  *run(session, { guest, host, length, all, force }, line, input) {
    const target = openedTarget(session, 'setmap');
    if (input) {
      if (guest !== undefined) throw badCount('setmap behind a pipe takes no numbers');
      checkList(input, session, target);
      yield* session.step(line, ({ image, target: open }) =>
        mapRest(image, open as ConversionTarget, { ...input, byHost: input.shape === 'by-host', force }),
      );
      const { from, to } = input;
      return message(`mapped what the list has of guest ${hex(from)}..${hex(to)}`, { from, to });
    }
    if (all) {
      if (guest !== undefined) throw badCount('setmap --all takes no numbers');
      yield* session.step(line, ({ image, target: open }) => mapRest(image, open as ConversionTarget));
      return message(`mapped everything that the ${session.image.format} image maps`, { all: true });
    }
    if (guest === undefined || host === undefined || length === undefined) {
      throw badCount('setmap takes three numbers: GUEST HOST LENGTH');
    }
    const extent: Extent = host === 'zero' ? { kind: 'zero', guest, length } : { kind: 'data', guest, host, length };
    yield* checkExtent(extent, target, session.image);
    yield* session.step(line, ({ image, target: open }) => mapOne(extent, image, open as ConversionTarget, force));
    const where = host === 'zero' ? 'reads as zeros' : `is at host ${hex(host)}`;
    const text = `guest ${hex(guest)}..${hex(guest + length)} ${where}, ${sizeText(length)}`;
    return message(text, { guest, host, length }, { side: 'target', guest });
  },
});

export function* mapOne(
  extent: Extent,
  { size }: Image,
  target: ConversionTarget,
  force: boolean,
): Generator<Progress, void> {
  target.map(extentColumns([extent], 1, size), force);
  target.sync();
  yield { what: 'mapping', done: 1, total: 1 };
}

/** Throws ImageError `no-target-open`. */
export function openedTarget({ target }: Session, command: string): ConversionTarget {
  if (target) return target;
  throw new ImageError({
    code: 'no-target-open',
    what: `${command} needs a conversion target, and none is open`,
    tryThis: 'open-target FORMAT',
  });
}

function badCount(what: string): ImageError {
  return new ImageError({ code: 'bad-argument-count', what, tryThis: 'help setmap' });
}

/** Throws ImageError when the list is not one of the source's extents, or cuts a cluster of the target. */
function checkList({ chain, from, to, shape }: MapView, { image }: Session, { clusterSize }: ConversionTarget): void {
  if (chain[0] !== image) {
    throw new ImageError({
      code: 'wrong-input',
      what: 'map --target lists what the target maps already',
      tryThis: 'map | setmap',
    });
  }
  if (shape === 'summary') {
    throw new ImageError({ code: 'wrong-input', what: 'map --summary lists no extents', tryThis: 'map | setmap' });
  }
  if (from % clusterSize === 0 && (to % clusterSize === 0 || to === image.size)) return;
  throw new ImageError({
    code: 'unaligned',
    class: 'align',
    what: `guest range ${hex(from)}..${hex(to)} is not made of whole clusters of the target, ${sizeText(clusterSize)}`,
  });
}

/** What the target cannot know, or says less plainly: empty ranges, the disk's end, and who owns the place. */
function* checkExtent(extent: Extent, target: ConversionTarget, source: Image): Generator<Progress, void> {
  const { guest, length, host } = extent;
  const { clusterSize } = target;
  if (length === 0) throw new ImageError({ code: 'empty-range', what: 'a range of 0 bytes maps nothing' });
  if (guest + length > source.size) {
    throw new ImageError({
      code: 'past-end',
      class: 'range',
      what: `guest range ${hex(guest)}..${hex(guest + length)} reaches past the disk's end, ${hex(source.size)}`,
    });
  }
  for (const [name, value] of [
    ['guest', guest],
    ['host', host ?? 0],
  ] as const) {
    if (value % clusterSize === 0) continue;
    throw new ImageError({
      code: 'unaligned',
      class: 'align',
      what: `${name} offset ${hex(value)} is not a multiple of the target's cluster, ${sizeText(clusterSize)}`,
    });
  }
  if (host === undefined) return;
  const owner = yield* ownerOf(source, host, length);
  if (owner) {
    throw new ImageError({
      code: 'host-is-metadata',
      class: 'overlap',
      what: `host range ${hex(host)}..${hex(host + length)} holds the source's ${owner.label ?? owner.role} at ${hex(owner.offset)}`,
      tryThis: 'map, which lists where guest data is',
    });
  }
}

/** Roles whose bytes may become guest data: they are guest data, or nobody's. */
const MAPPABLE: ReadonlySet<Region['role']> = new Set(['data', 'zero-allocated', 'free', 'leaked']);

/** The first structure of the source that shares a byte with the range. */
function* ownerOf(source: Image, host: number, length: number): Generator<Progress, Region | undefined> {
  for (const region of yield* source.ownership()) {
    if (region.offset >= host + length) return undefined;
    if (region.offset + region.length > host && !MAPPABLE.has(region.role)) return region;
  }
  return undefined;
}
