/**
 * Where each guest range of an image is stored, as rows to scroll through, filter, sort by host and look up: one walk
 * over the mapping, in slices, into columns (extent-store.ts); an object is made only for a row that is looked at.
 *
 * Invariants:
 *  1. Rows are those that `map` lists: maximal runs, but each compressed cluster and each invalid entry by itself.
 *  2. What the walk has reached can be asked for while it goes on; `complete` says when that is all.
 *  3. A row's host and fault that only the entry itself tells are read when the row is looked at, and left out when
 *     the image no longer says so (a table of the past).
 */
import { COMPRESSED, EXTENT_KINDS, type Extent, type ExtentKind, hasHost, UNALLOCATED } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Image } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { ExtentChanges } from './extent-changes.ts';
import { GuestRows, HostRows } from './extent-rows.ts';
import { ExtentStore } from './extent-store.ts';
import { HostOrder } from './host-order.ts';
import type { ExtentRow, ExtentRows, RowOrder } from './panels.ts';

/** How many extents and guest bytes there are of one kind. */
export interface KindTotal {
  readonly kind: ExtentKind;
  readonly extents: number;
  readonly bytes: number;
}

export interface TableOptions {
  /** The table before the last step: rows that are not in it are marked. */
  readonly before?: ExtentTable;
  /** Gives up the rows of `before` as they are compared: two large tables are too much. */
  readonly consume?: boolean;
}

export class ExtentTable {
  /** Host offsets are of an external data file, not of the image file: they have no place in the cluster map. */
  readonly hostIsElsewhere: boolean;
  readonly #store: ExtentStore;
  readonly #byHost: HostOrder;
  #image: Image;
  #changes: ExtentChanges | undefined;

  constructor(image: Image, { before, consume = false }: TableOptions = {}) {
    this.#image = image;
    this.hostIsElsewhere = image.dataDevice !== image.device;
    this.#store = new ExtentStore(image.unit, image.size);
    // A stream takes as many sectors as its entry can count: at most those of two clusters.
    this.#byHost = new HostOrder(this.#store, 2 * image.clusterSize + 512);
    this.#changes = before && new ExtentChanges(before.#store, consume);
  }

  /** Walks the mapping: rows show as it goes on. */
  *walk(): Generator<Progress, void> {
    const image = this.#image;
    const { size, unit } = image;
    const store = this.#store;
    const perCluster = Math.max(image.clusterSize / unit, 1);
    for (const batch of image.mappings(0, size, 'mapped')) {
      const { kind, guest, length, host, count } = batch;
      for (let i = 0; i < count; i++) {
        const code = kind[i] as number;
        const start = guest[i] as number;
        const units = length[i] as number;
        if (code === UNALLOCATED) continue;
        if (code === COMPRESSED) this.#pushEach(start, units, perCluster);
        else this.#push(code, start, units, host[i] as number);
      }
      yield { what: 'mapping', done: Math.min(store.tail * unit, size), total: size };
    }
    store.finish();
    this.#changes?.finish(store.count, Math.min(store.tail * unit, size), size);
  }

  /** Makes the order by host. The walk must be over. */
  *orderByHost(): Generator<Progress, void> {
    if (!this.#byHost.complete) yield* this.#byHost.build((guest) => this.#detail(guest)?.host);
  }

  /** Both. */
  *build(): Generator<Progress, void> {
    yield* this.walk();
    yield* this.orderByHost();
  }

  /** Rows stored, without unallocated runs. */
  get count(): number {
    return this.#store.count;
  }

  /** The walk is over. */
  get complete(): boolean {
    return this.#store.finished;
  }

  get orderedByHost(): boolean {
    return this.#byHost.complete;
  }

  /** Bytes: the guest disk's size. */
  get size(): number {
    return this.#store.end;
  }

  rows({ sort, kinds }: RowOrder): ExtentRows {
    const mask = maskOf(kinds);
    return sort === 'host'
      ? new HostRows(this, this.#store, this.#byHost, mask)
      : new GuestRows(this, this.#store, this.#byHost, mask);
  }

  /** Only kinds that occur, in the order of EXTENT_KINDS. */
  totals(): KindTotal[] {
    return EXTENT_KINDS.map((kind, code) => ({
      kind,
      extents: this.#store.countOf(code),
      bytes: this.#store.bytesOf(code),
    })).filter(({ extents }) => extents > 0);
  }

  /** The same rows read from another opening of the same mapping: nothing has changed in them. */
  rebase(image: Image): void {
    this.#image = image;
    this.#changes = undefined;
  }

  /** Row `row` of the store, or for `~row` the unallocated run before it. */
  rowAt(row: number): ExtentRow {
    const store = this.#store;
    if (row < 0) {
      const changed = this.#changes?.gapChanged(~row) ?? false;
      return { kind: 'unallocated', ...store.gapBefore(~row), changed };
    }
    const { unit } = store;
    const guest = store.guestAt(row) * unit;
    const length = Math.min(store.lengthAt(row) * unit, store.end - guest);
    const code = store.kindAt(row);
    const kind = EXTENT_KINDS[code] as ExtentKind;
    const changed = this.#changes?.rowChanged(row) ?? false;
    if (hasHost(code)) return { kind, guest, length, host: store.hostAt(row) * unit, changed };
    if (kind !== 'compressed' && kind !== 'invalid') return { kind, guest, length, changed };
    const { host, hostLength, fault } = this.#detail(guest, kind) ?? {};
    return {
      ...{ kind, guest, length, changed },
      ...(host === undefined ? {} : { host }),
      ...(hostLength === undefined ? {} : { hostLength }),
      ...(fault === undefined ? {} : { fault }),
    };
  }

  /** Bytes of the file that the stream of the compressed cluster at `guest` may take. */
  streamLength(guest: number): number {
    return this.#detail(guest, 'compressed')?.hostLength ?? 0;
  }

  #push(kind: number, guest: number, length: number, host: number): void {
    const store = this.#store;
    const row = store.count;
    const from = store.tail;
    store.push(kind, guest, length, host);
    if (!this.#changes) return;
    const { unit, end } = store;
    const start = guest * unit;
    this.#changes.next(row, kind, from * unit, start, Math.min(length * unit, end - start), host * unit);
  }

  /** A run of compressed clusters: one row each. */
  #pushEach(start: number, units: number, perCluster: number): void {
    for (let at = start; at < start + units; ) {
      const next = Math.min((Math.floor(at / perCluster) + 1) * perCluster, start + units);
      this.#push(COMPRESSED, at, next - at, 0);
      at = next;
    }
  }

  /** What the image's entry says, if it can be read and is (still) of the kind. */
  #detail(guest: number, kind?: ExtentKind): Extent | undefined {
    try {
      const extent = this.#image.getMapping(guest);
      return kind === undefined || extent.kind === kind ? extent : undefined;
    } catch (error) {
      if (error instanceof ImageError) return undefined;
      throw error;
    }
  }
}

/** One bit a kind. */
function maskOf(kinds: readonly ExtentKind[] | undefined): number {
  if (kinds === undefined) return 2 ** EXTENT_KINDS.length - 1;
  return kinds.reduce((mask, kind) => mask | (1 << EXTENT_KINDS.indexOf(kind)), 0);
}
