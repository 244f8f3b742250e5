/**
 * The file cluster by cluster: who owns what, as the source sees it, as the target sees it, and both together
 * (share.ts says what the two make of one stretch). One byte a unit and view; the unit is the smaller cluster of the
 * two sides, doubled until there are at most 2^24 of them. Totals count bytes, not units, whatever the grain.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Range } from '../bytes/ranges.ts';
import type { Image, Region, Role } from '../drivers/driver.ts';
import { Most } from './most.ts';
import type { ClusterView, ShareName } from './panels.ts';
import { Pyramid } from './pyramid.ts';
import { aloneOf, shareOf } from './share.ts';
import { SideMap } from './side-map.ts';
import { SHARES_BY_WEIGHT, WRONG } from './weights.ts';

const MOST_UNITS = 2 ** 24;
/** The unit of a file without clusters, and the least there is. Bytes. */
const SECTOR = 512;
const FREE = SHARES_BY_WEIGHT.indexOf('free');
const SEGMENTS_A_SLICE = 4096;

export interface MapOptions {
  /** The map before the last step: what has another owner now is marked. A side that was not there marks nothing. */
  readonly before?: { readonly source?: SideMap; readonly target?: SideMap };
  /** Bytes that the last step wrote, sorted and disjoint: marked on each side that shows staged bytes. */
  readonly written?: readonly Range[];
  /** The source is the file on disk, which no step has touched: nothing written is marked there. */
  readonly sourceIsOnDisk?: boolean;
  /** Smaller than usual, for tests: units, and regions kept one by one. */
  readonly mostUnits?: number;
  readonly regionsKept?: number;
}

export class ClusterMap implements ClusterView {
  readonly size: number;
  readonly unit: number;
  readonly source: SideMap;
  readonly target: SideMap | undefined;
  /** Dropped when it is built: a map must not keep the one before it, and so all of the past, in memory. */
  #options: MapOptions;
  readonly #shares: Pyramid | undefined;
  readonly #totals = new Map<ShareName, number>();
  #most: Most | undefined;

  constructor(source: Image, target: Image | undefined, options: MapOptions = {}) {
    const { mostUnits = MOST_UNITS, regionsKept } = options;
    this.size = Math.max(source.device.size, target?.device.size ?? 0);
    let unit = Math.max(
      Math.min(source.clusterSize || Number.POSITIVE_INFINITY, target?.clusterSize || Number.POSITIVE_INFINITY),
      SECTOR,
    );
    if (!Number.isFinite(unit)) unit = SECTOR;
    while (this.size / unit > mostUnits) unit *= 2;
    this.unit = unit;
    this.#options = options;
    this.source = new SideMap(source, unit, regionsKept);
    this.target = target && new SideMap(target, unit, regionsKept);
    this.#shares = target && new Pyramid(Math.ceil(this.size / unit), FREE);
  }

  *build(): Generator<Progress, void> {
    const { before, written = [], sourceIsOnDisk = false } = this.#options;
    yield* this.source.build(before?.source, sourceIsOnDisk ? [] : written);
    if (this.target) yield* this.target.build(before?.target, written);
    this.#options = {};
    yield* this.#share();
  }

  get complete(): boolean {
    return this.source.complete && (this.target === undefined || this.#shares?.raised === this.#shares?.units.length);
  }

  share(from: number, to: number): ShareName {
    if (!this.#shares) return aloneOf(this.source.cell(from, to).role);
    const low = Math.floor(Math.max(from, 0) / this.unit);
    const high = Math.min(Math.ceil(to / this.unit), this.#shares.units.length);
    return SHARES_BY_WEIGHT[low < high ? this.#shares.least(low, high) : FREE] as ShareName;
  }

  mostShare(cell: number, cellBytes: number): ShareName {
    if (!this.#shares) return aloneOf(this.source.most(cell, cellBytes).role);
    const perCell = Math.round(cellBytes / this.unit);
    this.#most ??= new Most(this.#shares.units, WRONG);
    return SHARES_BY_WEIGHT[this.#most.at(cell, perCell)] as ShareName;
  }

  shares(): Readonly<Partial<Record<ShareName, number>>> {
    return Object.fromEntries(this.#totals);
  }

  /** Stretches of the file (bytes) that have one share, in order. Both sides must be complete. */
  *stretches(): Generator<Stretch> {
    if (this.target) yield* merged(this.source.regions, this.target.regions, this.size);
    else yield* alone(this.source.regions);
  }

  *#share(): Generator<Progress, void> {
    const { unit, size } = this;
    const shares = this.#shares;
    if (!shares) {
      for (const [role, bytes = 0] of Object.entries(this.source.totals())) this.#count(aloneOf(role as Role), bytes);
      return;
    }
    let seen = 0;
    for (const { offset, length, share } of this.stretches()) {
      this.#count(share, length);
      fillLeast(shares.units, Math.floor(offset / unit), Math.ceil((offset + length) / unit), share);
      if (++seen % SEGMENTS_A_SLICE === 0) yield { what: 'shares', done: offset, total: size };
    }
    const { length } = shares.units;
    for (let end = 0; end < length; ) {
      end = Math.min(end + 2 ** 20, length);
      shares.raise(end);
      yield { what: 'shares', done: size, total: size };
    }
  }

  #count(share: ShareName, bytes: number): void {
    this.#totals.set(share, (this.#totals.get(share) ?? 0) + bytes);
  }
}

export interface Stretch {
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  readonly share: ShareName;
}

/** The stretches of a file without a target. */
export function* alone(regions: Iterable<Region>): Generator<Stretch> {
  for (const { offset, length, role } of regions) yield { offset, length, share: aloneOf(role) };
}

function fillLeast(units: Uint8Array, from: number, to: number, share: ShareName): void {
  const code = SHARES_BY_WEIGHT.indexOf(share);
  if (from >= to) return;
  // Only the first unit may hold something of the stretch before.
  if (code < (units[from] as number)) units[from] = code;
  units.fill(code, from + 1, to);
}

/** Both tilings in one, cut where either changes. Past a side's end it claims nothing. */
function* merged(source: Iterable<Region>, target: Iterable<Region>, size: number): Generator<Stretch> {
  const ours = new Cursor(source);
  const theirs = new Cursor(target);
  let from = 0;
  let share: ShareName = 'free';
  let start = 0;
  while (from < size) {
    const to = Math.min(ours.endAfter(from), theirs.endAfter(from), size);
    const next = shareOf(ours.role, theirs.role);
    if (next !== share) {
      if (from > start) yield { offset: start, length: from - start, share };
      start = from;
      share = next;
    }
    from = to;
  }
  if (size > start) yield { offset: start, length: size - start, share };
}

class Cursor {
  readonly #regions: Iterator<Region>;
  #end = 0;
  role: Role = 'free';

  constructor(regions: Iterable<Region>) {
    this.#regions = regions[Symbol.iterator]();
  }

  /** The end of the region that holds byte `at`, whose role is `role` then. `at` never goes back. */
  endAfter(at: number): number {
    while (this.#end <= at) {
      const step = this.#regions.next();
      if (step.done) {
        this.role = 'free';
        this.#end = Number.POSITIVE_INFINITY;
      } else {
        this.role = step.value.role;
        this.#end = step.value.offset + step.value.length;
      }
    }
    return this.#end;
  }
}
