/**
 * Room for a conversion target's metadata inside the source's file, and who owns each host cluster of the target.
 *
 * Invariants:
 *  1. A place is given once: first fit in the ranges the source marks free, else behind the end of the file.
 *  2. `claimed` has a bit for every host cluster the target refers to; what has none is dead, or free.
 */
import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import { type Range, Ranges } from '../../bytes/ranges.ts';
import { roundUp } from '../../bytes/size.ts';

export class TargetSpace {
  /** Bytes. */
  readonly clusterSize: number;
  readonly claimed = new ClusterBitmap();
  readonly #free: Ranges;
  /** A cluster multiple: where the next structure goes when no free range has room. */
  #end: number;

  /** `end` and `free` are in bytes; `end` is rounded up to a cluster. */
  constructor(clusterSize: number, free: Iterable<Range>, end: number) {
    this.clusterSize = clusterSize;
    this.#free = Ranges.of(free);
    this.#end = roundUp(end, clusterSize);
  }

  get free(): readonly Range[] {
    return [...this.#free];
  }

  get end(): number {
    return this.#end;
  }

  /** Keeps a byte range from being given, although the source marks it free. */
  keepOut(offset: number, length: number): void {
    this.#free.remove(offset, length);
  }

  /** Whole clusters that fit in the free ranges. */
  get freeClusters(): number {
    let clusters = 0;
    for (const { offset, length } of this.#free) {
      const first = Math.ceil(offset / this.clusterSize);
      clusters += Math.max(Math.floor((offset + length) / this.clusterSize) - first, 0);
    }
    return clusters;
  }

  /** Finds and claims room for `bytes`, rounded up to clusters; answers its offset. */
  place(bytes: number): number {
    const length = roundUp(bytes, this.clusterSize);
    const offset = this.#free.take(length, this.clusterSize);
    if (offset === undefined) return this.append(length);
    this.claim(offset, length);
    return offset;
  }

  /** The same, behind the end of the file. */
  append(bytes: number): number {
    const offset = this.#end;
    this.#end += roundUp(bytes, this.clusterSize);
    this.claim(offset, bytes);
    return offset;
  }

  /** Marks whole clusters as the target's; answers the first cluster that was already, or -1. Bytes. */
  claim(offset: number, length: number): number {
    return this.claimed.setRun(offset / this.clusterSize, Math.ceil(length / this.clusterSize));
  }

  /** Clusters up to the last claimed one: where the file ends once the target is all there is. */
  get clustersInUse(): number {
    return this.claimed.highest() + 1;
  }
}
