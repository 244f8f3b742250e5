/**
 * How often each host cluster is referenced, counted by check. Bit-sliced: plane p holds bit p of every count, as one
 * ClusterBitmap. An honest image needs one plane (2 MiB for 1 TiB of 64 KiB clusters, which stays in the processor's
 * cache), a snapshot of it two; a word operation adds to 32 clusters at once.
 *
 * Invariants:
 *  1. The count of cluster n is the sum of 2^p over the planes p that have bit n.
 *  2. A count never exceeds what the image's refcount width can hold, as in QEMU; what did not fit is reported to the
 *     caller and remembered in `overflowed`.
 */
import { ClusterBitmap, PAGE_BITS, PAGE_WORDS } from '../../bytes/cluster-bitmap.ts';

/** Counts are exact doubles, so wider refcounts are counted in this many bits; nothing reaches 2^52 references. */
const MOST_PLANES = 52;
const PAGE_CLUSTERS = 2 ** PAGE_BITS;

/** A page without references. */
const NO_WORDS = new Int32Array(PAGE_WORDS);

export class ReferenceCounts {
  /** Plane 0 always exists; a higher one from the first count that needs it. */
  readonly planes: ClusterBitmap[] = [new ClusterBitmap()];
  /** Clusters with more references than their refcount can say. */
  readonly overflowed = new ClusterBitmap();
  /** The largest count. */
  readonly limit: number;
  readonly #width: number;
  readonly #ones: ClusterBitmap;

  /** `width`: bits of one refcount of the image. */
  constructor(width: number) {
    this.#width = Math.min(width, MOST_PLANES);
    this.limit = 2 ** this.#width - 1;
    this.#ones = this.planes[0] as ClusterBitmap;
  }

  get(cluster: number): number {
    let count = 0;
    for (let p = 0; p < this.planes.length; p++) if (this.#plane(p).has(cluster)) count += 2 ** p;
    return count;
  }

  /**
   * Adds one reference to a cluster below 2^31 where that carries nothing; else answers false, and adds nothing.
   * The hot path of scattered images.
   */
  addFirst(cluster: number): boolean {
    const words = this.#ones.pageAt(cluster >>> PAGE_BITS);
    if (words === undefined) return false;
    const i = (cluster >>> 5) & (PAGE_WORDS - 1);
    const old = words[i] as number;
    const bit = 1 << (cluster & 31);
    if ((old & bit) !== 0) return false;
    words[i] = old | bit;
    return true;
  }

  /**
   * Adds `times` references to each of `count` clusters from `first`.
   * Answers how many of the `count * times` references did not fit.
   */
  addRun(first: number, count: number, times: number): number {
    if (times === 1) return this.#addOnce(first, count);
    let lost = 0;
    let cluster = first;
    let left = count;
    while (left > 0) {
      const bit = cluster % 32;
      const take = Math.min(32 - bit, left);
      lost += this.#addWord(cluster - bit, wordMask(bit, take), times);
      cluster += take;
      left -= take;
    }
    return lost;
  }

  #addOnce(first: number, count: number): number {
    let lost = 0;
    let cluster = first;
    let left = count;
    while (left > 0) {
      const words = this.#ones.page(cluster);
      const at = cluster % PAGE_CLUSTERS;
      const take = Math.min(left, PAGE_CLUSTERS - at);
      lost += this.#addInPage(words, cluster - at, at, at + take);
      cluster += take;
      left -= take;
    }
    return lost;
  }

  /** One reference to each of the clusters `from` .. `to` - 1 of the page of plane 0 that begins with `base`. */
  #addInPage(words: Int32Array, base: number, from: number, to: number): number {
    let lost = 0;
    for (let at = from; at < to; at = (at | 31) + 1) {
      const bit = at & 31;
      const mask = wordMask(bit, Math.min(32 - bit, to - at));
      const old = words[at >>> 5] as number;
      words[at >>> 5] = old ^ mask;
      if ((old & mask) !== 0) lost += this.#carry(base + at - bit, old & mask);
    }
    return lost;
  }

  /** Counts whose bit in plane 0 was set and is now clear carry into the planes above. */
  #carry(base: number, mask: number): number {
    const lost = this.#ripple(base, mask, 1);
    return lost === 0 ? 0 : this.#saturate(base, lost);
  }

  /** Adds `times` to the clusters that `mask` names among the 32 from `base`; answers how many references were lost. */
  #addWord(base: number, mask: number, times: number): number {
    if (2 ** this.planes.length - 1 + times > this.limit) return this.#addSlowly(base, mask, times);
    let left = times;
    for (let p = 0; left > 0; p++) {
      if (left % 2 === 1) this.#ripple(base, mask, p);
      left = Math.floor(left / 2);
    }
    return 0;
  }

  /** Binary addition of 2^`from` to up to 32 counts at once; answers the clusters that carried out of the last plane. */
  #ripple(base: number, mask: number, from: number): number {
    let carry = mask;
    for (let p = from; carry !== 0; p++) {
      if (p >= this.#width) return carry;
      const words = this.#plane(p).page(base);
      const i = wordIndex(base);
      const old = words[i] as number;
      words[i] = old ^ carry;
      carry &= old;
    }
    return 0;
  }

  /** Only for single references: a count that wrapped to 0 goes back to the limit. Answers how many clusters did. */
  #saturate(base: number, mask: number): number {
    let clusters = 0;
    for (let bit = 0; bit < 32; bit++) {
      if (((mask >>> bit) & 1) === 0) continue;
      clusters++;
      for (let p = 0; p < this.#width; p++) this.#plane(p).testAndSet(base + bit);
      this.overflowed.testAndSet(base + bit);
    }
    return clusters;
  }

  /** Cluster by cluster, where one of them might exceed the limit. */
  #addSlowly(base: number, mask: number, times: number): number {
    let lost = 0;
    for (let bit = 0; bit < 32; bit++) {
      if (((mask >>> bit) & 1) === 0) continue;
      if (this.overflowed.has(base + bit)) {
        lost += times;
        continue;
      }
      const sum = this.get(base + bit) + times;
      if (sum > this.limit) {
        lost += sum - this.limit;
        this.overflowed.testAndSet(base + bit);
      }
      this.#set(base + bit, Math.min(sum, this.limit));
    }
    return lost;
  }

  #set(cluster: number, count: number): void {
    let left = count;
    for (let p = 0; p < this.planes.length || left > 0; p++) {
      if (left % 2 === 1) this.#plane(p).testAndSet(cluster);
      else this.#plane(p).clear(cluster);
      left = Math.floor(left / 2);
    }
  }

  #plane(p: number): ClusterBitmap {
    while (this.planes.length <= p) this.planes.push(new ClusterBitmap());
    return this.planes[p] as ClusterBitmap;
  }

  /** Whether each of the clusters `from` .. `to` - 1, whole words of one page, is counted exactly `count` (0 or 1). */
  allAre(count: 0 | 1, from: number, to: number): boolean {
    const page = Math.floor(from / PAGE_CLUSTERS);
    for (let p = 0; p < this.planes.length; p++) {
      const words = this.#plane(p).pageAt(page);
      const want = p === 0 && count === 1 ? -1 : 0;
      if (!words) {
        if (want !== 0) return false;
        continue;
      }
      const end = wordIndex(from) + (to - from) / 32;
      for (let i = wordIndex(from); i < end; i++) if (words[i] !== want) return false;
    }
    return true;
  }

  /** The words of each plane in the page that holds `cluster`, and which word holds it: for loops over a page. */
  pageOf(cluster: number): { planes: readonly Int32Array[]; firstWord: number } {
    const number = Math.floor(cluster / PAGE_CLUSTERS);
    return { planes: this.planes.map((plane) => plane.pageAt(number) ?? NO_WORDS), firstWord: wordIndex(cluster) };
  }

  /** Clusters `from` .. `to` - 1 that are referenced at all, ascending. */
  *referenced(from: number, to: number): Generator<number> {
    yield* setBits(this.planes, from, to);
  }

  /** Clusters referenced more than once, ascending; with a refcount of one bit, those that overflowed. */
  *shared(): Generator<number> {
    yield* setBits([...this.planes.slice(1), this.overflowed], 0, Number.POSITIVE_INFINITY);
  }

  /** Whether any cluster may be referenced more than once. */
  get anyShared(): boolean {
    return !this.shared().next().done;
  }

  /** The highest cluster referenced, or -1. */
  highest(): number {
    return Math.max(...this.planes.map((plane) => plane.highest()));
  }
}

/** `count` bits from `bit`, all within one word. */
function wordMask(bit: number, count: number): number {
  return count === 32 ? -1 : ((1 << count) - 1) << bit;
}

function wordIndex(cluster: number): number {
  return (cluster % PAGE_CLUSTERS) >>> 5;
}

/** Clusters set in any of the bitmaps, ascending, `from` .. `to` - 1. */
function* setBits(bitmaps: readonly ClusterBitmap[], from: number, to: number): Generator<number> {
  const numbers = new Set(bitmaps.flatMap((bitmap) => [...bitmap.pages()].map(([number]) => number)));
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const base = number * PAGE_CLUSTERS;
    if (base + PAGE_CLUSTERS <= from || base >= to) continue;
    const pages = bitmaps.flatMap((bitmap) => bitmap.pageAt(number) ?? []);
    for (let i = 0; i < PAGE_WORDS; i++) {
      let word = 0;
      for (const page of pages) word |= page[i] as number;
      for (; word !== 0; word &= word - 1) {
        const cluster = base + i * 32 + 31 - Math.clz32(word & -word);
        if (cluster >= from && cluster < to) yield cluster;
      }
    }
  }
}
