/**
 * A set of byte ranges, kept sorted, disjoint and maximal. For free space, dirty space, allowed space: tens to
 * thousands of ranges, not one per cluster (that is what ClusterBitmap is for).
 */

export interface Range {
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
}

export class Ranges {
  /** Ascending starts and their ends; `ends[i] < starts[i + 1]`. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  static of(ranges: Iterable<Range>): Ranges {
    const set = new Ranges();
    for (const { offset, length } of ranges) set.add(offset, length);
    return set;
  }

  get count(): number {
    return this.#starts.length;
  }

  /** Bytes in the set. */
  get total(): number {
    return this.#starts.reduce((sum, start, i) => sum + ((this.#ends[i] as number) - start), 0);
  }

  clone(): Ranges {
    return Ranges.of(this);
  }

  add(offset: number, length: number): void {
    if (length <= 0) return;
    const end = offset + length;
    const first = this.#firstEndingAtOrAfter(offset);
    let last = first;
    let start = offset;
    let stop = end;
    while (last < this.#starts.length && (this.#starts[last] as number) <= end) {
      start = Math.min(start, this.#starts[last] as number);
      stop = Math.max(stop, this.#ends[last] as number);
      last++;
    }
    this.#starts.splice(first, last - first, start);
    this.#ends.splice(first, last - first, stop);
  }

  remove(offset: number, length: number): void {
    if (length <= 0) return;
    const end = offset + length;
    let i = this.#firstEndingAtOrAfter(offset);
    while (i < this.#starts.length && (this.#starts[i] as number) < end) {
      const start = this.#starts[i] as number;
      const stop = this.#ends[i] as number;
      const kept: [number, number][] = [];
      if (start < offset) kept.push([start, offset]);
      if (stop > end) kept.push([end, stop]);
      if (stop <= offset) {
        i++;
        continue;
      }
      this.#starts.splice(i, 1, ...kept.map(([s]) => s));
      this.#ends.splice(i, 1, ...kept.map(([, e]) => e));
      i += kept.length;
    }
  }

  /** True when every byte of the range is in the set. */
  covers(offset: number, length: number): boolean {
    if (length <= 0) return true;
    const i = this.#firstEndingAtOrAfter(offset + 1);
    return (
      i < this.#starts.length && (this.#starts[i] as number) <= offset && (this.#ends[i] as number) >= offset + length
    );
  }

  /** The first range of the set that shares a byte with the given one. */
  overlapping(offset: number, length: number): Range | undefined {
    if (length <= 0) return undefined;
    const i = this.#firstEndingAtOrAfter(offset + 1);
    const start = this.#starts[i];
    if (start === undefined || start >= offset + length) return undefined;
    return { offset: start, length: (this.#ends[i] as number) - start };
  }

  /** Takes the first `length` bytes that start on a multiple of `alignment`, and answers their offset. */
  take(length: number, alignment: number): number | undefined {
    for (let i = 0; i < this.#starts.length; i++) {
      const start = Math.ceil((this.#starts[i] as number) / alignment) * alignment;
      if (start + length <= (this.#ends[i] as number)) {
        this.remove(start, length);
        return start;
      }
    }
    return undefined;
  }

  *[Symbol.iterator](): Generator<Range> {
    for (let i = 0; i < this.#starts.length; i++) {
      const offset = this.#starts[i] as number;
      yield { offset, length: (this.#ends[i] as number) - offset };
    }
  }

  /** Index of the first range whose end is at or after `offset`: the first that touches it or lies behind it. */
  #firstEndingAtOrAfter(offset: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
