/**
 * One bit per host cluster, for "already claimed?" over a whole image: 2 MiB for 1 TiB of 64 KiB clusters, so it
 * stays in the processor's cache where counts would not (measured: 2.1x faster than 16-bit counts in random order).
 * Pages come into being when a bit in them is set: memory follows what is used, never what a header claims.
 *
 * Hot loops may take `page(index)` and set bits of its words themselves, for indices below 2^31.
 */

/** log2 of the clusters of one page. */
export const PAGE_BITS = 20;
const PAGE_CLUSTERS = 2 ** PAGE_BITS;
/** Pages of the first 2^33 clusters stand in an array; images beyond that exist only in bad input. */
const NEAR_PAGES = 2 ** 13;
export const PAGE_WORDS = PAGE_CLUSTERS / 32;

export class ClusterBitmap {
  /** Absent pages are all zero. Near pages are an array because hot loops look them up once per cluster. */
  readonly #near: (Int32Array | undefined)[] = [];
  readonly #far = new Map<number, Int32Array>();

  /** The words of the page that holds `cluster`; word `(cluster & 0xfffff) >>> 5`, bit `cluster & 31`. */
  page(cluster: number): Int32Array {
    const number = Math.floor(cluster / PAGE_CLUSTERS);
    return this.pageAt(number) ?? this.#addPage(number);
  }

  #addPage(number: number): Int32Array {
    const page = new Int32Array(PAGE_WORDS);
    if (number < NEAR_PAGES) this.#near[number] = page;
    else this.#far.set(number, page);
    return page;
  }

  /** The page by number (cluster / 2^20), or undefined when all its bits are clear. */
  pageAt(number: number): Int32Array | undefined {
    return number < NEAR_PAGES ? this.#near[number] : this.#far.get(number);
  }

  /** Pages that exist, by ascending number. */
  *pages(): Generator<readonly [number: number, page: Int32Array]> {
    for (let number = 0; number < this.#near.length; number++) {
      const page = this.#near[number];
      if (page) yield [number, page];
    }
    for (const number of [...this.#far.keys()].sort((a, b) => a - b))
      yield [number, this.#far.get(number) as Int32Array];
  }

  has(cluster: number): boolean {
    const page = this.pageAt(Math.floor(cluster / PAGE_CLUSTERS));
    if (!page) return false;
    const index = cluster % PAGE_CLUSTERS;
    return (((page[index >>> 5] as number) >>> (index & 31)) & 1) === 1;
  }

  /** Sets the bit and answers what it was. */
  testAndSet(cluster: number): boolean {
    const isNear = cluster < 2 ** 31;
    const number = isNear ? cluster >>> PAGE_BITS : Math.floor(cluster / PAGE_CLUSTERS);
    const index = isNear ? cluster & (PAGE_CLUSTERS - 1) : cluster % PAGE_CLUSTERS;
    const page = this.pageAt(number) ?? this.#addPage(number);
    const word = page[index >>> 5] as number;
    const bit = 1 << (index & 31);
    page[index >>> 5] = word | bit;
    return (word & bit) !== 0;
  }

  /**
   * Sets `count` bits from `first`, whole words at a time.
   * Answers the first cluster that was already set, or -1; all bits are set either way.
   */
  setRun(first: number, count: number): number {
    let seen = -1;
    let cluster = first;
    let left = count;
    while (left > 0) {
      const page = this.page(cluster);
      const from = cluster % PAGE_CLUSTERS;
      const take = Math.min(left, PAGE_CLUSTERS - from);
      const at = setBits(page, from, take);
      if (at >= 0 && seen < 0) seen = cluster - from + at;
      cluster += take;
      left -= take;
    }
    return seen;
  }

  clear(cluster: number): void {
    const page = this.pageAt(Math.floor(cluster / PAGE_CLUSTERS));
    const index = cluster % PAGE_CLUSTERS;
    if (page) page[index >>> 5] = (page[index >>> 5] as number) & ~(1 << (index & 31));
  }

  /** How many bits are set in the clusters `from` .. `to` - 1. */
  countSet(from: number, to: number): number {
    let total = 0;
    for (const [number, page] of this.pages()) {
      const base = number * PAGE_CLUSTERS;
      const low = Math.max(from - base, 0);
      const high = Math.min(to - base, PAGE_CLUSTERS);
      if (low < high) total += countBits(page, low, high);
    }
    return total;
  }

  /** The lowest cluster set at or after `from`, or -1. */
  nextSet(from: number): number {
    const first = Math.floor(from / PAGE_CLUSTERS);
    for (let number = first; number < this.#near.length; number++) {
      const page = this.#near[number];
      const at = page ? nextBit(page, number === first ? from % PAGE_CLUSTERS : 0, 0) : -1;
      if (at >= 0) return number * PAGE_CLUSTERS + at;
    }
    for (const number of this.#far.size === 0 ? [] : [...this.#far.keys()].sort((a, b) => a - b)) {
      if (number < first) continue;
      const at = nextBit(this.#far.get(number) as Int32Array, number === first ? from % PAGE_CLUSTERS : 0, 0);
      if (at >= 0) return number * PAGE_CLUSTERS + at;
    }
    return -1;
  }

  /** The lowest cluster at or after `from` that is not set. */
  nextClear(from: number): number {
    let cluster = from;
    for (;;) {
      const page = this.pageAt(Math.floor(cluster / PAGE_CLUSTERS));
      if (!page) return cluster;
      const index = cluster % PAGE_CLUSTERS;
      const at = nextBit(page, index, -1);
      if (at >= 0) return cluster - index + at;
      cluster += PAGE_CLUSTERS - index;
    }
  }

  /** The highest cluster that is set, or -1. */
  highest(): number {
    for (const [number, page] of [...this.pages()].reverse()) {
      for (let i = PAGE_WORDS - 1; i >= 0; i--) {
        const word = page[i] as number;
        if (word !== 0) return number * PAGE_CLUSTERS + i * 32 + 31 - Math.clz32(word);
      }
    }
    return -1;
  }
}

/** Sets bits `from` .. `from + count` - 1 of one page; answers the first that was set before, or -1. */
function setBits(page: Int32Array, from: number, count: number): number {
  let seen = -1;
  const end = from + count;
  for (let i = from; i < end; ) {
    const bit = i & 31;
    const take = Math.min(32 - bit, end - i);
    const mask = take === 32 ? -1 : ((1 << take) - 1) << bit;
    const word = page[i >>> 5] as number;
    const already = word & mask;
    if (already !== 0 && seen < 0) seen = (i & ~31) + 31 - Math.clz32(already & -already);
    page[i >>> 5] = word | mask;
    i += take;
  }
  return seen;
}

/** The lowest bit at or after `from` in one page that is set, or clear where `invert` is -1; -1 when there is none. */
function nextBit(page: Int32Array, from: number, invert: 0 | -1): number {
  for (let i = from; i < PAGE_CLUSTERS; ) {
    const word = ((page[i >>> 5] as number) ^ invert) >>> (i & 31);
    if (word !== 0) return i + 31 - Math.clz32(word & -word);
    i = (i | 31) + 1;
  }
  return -1;
}

function countBits(page: Int32Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; ) {
    const bit = i & 31;
    const take = Math.min(32 - bit, to - i);
    const mask = take === 32 ? -1 : ((1 << take) - 1) << bit;
    total += popcount((page[i >>> 5] as number) & mask);
    i += take;
  }
  return total;
}

function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x5555_5555);
  v = (v & 0x3333_3333) + ((v >>> 2) & 0x3333_3333);
  return (((v + (v >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
}
