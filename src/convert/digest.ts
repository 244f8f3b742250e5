/**
 * A digest of what an image maps: two images of one file that map the same guest bytes to the same host bytes have the
 * same digest. Verifying a conversion by digest reads the source once, while it is mapped, and the target once;
 * comparing row by row (compare.ts) would read both again, and is for naming a difference that is known to exist.
 *
 * It guards against mistakes and bad disks, not against an adversary: 64 bits, mixed as fast hashes do.
 */
import {
  DATA,
  type ExtentColumns,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../bytes/extents.ts';

/** Rows of one call of the loop: a function that is called often is compiled whole, not in the middle of its loop. */
const SLICE = 1024;
const MIX_A = 0x9e37_79b1 | 0;
const MIX_B = 0x85eb_ca77 | 0;

/** One number mixed into a lane; what 32 bits do not hold is mixed in by itself. */
function mixed(lane: number, value: number, factor: number): number {
  const lo = value | 0;
  const x = Math.imul(lane ^ lo, factor);
  const turned = (x << 13) | (x >>> 19);
  return value === lo ? turned : turned ^ (value / 2 ** 32);
}

export class MappingDigest {
  readonly #zeroIsNothing: boolean;
  /** Bytes: what places are counted in. */
  readonly #unit: number;
  #a = 0x1234_5678;
  #b = 0x0765_4321;
  /** The run not yet mixed in, in units: it may go on in the next row. Its kind is UNALLOCATED when there is none. */
  #kind = UNALLOCATED;
  #guest = 0;
  #end = 0;
  /** Host minus guest; 0 for zeros. */
  #shift = 0;

  /**
   * Without a backing file a zero cluster reads as an unallocated one does, and a target may turn one into the other.
   * `unit`: bytes, the smallest unit of any batch; digests compare only with the same. In such units places are int32
   * up to 128 TiB of 64 KiB clusters, and the loop is fast.
   */
  constructor(zeroIsNothing: boolean, unit: number) {
    this.#zeroIsNothing = zeroIsNothing;
    this.#unit = unit;
  }

  /** Takes in a batch. */
  add(batch: ExtentColumns): void {
    for (let i = 0; i < batch.count; i += SLICE) this.#addRows(batch, i, Math.min(i + SLICE, batch.count));
  }

  /** The loop works on locals: 16.8 million rows come through here for 1 TiB. */
  #addRows({ kind, guest, length, host, unit, end: diskEnd }: ExtentColumns, first: number, stop: number): void {
    const scale = unit / this.#unit;
    const last = Math.ceil(diskEnd / this.#unit);
    const zeroIsNothing = this.#zeroIsNothing;
    let a = this.#a;
    let b = this.#b;
    let open = this.#kind;
    let start = this.#guest;
    let end = this.#end;
    let shift = this.#shift;
    for (let i = first; i < stop; i++) {
      let code = kind[i] as number;
      if (code === UNALLOCATED || code === UNALLOCATED_ALLOCATED) continue;
      if (code === ZERO || code === ZERO_ALLOCATED) {
        if (zeroIsNothing) continue;
        code = ZERO;
      }
      const from = (guest[i] as number) * scale;
      const to = Math.min(from + (length[i] as number) * scale, last);
      const by = code === DATA ? (host[i] as number) * scale - from : 0;
      if (from !== end || code !== open || by !== shift) {
        if (open !== UNALLOCATED) {
          a = mixed(mixed(a, start, MIX_A), end, MIX_B);
          b = mixed(mixed(b, shift, MIX_B), open, MIX_A) ^ a;
        }
        open = code;
        start = from;
        shift = by;
      }
      end = to;
    }
    this.#a = a;
    this.#b = b;
    this.#kind = open;
    this.#guest = start;
    this.#end = end;
    this.#shift = shift;
  }

  /** The digest of everything added, as text. Nothing may be added after. */
  text(): string {
    const a = mixed(mixed(this.#a, this.#guest, MIX_A), this.#end, MIX_B);
    const b = mixed(mixed(this.#b, this.#shift, MIX_B), this.#kind, MIX_A) ^ a;
    return `${(a >>> 0).toString(16)}-${(b >>> 0).toString(16)}`;
  }
}
