/** Structures that lie among some bytes of a file, gathered in the order of their importance and made disjoint. */
import type { Progress } from '../../bytes/progress.ts';
import type { Ranges } from '../../bytes/ranges.ts';
import { sorted } from '../../bytes/sorted.ts';
import type { Region, Role } from '../driver.ts';

export class Candidates {
  readonly #among: Ranges;
  readonly #end: number;
  readonly #first: number;
  readonly #found: Region[] = [];

  /** `among` in bytes; `fileSize`: structures are cut there. */
  constructor(among: Ranges, fileSize: number) {
    this.#among = among;
    const [first] = among;
    this.#first = first?.offset ?? Number.POSITIVE_INFINITY;
    this.#end = fileSize;
  }

  /** Bytes. The label is made only for what lies among the ranges: there may be many more. */
  add(offset: number, length: number, role: Role, label: () => string | undefined): void {
    const end = Math.min(offset + length, this.#end);
    if (end <= this.#first || offset >= end || !this.#among.overlapping(offset, end - offset)) return;
    const text = label();
    const region = { offset, length: end - offset, role };
    this.#found.push(text === undefined ? region : { ...region, label: text });
  }

  /** In host order. Where two claim the same bytes, they are the one's that begins first, or was added first. */
  *disjoint(): Generator<Progress, readonly Region[]> {
    const all = yield* sorted(this.#found, ({ offset }) => offset, 'sorting tables');
    const regions: Region[] = [];
    let end = 0;
    for (const region of all) {
      const start = Math.max(region.offset, end);
      const stop = region.offset + region.length;
      if (start >= stop) continue;
      regions.push(start === region.offset ? region : { ...region, offset: start, length: stop - start });
      end = stop;
    }
    return regions;
  }
}
