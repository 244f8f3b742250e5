/**
 * Who owns each byte of a QED file: the header area, tables, data, clusters that two things claim, and what nothing
 * refers to. Told from a survey, in host order.
 */
import type { Progress } from '../../bytes/progress.ts';
import { sorted } from '../../bytes/sorted.ts';
import type { Region } from '../driver.ts';
import type { Geometry } from './geometry.ts';
import type { Survey, TablePlace } from './survey.ts';

const L2_LABEL = 'l2 table ';

/** What the L2 table of an L1 index is called. */
export function tableLabel(index: number): string {
  return `${L2_LABEL}${index}`;
}

/** The L1 index that a label names. */
export function placeNamed(label: string | undefined): number | undefined {
  return label?.startsWith(L2_LABEL) ? Number(label.slice(L2_LABEL.length)) : undefined;
}

/** What `regions` needs beside a survey, in slices. */
export function* ownership(g: Geometry, survey: Survey, fileSize: number): Generator<Progress, Iterable<Region>> {
  const tables = yield* sorted(survey.tables, ({ offset }) => offset, 'sorting tables');
  return { [Symbol.iterator]: () => regions(g, survey, tables, fileSize) };
}

/** Tiles [0, fileSize) (bytes). The header area is the header's own, whatever dead bytes it hides. */
function* regions(
  g: Geometry,
  { used, twice }: Survey,
  tables: readonly TablePlace[],
  fileSize: number,
): Generator<Region> {
  const { clusterSize } = g;
  const clusters = g.fileEnd / clusterSize;
  // header_size 0 is out of order, but the header is there all the same.
  const header = Math.max(g.headerClusters, 1);
  yield { offset: 0, length: header * clusterSize, role: used.has(0) ? 'overlap' : 'header' };
  let table = 0;
  for (let at = header; at < clusters; ) {
    while (table < tables.length && tableEnd(g, tables[table] as TablePlace) <= at) table++;
    const place = tables[table];
    const tableStart = place ? place.offset / clusterSize : clusters;
    const stop = Math.min(upTo(twice.nextSet(at), clusters), clusters);
    let to: number;
    let region: Pick<Region, 'role' | 'label'>;
    if (stop === at) {
      to = twice.nextClear(at);
      region = { role: 'overlap' };
    } else if (place && tableStart <= at) {
      to = Math.min(tableEnd(g, place), stop);
      region = place.index < 0 ? { role: 'l1' } : { role: 'l2', label: tableLabel(place.index) };
    } else if (used.has(at)) {
      to = Math.min(used.nextClear(at), tableStart, stop);
      region = { role: 'data' };
    } else {
      to = upTo(used.nextSet(at), clusters);
      region = { role: 'leaked' };
    }
    const end = Math.min(Math.min(to, clusters) * clusterSize, fileSize);
    yield { offset: at * clusterSize, length: end - at * clusterSize, ...region };
    at = to;
  }
  // QEMU sees whole clusters only, and the next cluster it allocates begins here.
  if (fileSize > g.fileEnd) yield { offset: g.fileEnd, length: fileSize - g.fileEnd, role: 'free' };
}

/** In clusters. */
function tableEnd(g: Geometry, place: TablePlace): number {
  return place.offset / g.clusterSize + g.tableClusters;
}

function upTo(found: number, limit: number): number {
  return found < 0 ? limit : found;
}
