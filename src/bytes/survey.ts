/**
 * What one walk over a mapping tells, whatever the format: which kinds of run there are and how much of each, how the
 * data are aligned, and whether two guest ranges share host space.
 */
import { ClusterBitmap } from './cluster-bitmap.ts';
import { DATA, ENCRYPTED, EXTENT_KINDS, type ExtentColumns, type ExtentKind, hasHost } from './extents.ts';

export interface Survey {
  /**
   * Bytes: the largest power of two dividing the guest and host start of every data run, and its length but for one
   * that ends with the disk. UNCONSTRAINED when there is no data.
   */
  readonly alignment: number;
  /** Runs of each kind. */
  readonly runs: Readonly<Record<ExtentKind, number>>;
  /** Guest bytes of each kind. */
  readonly bytes: Readonly<Record<ExtentKind, number>>;
  /** Bytes: the lowest host offset of any run that has one, and the end of the highest; 0 and 0 when none has. */
  readonly hostStart: number;
  readonly hostEnd: number;
  /** Units whose host space an earlier run has too. */
  readonly shared: number;
}

/** The alignment of no data at all. Bytes. */
export const UNCONSTRAINED = 2 ** 62;

/** Walks all batches once. Memory: one bit per unit of host space in use. */
export function survey(batches: Iterable<ExtentColumns>): Survey {
  const runs = new Float64Array(EXTENT_KINDS.length);
  const bytes = new Float64Array(EXTENT_KINDS.length);
  const used = new ClusterBitmap();
  // The lowest set bit of all starts and lengths, in units, is their common alignment.
  let edges = 0;
  let unit = 1;
  let hostStart = Number.POSITIVE_INFINITY;
  let hostEnd = 0;
  let shared = 0;
  for (const batch of batches) {
    unit = batch.unit;
    const units = batch.end / unit;
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.kind[i] as number;
      const guest = batch.guest[i] as number;
      const length = batch.length[i] as number;
      runs[kind] = (runs[kind] as number) + 1;
      bytes[kind] = (bytes[kind] as number) + Math.min(length, units - guest) * unit;
      if (!hasHost(kind)) continue;
      const host = batch.host[i] as number;
      if (host < hostStart) hostStart = host;
      if (host + length > hostEnd) hostEnd = host + length;
      if (kind === DATA || kind === ENCRYPTED) edges |= guest | host | (guest + length < units ? length : 0);
      if (length === 1 ? used.testAndSet(host) : used.setRun(host, length) >= 0) shared++;
    }
  }
  const low = edges & -edges;
  return {
    alignment: edges === 0 ? UNCONSTRAINED : unit * (low >>> 0),
    runs: byKind(runs),
    bytes: byKind(bytes),
    hostStart: hostEnd === 0 ? 0 : hostStart * unit,
    hostEnd: hostEnd * unit,
    shared,
  };
}

function byKind(values: Float64Array): Record<ExtentKind, number> {
  return Object.fromEntries(EXTENT_KINDS.map((kind, i) => [kind, values[i]])) as Record<ExtentKind, number>;
}
