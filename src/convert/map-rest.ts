/**
 * The get_mapping / map loop over a part of the disk, or over what was not mapped by hand. What was stays as it is, but
 * for `force`; usually nothing was, and then this is the plain loop over batches.
 */
import { clip, type Extent, extentColumns } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { Ranges } from '../bytes/ranges.ts';
import type { ConversionTarget, Image } from '../drivers/driver.ts';

/** Bytes of the guest: `from` .. `to` - 1. */
export interface Part {
  readonly from?: number;
  readonly to?: number;
  /** Only what has a place in the file. */
  readonly byHost?: boolean;
  /** Map anew what is mapped. */
  readonly force?: boolean;
}

export function* mapRest(source: Image, target: ConversionTarget, part: Part = {}): Generator<Progress, void> {
  const { from = 0, to = source.size, byHost = false, force = false } = part;
  const mapped = force ? new Ranges() : mappedIn(target, from, to);
  const isWhole = (at: number): boolean => at % source.unit === 0 || at === source.size;
  const plain = !byHost && !force && mapped.count === 0 && isWhole(from) && isWhole(to);
  for (const batch of source.mappings(from, to, 'mapped')) {
    const last = plain ? lastOf(batch) : mapRows([...batch], source, target, { from, to, byHost, force }, mapped);
    if (plain) target.map(batch);
    const done = last ? last.guest + last.length - from : 0;
    yield { what: 'mapping', done, total: to - from, unit: 'bytes' };
  }
  target.sync();
}

/** What the target maps already between two guest bytes. */
export function mappedIn(target: ConversionTarget, from: number, to: number): Ranges {
  target.sync();
  const mapped = new Ranges();
  for (const batch of target.view().mappings(from, to, 'mapped')) {
    for (const { kind, guest, length } of batch) if (kind !== 'unallocated') mapped.add(guest, length);
  }
  return mapped;
}

/** The parts of an extent that `mapped` does not cover. */
export function* without(extent: Extent, mapped: Ranges): Generator<Extent> {
  const rest = Ranges.of([{ offset: extent.guest, length: extent.length }]);
  for (let at = extent.guest; ; ) {
    const hit = mapped.overlapping(at, extent.guest + extent.length - at);
    if (!hit) break;
    rest.remove(hit.offset, hit.length);
    at = hit.offset + hit.length;
  }
  for (const { offset, length } of rest) yield clip(extent, offset, offset + length);
}

/** The slow way, row by row; answers the last part that was mapped. */
function mapRows(
  rows: readonly Extent[],
  source: Image,
  target: ConversionTarget,
  { from, to, byHost, force }: Required<Part>,
  mapped: Ranges,
): Extent | undefined {
  const rest = rows.flatMap((extent) => {
    const cut = clip(extent, from, to);
    return cut.length === 0 || (byHost && cut.host === undefined) ? [] : [...without(cut, mapped)];
  });
  target.map(extentColumns(rest, 1, source.size), force);
  return rest.at(-1);
}

function lastOf(batch: { readonly count: number; at(i: number): Extent }): Extent | undefined {
  return batch.count > 0 ? batch.at(batch.count - 1) : undefined;
}
