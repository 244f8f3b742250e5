/** What is leaked and what is claimed twice: how much, and where the first such ranges are. */
import type { Range } from '../bytes/ranges.ts';
import type { Stretch } from './cluster-map.ts';

export interface Trouble {
  /** Bytes, and ranges that do not touch each other. */
  readonly bytes: number;
  readonly count: number;
  /** The first of them. */
  readonly ranges: readonly Range[];
}

export interface Troubles {
  readonly leaked: Trouble;
  readonly overlap: Trouble;
}

/** `kept`: how many ranges of each are listed. */
export function troublesIn(stretches: Iterable<Stretch>, kept: number): Troubles {
  const leaked = new Collector(kept);
  const overlap = new Collector(kept);
  for (const { offset, length, share } of stretches) {
    if (share === 'leaked') leaked.add(offset, length);
    if (share === 'overlap') overlap.add(offset, length);
  }
  return { leaked: leaked.found(), overlap: overlap.found() };
}

class Collector {
  #bytes = 0;
  #count = 0;
  readonly #ranges: { offset: number; length: number }[] = [];
  readonly #kept: number;
  #end = -1;

  constructor(kept: number) {
    this.#kept = kept;
  }

  found(): Trouble {
    return { bytes: this.#bytes, count: this.#count, ranges: this.#ranges };
  }

  /** In order of offset. */
  add(offset: number, length: number): void {
    this.#bytes += length;
    const goesOn = offset === this.#end;
    this.#end = offset + length;
    if (!goesOn) {
      this.#count++;
      if (this.#ranges.length < this.#kept) this.#ranges.push({ offset, length });
      return;
    }
    const last = this.#ranges.at(-1);
    if (last && this.#count === this.#ranges.length) last.length += length;
  }
}
