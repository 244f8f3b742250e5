/** Bytes of the file cut into stretches, each with its owner and its field: what `x` and its like show. */
import type { Field } from '../bytes/field.ts';
import { HEX_LINE } from '../bytes/hexdump.ts';
import type { Image, Region, Role } from '../drivers/driver.ts';
import { ROLE_LOOKS } from './palette.ts';
import type { DumpSpan, HexdumpView } from './view.ts';

/** Lines stand at multiples of 16 bytes; the first and the last may be parts. `regions`: in order, tiling the bytes. */
export function dumpLines(
  image: Image,
  regions: readonly Region[],
  from: number,
  bytes: Uint8Array,
): HexdumpView['lines'] {
  const to = from + bytes.length;
  const spans = regions.flatMap((region) => spansOf(image, region, from, to));
  const lines: HexdumpView['lines'][number][] = [];
  for (let at = from; at < to; ) {
    const end = Math.min(at - (at % HEX_LINE) + HEX_LINE, to);
    const inLine = spans
      .filter(({ offset, length }) => offset < end && offset + length > at)
      .map((span) => cut(span, at, end));
    const owners = inLine.map(({ owner }) => owner).filter((owner, i, all) => owner !== all[i - 1]);
    lines.push({
      offset: at,
      bytes: bytes.subarray(at - from, end - from),
      owner: owners.join(', '),
      fields: [...new Set(inLine.flatMap(({ fields }) => fields))],
      spans: inLine,
    });
    at = end;
  }
  return lines;
}

/** Structures of which every byte ought to have a name: what has none is a gap. */
const NAMELESS: ReadonlySet<Role> = new Set<Role>([
  'data',
  'compressed',
  'zero-allocated',
  'snapshot-data',
  'vm-state',
  'bitmap-data',
  'crypto-header',
  'leaked',
  'unknown',
  'free',
]);

function spansOf(image: Image, region: Region, from: number, to: number): DumpSpan[] {
  const start = Math.max(from, region.offset);
  const end = Math.min(to, region.offset + region.length);
  if (start >= end) return [];
  const { role } = region;
  const owner = region.label ?? ROLE_LOOKS[role].name;
  const fields = image.fields(region, start, end);
  const spans: DumpSpan[] = [];
  const put = (offset: number, until: number, names: readonly string[]): void => {
    if (until <= offset) return;
    const isGap = names.length === 0 && !NAMELESS.has(role);
    spans.push({ offset, length: until - offset, role, owner, fields: names, ...(isGap && { gap: true }) });
  };
  let at = start;
  for (const [offset, until, names] of stretches(fields, start, end)) {
    put(at, offset, []);
    put(offset, until, names);
    at = until;
  }
  put(at, end, []);
  return spans;
}

type Stretch = readonly [offset: number, until: number, names: readonly string[]];

/** In order and disjoint; fields that share a byte, because they are shorter or claim it twice, are named together. */
function stretches(fields: readonly Field[], start: number, end: number): Stretch[] {
  const found: Stretch[] = [];
  for (const { offset, size, path } of fields) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + size, end);
    const last = found.at(-1);
    if (last && from < last[1]) found[found.length - 1] = [last[0], Math.max(last[1], to), [...last[2], path]];
    else found.push([from, to, [path]]);
  }
  return found;
}

function cut(span: DumpSpan, from: number, to: number): DumpSpan {
  const offset = Math.max(span.offset, from);
  return { ...span, offset, length: Math.min(span.offset + span.length, to) - offset };
}
