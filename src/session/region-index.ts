/**
 * The regions of a file in columns, to find the one that holds a byte: nine bytes a region, and its label where it has
 * one. A file in a million pieces or more keeps only the regions of tables, which have labels; the rest is asked of
 * the map of units (`find` answers undefined there).
 */
import type { Region, Role } from '../drivers/driver.ts';
import { ROLES_BY_WEIGHT } from './weights.ts';

const KEPT = 2 ** 20;

/** Roles that come in millions of pieces. */
const BULK: ReadonlySet<Role> = new Set<Role>([
  'data',
  'compressed',
  'zero-allocated',
  'snapshot-data',
  'vm-state',
  'bitmap-data',
  'leaked',
  'free',
]);

export class RegionIndex {
  #starts = new Float64Array(256);
  #ends = new Float64Array(256);
  #roles = new Uint8Array(256);
  #labels: (string | undefined)[] = [];
  #count = 0;
  #tablesOnly = false;
  readonly #limit: number;

  /** `limit`: how many regions are kept before those without labels are given up. */
  constructor(limit = KEPT) {
    this.#limit = limit;
  }

  /** The next region, in host order. */
  add(region: Region): void {
    if (this.#tablesOnly && BULK.has(region.role)) return;
    if (this.#count >= this.#limit && !this.#tablesOnly) {
      this.#dropBulk();
      this.add(region);
      return;
    }
    this.#put(region.offset, region.offset + region.length, ROLES_BY_WEIGHT.indexOf(region.role), region.label);
  }

  /** Every region is kept: iterating gives them all. */
  get isWhole(): boolean {
    return !this.#tablesOnly;
  }

  *[Symbol.iterator](): Generator<Region> {
    for (let i = 0; i < this.#count; i++) yield this.#at(i);
  }

  /** The region that holds the byte, where it is kept. */
  find(offset: number): Region | undefined {
    const i = this.#lastAtOrBefore(offset);
    return i < 0 || (this.#ends[i] as number) <= offset ? undefined : this.#at(i);
  }

  /** Bytes: between which kept regions a byte lies that none of them holds. */
  gapAround(offset: number, size: number): { from: number; to: number } {
    const i = this.#lastAtOrBefore(offset);
    const next = i + 1 < this.#count ? (this.#starts[i + 1] as number) : size;
    return { from: i < 0 ? 0 : (this.#ends[i] as number), to: next };
  }

  #at(i: number): Region {
    const start = this.#starts[i] as number;
    const role = ROLES_BY_WEIGHT[this.#roles[i] as number] as Role;
    const label = this.#labels[i];
    const length = (this.#ends[i] as number) - start;
    return label === undefined ? { offset: start, length, role } : { offset: start, length, role, label };
  }

  #lastAtOrBefore(offset: number): number {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  #put(start: number, end: number, role: number, label: string | undefined): void {
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#roles[this.#count] = role;
    if (label !== undefined) this.#labels[this.#count] = label;
    this.#count++;
  }

  #grow(): void {
    const room = this.#starts.length * 2;
    const starts = new Float64Array(room);
    const ends = new Float64Array(room);
    const roles = new Uint8Array(room);
    starts.set(this.#starts);
    ends.set(this.#ends);
    roles.set(this.#roles);
    this.#starts = starts;
    this.#ends = ends;
    this.#roles = roles;
  }

  #dropBulk(): void {
    this.#tablesOnly = true;
    const labels = this.#labels;
    const count = this.#count;
    this.#labels = [];
    this.#count = 0;
    for (let i = 0; i < count; i++) {
      const role = this.#roles[i] as number;
      if (BULK.has(ROLES_BY_WEIGHT[role] as Role)) continue;
      this.#put(this.#starts[i] as number, this.#ends[i] as number, role, labels[i]);
    }
  }
}
