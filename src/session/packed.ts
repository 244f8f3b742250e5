/**
 * A column of numbers that is never changed, in as few bytes as its range allows: the least value, and how far each
 * value lies above it. A column whose values are all the same costs nothing.
 */

type Above = Uint8Array | Uint16Array | Uint32Array | Float64Array;

export class Packed {
  readonly base: number;
  readonly #above: Above | undefined;

  private constructor(base: number, above: Above | undefined) {
    this.base = base;
    this.#above = above;
  }

  /** The first `count` numbers, exactly. They may have fractions, which costs eight bytes each. */
  static of(numbers: Float64Array, count: number): Packed {
    let least = numbers[0] ?? 0;
    let most = least;
    let whole = true;
    for (let i = 0; i < count; i++) {
      const n = numbers[i] as number;
      if (n < least) least = n;
      else if (n > most) most = n;
      if (n !== Math.floor(n)) whole = false;
    }
    if (most === least) return new Packed(least, undefined);
    const span = most - least;
    // Past 2^53 a difference can lose bits: there the numbers themselves are kept.
    if (!whole || span >= 2 ** 32) return new Packed(0, numbers.slice(0, count));
    const above =
      span < 2 ** 8 ? new Uint8Array(count) : span < 2 ** 16 ? new Uint16Array(count) : new Uint32Array(count);
    for (let i = 0; i < count; i++) above[i] = (numbers[i] as number) - least;
    return new Packed(least, above);
  }

  /** A column that is still being filled: what `numbers` holds at the time of asking. */
  static open(numbers: Float64Array): Packed {
    return new Packed(0, numbers);
  }

  at(i: number): number {
    const above = this.#above;
    return above === undefined ? this.base : this.base + (above[i] as number);
  }

  /** Writes the first `count` numbers to `out`. */
  unpack(out: Float64Array, count: number): void {
    const { base } = this;
    const above = this.#above;
    if (above === undefined) out.fill(base, 0, count);
    else for (let i = 0; i < count; i++) out[i] = base + (above[i] as number);
  }
}
