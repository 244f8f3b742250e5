/**
 * Extents in columns: which guest bytes lie where in the file, as runs, without an object per run. A 1 TiB image can
 * have 16,777,216 of them, so tables keep 13 bytes a run (three Uint32 columns in units, one kind byte) and only the
 * edges (a row on a screen, one `getMapping` answer) make `Extent` objects.
 *
 * Invariants:
 *  1. Rows are in ascending guest order and do not overlap.
 *  2. Runs are maximal: two neighbours never have the same kind and continuing offsets.
 *  3. `host` is meaningful only for kinds that `hasHost` names; it is 0 otherwise.
 *  4. Columns are in `unit`s (bytes); `end` (bytes) clips the last row, whose cluster may reach past the disk's end.
 */

export type ExtentKind =
  | 'unallocated'
  | 'data'
  | 'zero'
  | 'zero-allocated'
  | 'unallocated-allocated'
  | 'compressed'
  | 'encrypted'
  | 'invalid';

/** Column codes; the index of a kind in this list is its code. */
export const EXTENT_KINDS: readonly ExtentKind[] = [
  'unallocated',
  'data',
  'zero',
  'zero-allocated',
  'unallocated-allocated',
  'compressed',
  'encrypted',
  'invalid',
];

export const UNALLOCATED = 0;
export const DATA = 1;
export const ZERO = 2;
export const ZERO_ALLOCATED = 3;
/** Extended L2 only: the cluster has host space, but this subcluster reads through to the backing file. */
export const UNALLOCATED_ALLOCATED = 4;
export const COMPRESSED = 5;
export const ENCRYPTED = 6;
/** The entry breaks a rule of the format; `getMapping` at this guest offset says which. */
export const INVALID = 7;

/** Kinds whose host offset advances with the guest offset. */
const HAS_HOST: readonly boolean[] = [false, true, false, true, true, false, true, false];

export function hasHost(kind: number): boolean {
  return HAS_HOST[kind] === true;
}

/** One run, in bytes. */
export interface Extent {
  readonly kind: ExtentKind;
  readonly guest: number;
  readonly length: number;
  /** Where the run starts in the file. For `compressed` and `invalid`: where the entry points, any alignment. */
  readonly host?: number;
  /** `compressed` only: how many bytes of the file the stream may occupy. */
  readonly hostLength?: number;
  /** `invalid` only: what is wrong with the entry, one sentence. */
  readonly fault?: string;
}

/** The part of an extent inside `from` .. `to` - 1. */
export function clip(extent: Extent, from: number, to: number): Extent {
  const cut = Math.max(from - extent.guest, 0);
  const end = Math.min(extent.guest + extent.length, to);
  if (cut === 0 && end === extent.guest + extent.length) return extent;
  const guest = extent.guest + cut;
  const host = extent.host === undefined ? undefined : extent.host + cut;
  return { ...extent, guest, length: Math.max(end - guest, 0), ...(host === undefined ? {} : { host }) };
}

type Column = Uint32Array | Float64Array;

/** What fits a Uint32 column, in units. */
const NARROW_LIMIT = 2 ** 32;

export class ExtentColumns {
  /** Bytes per unit of the guest, length and host columns. */
  readonly unit: number;
  /** Bytes; the guest disk's size, which clips the last row. */
  readonly end: number;
  readonly kind: Uint8Array;
  readonly guest: Column;
  readonly length: Column;
  readonly host: Column;
  count = 0;

  /** `hostEnd` (bytes) bounds the host column: where it exceeds 2^32 units, columns are doubles. */
  constructor(unit: number, end: number, hostEnd: number, capacity: number) {
    this.unit = unit;
    this.end = end;
    const wide = Math.max(end, hostEnd) / unit >= NARROW_LIMIT;
    const column = (): Column => (wide ? new Float64Array(capacity) : new Uint32Array(capacity));
    this.kind = new Uint8Array(capacity);
    this.guest = column();
    this.length = column();
    this.host = column();
  }

  get capacity(): number {
    return this.kind.length;
  }

  /** Appends one run, in units. The caller keeps invariants 1 and 2 and the capacity. */
  push(kind: number, guest: number, length: number, host: number): void {
    const i = this.count++;
    this.kind[i] = kind;
    this.guest[i] = guest;
    this.length[i] = length;
    this.host[i] = host;
  }

  /** Row `i` as an object, in bytes. */
  at(i: number): Extent {
    const guest = (this.guest[i] as number) * this.unit;
    const length = Math.min((this.length[i] as number) * this.unit, this.end - guest);
    const code = this.kind[i] as number;
    const kind = EXTENT_KINDS[code] as ExtentKind;
    return hasHost(code)
      ? { kind, guest, length, host: (this.host[i] as number) * this.unit }
      : { kind, guest, length };
  }

  *[Symbol.iterator](): Generator<Extent> {
    for (let i = 0; i < this.count; i++) yield this.at(i);
  }
}

/** A table of a few extents given in bytes, for tests and for one `setmap`. */
export function extentColumns(extents: readonly Extent[], unit: number, end: number): ExtentColumns {
  const hostEnd = extents.reduce((most, e) => Math.max(most, (e.host ?? 0) + e.length), 0);
  const columns = new ExtentColumns(unit, end, hostEnd, extents.length);
  for (const e of extents) {
    columns.push(EXTENT_KINDS.indexOf(e.kind), e.guest / unit, Math.ceil(e.length / unit), (e.host ?? 0) / unit);
  }
  return columns;
}
