/**
 * Platter's mapping and qemu-img's, brought to one form: the top layer only, runs merged where they continue in guest
 * and host. QEMU cuts and flags data by the holes of the host file (`zero: true` beside `data: true`), which a mapping
 * table does not know; below the top layer it goes on into the backing file.
 */
import type { Extent } from '../../src/bytes/extents.ts';
import type { Image } from '../../src/drivers/driver.ts';
import type { MapRow } from '../support/qemu.ts';

/** `opaque`: compressed or encrypted data, whose place QEMU does not tell. */
export type Kind = 'data' | 'zero' | 'zero-allocated' | 'unallocated' | 'unallocated-allocated' | 'opaque' | 'invalid';

export interface Run {
  readonly start: number;
  readonly length: number;
  readonly kind: Kind;
  readonly offset?: number;
}

export function merged(runs: Iterable<Run>): Run[] {
  const out: Run[] = [];
  for (const run of runs) {
    const last = out.at(-1);
    const continues =
      last?.kind === run.kind && (run.offset === undefined || run.offset === (last.offset as number) + last.length);
    if (last && continues) out[out.length - 1] = { ...last, length: last.length + run.length };
    else out.push(run);
  }
  return out;
}

export function qemuRuns(rows: readonly MapRow[], hasBacking: boolean): Run[] {
  return merged(
    rows.map(({ start, length, ...row }) => {
      const kind = qemuKind(row, hasBacking);
      return HAS_OFFSET.has(kind) ? { start, length, kind, offset: row.offset } : { start, length, kind };
    }),
  );
}

const HAS_OFFSET: ReadonlySet<Kind> = new Set(['data', 'zero-allocated', 'unallocated-allocated']);

function qemuKind(row: Omit<MapRow, 'start' | 'length'>, hasBacking: boolean): Kind {
  if (row.depth > 0) return 'unallocated';
  if (row.data) return row.offset === undefined ? 'opaque' : 'data';
  if (row.present) return row.offset === undefined ? 'zero' : 'zero-allocated';
  return row.offset === undefined || hasBacking ? 'unallocated' : 'unallocated-allocated';
}

/** As the driver's `mappings` gives them, in batches. */
export function ourRuns(image: Image, hasBacking: boolean): Run[] {
  const runs: Run[] = [];
  for (const batch of image.mappings()) for (const extent of batch) runs.push(ourRun(extent, hasBacking));
  return merged(runs);
}

/** The same, one `getMapping` after the other. */
export function ourRunsOneByOne(image: Image, hasBacking: boolean): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < image.size; ) {
    const extent = image.getMapping(at);
    if (extent.guest !== at || extent.length <= 0) throw new Error(`getMapping(${at}) is ${JSON.stringify(extent)}`);
    runs.push(ourRun(extent, hasBacking));
    at += extent.length;
  }
  return merged(runs);
}

function ourRun(extent: Extent, hasBacking: boolean): Run {
  const kind = ourKind(extent.kind, hasBacking);
  const { guest: start, length } = extent;
  return HAS_OFFSET.has(kind) ? { start, length, kind, offset: extent.host } : { start, length, kind };
}

function ourKind(kind: Extent['kind'], hasBacking: boolean): Kind {
  if (kind === 'compressed' || kind === 'encrypted') return 'opaque';
  return kind === 'unallocated-allocated' && hasBacking ? 'unallocated' : kind;
}
