/**
 * The file as one format sees it: the role of each unit, with a pyramid above it, and exact totals. Built from the
 * driver's regions in slices; shows what is built so far, the rest as free.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Range } from '../bytes/ranges.ts';
import type { Image, Region, Role } from '../drivers/driver.ts';
import { Most } from './most.ts';
import type { Cell, ClusterSide } from './panels.ts';
import { MARK, Pyramid } from './pyramid.ts';
import { RegionIndex } from './region-index.ts';
import { ROLES_BY_WEIGHT, WRONG } from './weights.ts';

const FREE = ROLES_BY_WEIGHT.indexOf('free');
const CODE_OF = Object.fromEntries(ROLES_BY_WEIGHT.map((role, code) => [role, code])) as Record<Role, number>;
/** Regions, and units, between two yields. */
const REGIONS_A_SLICE = 4096;
const UNITS_A_SLICE = 2 ** 18;
const WHAT = 'clusters';

export class SideMap implements ClusterSide {
  readonly format: string;
  /** Bytes: the file's length as this side has it. */
  readonly size: number;
  readonly unit: number;
  complete = false;
  /** Where the index does not keep every region: the driver's own, which iterate again. */
  #regions: Iterable<Region> = [];
  #image: Image | undefined;
  readonly #codes: Pyramid;
  readonly #index: RegionIndex;
  readonly #totals = new Map<Role, number>();
  #most: Most | undefined;

  /** `regionsKept`: more than that many are not kept one by one (region-index.ts). */
  constructor(image: Image, unit: number, regionsKept?: number) {
    this.#image = image;
    this.#index = new RegionIndex(regionsKept);
    this.format = image.format;
    this.size = image.device.size;
    this.unit = unit;
    this.#codes = new Pyramid(Math.ceil(this.size / unit), FREE);
  }

  /**
   * `before`: this side before the last step; what has another role now is marked. So is what lies in `written`
   * (bytes, sorted, disjoint).
   */
  *build(before: SideMap | undefined, written: readonly Range[]): Generator<Progress, void> {
    const { unit } = this;
    if (!this.#image) throw new Error('a map is built once');
    const regions = yield* this.#image.ownership();
    this.#image = undefined;
    const units = this.#codes.units;
    const marks = new Marks(units, unit, before, written);
    let seen = 0;
    for (const region of regions) {
      const { offset, length, role } = region;
      this.#index.add(region);
      this.#totals.set(role, (this.#totals.get(role) ?? 0) + length);
      this.#fill(offset, offset + length, CODE_OF[role]);
      // Units that the next region does not touch are final.
      const done = Math.min(Math.floor((offset + length) / unit), units.length);
      if (++seen % REGIONS_A_SLICE !== 0 && done - this.#codes.raised < UNITS_A_SLICE) continue;
      yield* this.#settle(done, marks);
    }
    yield* this.#settle(units.length, marks);
    if (!this.#index.isWhole) this.#regions = regions;
    this.complete = true;
  }

  /** In host order, tiling the file. Once complete. */
  get regions(): Iterable<Region> {
    return this.#index.isWhole ? this.#index : this.#regions;
  }

  cell(from: number, to: number): Cell {
    const code = this.#least(from, to);
    return { role: ROLES_BY_WEIGHT[code & ~MARK] as Role, changed: (code & MARK) !== 0 };
  }

  most(cell: number, cellBytes: number): Cell {
    const { changed, role } = this.cell(cell * cellBytes, (cell + 1) * cellBytes);
    const perCell = Math.round(cellBytes / this.unit);
    // Past this side's end there is nothing to count.
    if (cell * perCell >= this.#codes.units.length) return { role, changed };
    this.#most ??= new Most(this.#codes.units, WRONG);
    return { role: ROLES_BY_WEIGHT[this.#most.at(cell, perCell)] as Role, changed };
  }

  totals(): Readonly<Partial<Record<Role, number>>> {
    return Object.fromEntries(this.#totals);
  }

  /** The role of the byte, as far as its unit tells; `free` past the file's end. */
  roleAt(offset: number): Role {
    return ROLES_BY_WEIGHT[this.codeAt(offset)] as Role;
  }

  /** Index in ROLES_BY_WEIGHT. */
  codeAt(offset: number): number {
    const unit = Math.floor(offset / this.unit);
    return unit < this.#codes.units.length ? (this.#codes.units[unit] as number) & ~MARK : FREE;
  }

  /**
   * The region that holds the byte. In a file of more than a million pieces the ends of data and free space are told
   * from the units, and looked for only so far.
   */
  regionAt(offset: number): Region {
    const found = this.#index.find(offset);
    if (found) return found;
    const { from, to } = this.#index.gapAround(offset, this.size);
    const code = this.codeAt(offset);
    const { unit } = this;
    let start = Math.floor(offset / unit);
    let end = start + 1;
    for (let n = 0; n < FAR && start * unit > from && this.codeAt((start - 1) * unit) === code; n++) start--;
    for (let n = 0; n < FAR && end * unit < to && this.codeAt(end * unit) === code; n++) end++;
    const first = Math.max(start * unit, from);
    return { offset: first, length: Math.max(Math.min(end * unit, to) - first, 1), role: this.roleAt(offset) };
  }

  #least(from: number, to: number): number {
    const low = Math.floor(Math.max(from, 0) / this.unit);
    const high = Math.min(Math.ceil(to / this.unit), this.#codes.units.length);
    return low < high ? this.#codes.least(low, high) : FREE;
  }

  #fill(from: number, to: number, code: number): void {
    const { unit } = this;
    const units = this.#codes.units;
    const first = Math.floor(from / unit);
    const last = Math.min(Math.ceil(to / unit), units.length);
    // A unit at the edge may be shared with the region before; the gravest is shown.
    if (first * unit < from && first < last && (units[first] as number) <= code) units.fill(code, first + 1, last);
    else units.fill(code, first, last);
  }

  *#settle(to: number, marks: Marks): Generator<Progress, void> {
    for (let from = this.#codes.raised; from < to; ) {
      const end = Math.min(from + UNITS_A_SLICE, to);
      marks.make(from, end);
      this.#codes.raise(end);
      from = end;
      yield { what: WHAT, done: end * this.unit, total: this.size };
    }
  }
}

/** Units that the search for the end of a region looks at on each side. */
const FAR = 2 ** 16;

/** Marks units that differ from those before, or were written. */
class Marks {
  readonly #units: Uint8Array;
  readonly #unit: number;
  readonly #before: SideMap | undefined;
  readonly #written: readonly Range[];
  #next = 0;

  constructor(units: Uint8Array, unit: number, before: SideMap | undefined, written: readonly Range[]) {
    this.#units = units;
    this.#unit = unit;
    this.#before = before;
    this.#written = written;
  }

  make(from: number, to: number): void {
    const units = this.#units;
    const unit = this.#unit;
    const before = this.#before;
    if (before) {
      for (let i = from; i < to; i++) {
        const code = units[i] as number;
        if (before.codeAt(i * unit) !== code) units[i] = code | MARK;
      }
    }
    for (; this.#next < this.#written.length; this.#next++) {
      const { offset, length } = this.#written[this.#next] as Range;
      const first = Math.max(Math.floor(offset / unit), from);
      const end = Math.ceil((offset + length) / unit);
      for (let i = first; i < Math.min(end, to); i++) units[i] = (units[i] as number) | MARK;
      if (end > to) break;
    }
  }
}
