/**
 * What one walk over a mapping tells, whatever the format: which kinds of run there are and how much of each, and how
 * the data are aligned.
 */
import { DATA, ENCRYPTED, EXTENT_KINDS, type ExtentColumns, type ExtentKind, hasHost } from './extents.ts';

export interface Survey {
  /**
   * Bytes: the largest power of two dividing the guest and host start of every data run, and its length but for one
   * that ends with the disk; at most 2^32 units. UNCONSTRAINED when there is no data.
   */
  readonly alignment: number;
  /** Runs of each kind. */
  readonly runs: Readonly<Record<ExtentKind, number>>;
  /** Guest bytes of each kind. */
  readonly bytes: Readonly<Record<ExtentKind, number>>;
  /** Bytes: the lowest host offset of any run that has one, and the end of the highest; 0 and 0 when none has. */
  readonly hostStart: number;
  readonly hostEnd: number;
}

/** The alignment of no data at all. Bytes. */
export const UNCONSTRAINED = 2 ** 62;

/** Walks all batches once, in guest order. Keeps nothing per run. */
export function survey(batches: Iterable<ExtentColumns>): Survey {
  const runs = new Float64Array(EXTENT_KINDS.length);
  const units = new Float64Array(EXTENT_KINDS.length);
  // The lowest bit set in any start or length, in units, is their common alignment; only the low 32 bits are kept.
  let edges = 0;
  // The length of the data run before: it counts once it is known not to be the last run of the disk.
  let dataLength = 0;
  let hostStart = Number.POSITIVE_INFINITY;
  let hostEnd = 0;
  let unit = 1;
  let excess = 0;
  let lastKind = 0;
  for (const batch of batches) {
    const { kind: kinds, guest: guests, length: lengths, host: hosts, count } = batch;
    if (count === 0) continue;
    for (let i = 0; i < count; i++) {
      const kind = kinds[i] as number;
      const length = lengths[i] as number;
      runs[kind] = (runs[kind] as number) + 1;
      units[kind] = (units[kind] as number) + length;
      edges |= dataLength;
      dataLength = 0;
      if (!hasHost(kind)) continue;
      const host = hosts[i] as number;
      if (host < hostStart) hostStart = host;
      if (host + length > hostEnd) hostEnd = host + length;
      if (kind !== DATA && kind !== ENCRYPTED) continue;
      edges |= (guests[i] as number) | host;
      dataLength = length;
    }
    unit = batch.unit;
    lastKind = kinds[count - 1] as number;
    const end = ((guests[count - 1] as number) + (lengths[count - 1] as number)) * unit;
    excess = Math.max(0, end - batch.end);
    // A last run that ends before the disk does (a walk over a part of it) is as good as any other.
    if (end < batch.end) edges |= dataLength;
  }
  const bytes = units.map((count, kind) => count * unit - (kind === lastKind ? excess : 0));
  const hasData = (runs[DATA] as number) + (runs[ENCRYPTED] as number) > 0;
  return {
    alignment: hasData ? unit * (edges === 0 ? 2 ** 32 : (edges & -edges) >>> 0) : UNCONSTRAINED,
    runs: byKind(runs),
    bytes: byKind(bytes),
    hostStart: hostEnd === 0 ? 0 : hostStart * unit,
    hostEnd: hostEnd * unit,
  };
}

function byKind(values: Float64Array): Record<ExtentKind, number> {
  return Object.fromEntries(EXTENT_KINDS.map((kind, i) => [kind, values[i]])) as Record<ExtentKind, number>;
}
