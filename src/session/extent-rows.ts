/** A table's rows in one of its two orders, with the kinds that are shown: places to rows and back. */
import { EXTENT_KINDS } from '../bytes/extents.ts';
import type { ExtentStore } from './extent-store.ts';
import { type HostOrder, isOrdered } from './host-order.ts';
import type { ExtentRow, ExtentRows } from './panels.ts';

/** The table that makes a row of its number. */
export interface RowMaker {
  readonly hostIsElsewhere: boolean;
  rowAt(row: number): ExtentRow;
  /** Bytes of the file that the stream of the compressed cluster at `guest` may take. */
  streamLength(guest: number): number;
}

abstract class Rows implements ExtentRows {
  protected readonly table: RowMaker;
  protected readonly store: ExtentStore;
  protected readonly byHost: HostOrder;
  protected readonly mask: number;

  constructor(table: RowMaker, store: ExtentStore, byHost: HostOrder, mask: number) {
    this.table = table;
    this.store = store;
    this.byHost = byHost;
    this.mask = mask;
  }

  abstract readonly count: number;
  abstract readonly complete: boolean;
  abstract indexOfGuest(guest: number): number;
  /** The place of a row of the store; -1 when it is not shown. */
  protected abstract placeOf(row: number): number;
  protected abstract rowNumber(index: number): number;

  get hostIsElsewhere(): boolean {
    return this.table.hostIsElsewhere;
  }

  at(index: number): ExtentRow {
    const row = index >= 0 && index < this.count ? this.rowNumber(index) : Number.NaN;
    if (Number.isNaN(row)) throw new RangeError(`row ${index} of ${this.count}`);
    return this.table.rowAt(row);
  }

  indexOfHost(host: number): number {
    if (!this.byHost.complete) return -1;
    const row = this.byHost.rowAt(host, (guest) => this.table.streamLength(guest));
    return row < 0 ? -1 : this.placeOf(row);
  }
}

/** In guest order, unallocated runs between the rows. */
export class GuestRows extends Rows {
  get count(): number {
    return this.store.countIn(this.mask);
  }

  get complete(): boolean {
    return this.store.finished;
  }

  indexOfGuest(guest: number): number {
    const { store, mask } = this;
    if (guest >= store.end) return this.count - 1;
    const row = store.rowAtOrBefore(guest);
    // What stands at or before the guest byte: all up to this row, and the gap behind it if the byte lies there.
    let shown = store.rank(mask, row + 1);
    const behind = row < 0 || (store.guestAt(row) + store.lengthAt(row)) * store.unit <= guest;
    if (behind && (mask & 1) === 1 && (row + 1 < store.count || store.finished) && store.hasGapBefore(row + 1)) shown++;
    return shown - 1;
  }

  protected placeOf(row: number): number {
    const { store, mask } = this;
    if (((mask >>> store.kindAt(row)) & 1) === 0) return -1;
    return store.rank(mask, row + 1) - 1;
  }

  protected rowNumber(index: number): number {
    return this.store.select(this.mask, index);
  }
}

/** Kinds that have a place in the file, one bit each. */
const ORDERED = EXTENT_KINDS.reduce((mask, _, code) => mask | (isOrdered(code) ? 1 << code : 0), 0);

/** In the order of the file: rows that have a place in it. */
export class HostRows extends Rows {
  get count(): number {
    return this.byHost.countIn(this.mask);
  }

  get complete(): boolean {
    return this.byHost.complete;
  }

  indexOfGuest(guest: number): number {
    const { store } = this;
    const mask = this.mask & ORDERED;
    const before = store.rank(mask, store.rowAtOrBefore(guest) + 1);
    if (before === 0 || !this.complete) return -1;
    return this.placeOf(store.select(mask, before - 1));
  }

  protected placeOf(row: number): number {
    return this.byHost.rank(this.mask, row);
  }

  protected rowNumber(index: number): number {
    return this.byHost.select(this.mask, index);
  }
}
