/**
 * Codes of the units of a file, to be asked for the least code of any stretch at a cost that does not depend on its
 * length: above the units stand levels of ever fewer entries, each the summary of sixteen below it.
 *
 * A code is five bits, and one more (`MARK`) that is set in a summary when it is set anywhere below.
 */

const FACTOR_BITS = 4;
const FACTOR = 1 << FACTOR_BITS;
const CODE = 0x1f;
export const MARK = 0x80;

export class Pyramid {
  readonly #levels: readonly Uint8Array[];
  /** Units whose summaries are made. */
  #raised = 0;

  /** `count` units, all of code `initial`. */
  constructor(count: number, initial: number) {
    const levels = [new Uint8Array(count).fill(initial)];
    for (let n = count; n > 1; ) {
      n = Math.ceil(n / FACTOR);
      levels.push(new Uint8Array(n).fill(initial));
    }
    this.#levels = levels;
  }

  /** The units themselves. Whoever changes them below `raised` must not. */
  get units(): Uint8Array {
    return this.#levels[0] as Uint8Array;
  }

  get raised(): number {
    return this.#raised;
  }

  /** Makes the summaries of all units below `to`: they will not change any more. */
  raise(to: number): void {
    let from = this.#raised;
    let end = to;
    for (let level = 1; level < this.#levels.length; level++) {
      const below = this.#levels[level - 1] as Uint8Array;
      const here = this.#levels[level] as Uint8Array;
      from >>>= FACTOR_BITS;
      end = Math.ceil(end / FACTOR);
      for (let i = from; i < end; i++)
        here[i] = summary(below, i << FACTOR_BITS, Math.min((i + 1) << FACTOR_BITS, below.length));
    }
    this.#raised = to;
  }

  /** The least code of units `from` .. `to` - 1, with MARK when one of them has it. There must be at least one. */
  least(from: number, to: number): number {
    let code = CODE;
    let mark = 0;
    let level = 0;
    let low = from;
    let high = to;
    for (;;) {
      const codes = this.#levels[level] as Uint8Array;
      const last = level === this.#levels.length - 1;
      // Up to a multiple of the factor on both sides, then the middle one level higher.
      const lowEnd = last ? high : Math.min(Math.ceil(low / FACTOR) * FACTOR, high);
      const highStart = last ? high : Math.max(Math.floor(high / FACTOR) * FACTOR, lowEnd);
      for (let i = low; i < lowEnd; i++) {
        const c = codes[i] as number;
        if ((c & CODE) < code) code = c & CODE;
        mark |= c & MARK;
      }
      for (let i = highStart; i < high; i++) {
        const c = codes[i] as number;
        if ((c & CODE) < code) code = c & CODE;
        mark |= c & MARK;
      }
      if (lowEnd >= highStart) return code | mark;
      low = lowEnd / FACTOR;
      high = highStart / FACTOR;
      level++;
    }
  }
}

function summary(codes: Uint8Array, from: number, to: number): number {
  let code = CODE;
  let mark = 0;
  for (let i = from; i < to; i++) {
    const c = codes[i] as number;
    if ((c & CODE) < code) code = c & CODE;
    mark |= c & MARK;
  }
  return code | mark;
}
