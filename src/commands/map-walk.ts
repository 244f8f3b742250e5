/**
 * The mapping as `qemu-img map` sees it: a backing file shows through where the layer above has nothing, and each
 * run says how deep it was found. Without a backing file to look into, the driver's own batches pass through.
 *
 * Invariants:
 *  1. Batches tile [from, to) in guest order; `depth` is the same for a whole batch.
 *  2. A range is passed down only where the layer above is unallocated and the layer below has bytes: behind the end
 *     of a shorter backing file a range stays unallocated at its own depth, and reads as zeros.
 *  3. A batch is valid until the next one is taken.
 */
import { clip, type Extent, type ExtentColumns, UNALLOCATED, UNALLOCATED_ALLOCATED } from '../bytes/extents.ts';
import type { Image } from '../drivers/driver.ts';

/** Rows `first` .. `end` - 1 of `columns`, found `depth` layers down. */
export interface MapBatch {
  readonly columns: ExtentColumns;
  readonly first: number;
  readonly end: number;
  readonly depth: number;
  /** The image whose rows these are. */
  readonly image: Image;
  /** Bytes: rows reach past these by up to a unit, and are cut there. */
  readonly from: number;
  readonly to: number;
}

export function* mapBatches(chain: readonly Image[], from: number, to: number, depth = 0): Generator<MapBatch> {
  const image = chain[depth];
  if (!image) return;
  const below = chain[depth + 1];
  for (const columns of image.mappings(from, to)) {
    if (!below) yield { columns, first: 0, end: columns.count, depth, image, from, to };
    else yield* dive(chain, { columns, first: 0, end: columns.count, depth, image, from, to }, below.size);
  }
}

/** Passes the unallocated rows of a batch down, and the others on. */
function* dive(chain: readonly Image[], batch: MapBatch, belowSize: number): Generator<MapBatch> {
  const { columns, depth } = batch;
  let first = 0;
  for (let i = 0; i < columns.count; i++) {
    const kind = columns.kind[i] as number;
    if (kind !== UNALLOCATED && kind !== UNALLOCATED_ALLOCATED) continue;
    const row = clip(columns.at(i), batch.from, batch.to);
    if (row.length === 0 || row.guest >= belowSize) continue;
    if (i > first) yield { ...batch, first, end: i };
    const split = Math.min(row.guest + row.length, belowSize);
    yield* mapBatches(chain, row.guest, split, depth + 1);
    if (split < row.guest + row.length) yield { ...batch, first: i, end: i + 1, from: split };
    first = i + 1;
  }
  if (first < columns.count) yield { ...batch, first, end: columns.count };
}

/**
 * The extents of a batch as objects, with what columns do not hold: where a compressed stream stands, and what is
 * wrong with an invalid entry.
 */
export function* extentsOf(batch: MapBatch): Generator<Extent> {
  const { columns, image, from, to } = batch;
  for (let i = batch.first; i < batch.end; i++) {
    const row = clip(columns.at(i), from, to);
    if (row.kind !== 'compressed' && row.kind !== 'invalid') {
      if (row.length > 0) yield row;
      continue;
    }
    for (let at = row.guest; at < row.guest + row.length; ) {
      const single = clip(image.getMapping(at), at, row.guest + row.length);
      yield single;
      at += Math.max(single.length, 1);
    }
  }
}
