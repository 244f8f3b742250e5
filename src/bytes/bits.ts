/**
 * 64-bit table entries, declared bit by bit. Declarations give the masks that hot loops import, and a slow exact
 * decode that tests hold those loops to.
 */

/** A run of bits, both ends inclusive; bit 0 is the least significant. */
export interface BitRun {
  readonly from: number;
  readonly to: number;
  readonly doc?: string;
  /** The bits are a number of their own, not the part of an offset that stands in place. */
  readonly own?: true;
}

export const bit = (at: number, doc?: string): BitRun => ({ from: at, to: at, doc });
export const bits = (from: number, to: number, doc?: string): BitRun => ({ from, to, doc });
export const count = (from: number, to: number, doc?: string): BitRun => ({ from, to, doc, own: true });

/** The mask of a run, as two 32-bit halves (int32, as bit operators give them). */
export interface Mask {
  readonly hi: number;
  readonly lo: number;
}

export interface EntryLayout<F extends Readonly<Record<string, BitRun>> = Readonly<Record<string, BitRun>>> {
  readonly name: string;
  readonly spec: string;
  readonly fields: F;
  readonly mask: Readonly<Record<keyof F, Mask>>;
  /** The bits no field names: reserved, to be zero. */
  readonly reserved: Mask;
}

export function bits64<F extends Readonly<Record<string, BitRun>>>(
  name: string,
  spec: string,
  fields: F,
): EntryLayout<F> {
  const mask: Record<string, Mask> = {};
  let hi = 0;
  let lo = 0;
  for (const [field, run] of Object.entries(fields)) {
    const m = maskOf(run);
    mask[field] = m;
    hi |= m.hi;
    lo |= m.lo;
  }
  return { name, spec, fields, mask: mask as Record<keyof F, Mask>, reserved: { hi: ~hi, lo: ~lo } };
}

function maskOf({ from, to }: BitRun): Mask {
  let hi = 0;
  let lo = 0;
  for (let at = from; at <= to; at++) {
    if (at < 32) lo |= 1 << at;
    else hi |= 1 << (at - 32);
  }
  return { hi, lo };
}

/** What of the entry the mask leaves, in place. Exact below 2^53, and for multiples of 512 below 2^62. */
export function masked({ hi: high, lo: low }: Mask, hi: number, lo: number): number {
  return ((hi & high) >>> 0) * 2 ** 32 + ((lo & low) >>> 0);
}

/**
 * Each field of the entry with its bits in place (an offset field is the offset itself, not shifted down), except
 * one-bit fields, which are 0 or 1. Exact while the field's value is below 2^53 or a multiple of 512 below 2^62.
 */
export function decodeEntry<F extends Readonly<Record<string, BitRun>>>(
  layout: EntryLayout<F>,
  hi: number,
  lo: number,
): Readonly<Record<keyof F, number>> {
  const values: Record<string, number> = {};
  for (const [field, run] of Object.entries(layout.fields)) {
    const value = masked(layout.mask[field] as Mask, hi, lo);
    values[field] = run.from === run.to ? Number(value !== 0) : value;
  }
  return values as Record<keyof F, number>;
}

/** Whether the entry has a bit set that no field names. */
export function hasReservedBits(layout: EntryLayout, hi: number, lo: number): boolean {
  return ((hi & layout.reserved.hi) | (lo & layout.reserved.lo)) !== 0;
}
