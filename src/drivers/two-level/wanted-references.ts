/**
 * Who leads to a cluster that a finding is about. A rule that sees only a count asks for the cluster's references when it
 * makes the finding; one more walk over the image, and only where something was asked for, fills them in.
 */
import type { Where } from '../../errors.ts';

/** Of one cluster, at most. */
const MOST = 4;

export class WantedReferences {
  readonly #of = new Map<number, Where[]>();

  /** The list of a cluster's references, filled by `found` later. */
  of(cluster: number): readonly Where[] {
    const list = this.#of.get(cluster) ?? [];
    this.#of.set(cluster, list);
    return list;
  }

  get any(): boolean {
    return this.#of.size > 0;
  }

  /** The field at `where` leads to the bytes [offset, offset + length) (bytes). */
  found(offset: number, length: number, clusterSize: number, where: () => Where): void {
    if (length <= 0) return;
    const first = Math.floor(offset / clusterSize);
    const last = Math.floor((offset + length - 1) / clusterSize);
    // Above that no file reaches, and a double is no counter any more.
    if (last >= 2 ** 53) return;
    if (last - first < this.#of.size) {
      for (let cluster = first; cluster <= last; cluster++) this.#note(this.#of.get(cluster), where);
      return;
    }
    for (const [cluster, list] of this.#of) if (cluster >= first && cluster <= last) this.#note(list, where);
  }

  #note(list: Where[] | undefined, where: () => Where): void {
    if (list && list.length < MOST) list.push(where());
  }
}
