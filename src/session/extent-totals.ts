/** How many extents and bytes of each kind an image has, counted as they pass: the table's totals without the table. */
import { COMPRESSED, EXTENT_KINDS, UNALLOCATED } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Image } from '../drivers/driver.ts';
import type { KindTotal } from './extent-table.ts';

/** Only kinds that occur, in the order of EXTENT_KINDS. */
export function* extentTotals(image: Image): Generator<Progress, KindTotal[]> {
  const { size, unit, clusterSize } = image;
  const perCluster = Math.max(clusterSize / unit, 1);
  const counts = new Float64Array(EXTENT_KINDS.length);
  const units = new Float64Array(EXTENT_KINDS.length);
  let tail = 0;
  let over = 0;
  const add = (kind: number, count: number, length: number): void => {
    counts[kind] = (counts[kind] as number) + count;
    units[kind] = (units[kind] as number) + length;
  };
  let last = UNALLOCATED;
  for (const { kind, guest, length, count } of image.mappings(0, size, 'mapped')) {
    for (let i = 0; i < count; i++) {
      const code = kind[i] as number;
      const start = guest[i] as number;
      const end = start + (length[i] as number);
      if (code === UNALLOCATED) continue;
      if (start > tail) add(UNALLOCATED, 1, start - tail);
      // Each compressed cluster is a row of its own.
      const rows = code === COMPRESSED ? Math.ceil(end / perCluster) - Math.floor(start / perCluster) : 1;
      add(code, rows, end - start);
      tail = end;
      last = code;
    }
    yield { what: 'mapping', done: Math.min(tail * unit, size), total: size };
  }
  if (tail * unit < size) add(UNALLOCATED, 1, size / unit - tail);
  else over = tail * unit - size;
  return EXTENT_KINDS.map((kind, code) => ({
    kind,
    extents: counts[code] as number,
    bytes: (units[code] as number) * unit - (code === last ? over : 0),
  })).filter(({ extents }) => extents > 0);
}
