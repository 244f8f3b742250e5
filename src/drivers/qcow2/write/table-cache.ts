/**
 * Tables kept in memory and written back later: L2 tables in slices, refcount blocks whole. Two caches know each other,
 * because what one holds may reach the file only after what the other holds.
 *
 *  1. A dirty table stays until it is written: a cache that is full writes all of them, in order, and drops some.
 *  2. Before any table of a cache is written, the cache it `depends` on is written and made durable.
 *  3. Who holds a Table while asking the same cache for another one marks it dirty first: it may be dropped.
 */
import type { Device } from '../../../device/device.ts';
import { type DeviceEvent, fire, type Request } from '../../../device/events.ts';

const CLEAN = Number.POSITIVE_INFINITY;

/** A part of a table, or a whole one, as it is in the file or will be. */
export class Table {
  /** Bytes of the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** `l2 table 3`. */
  readonly label: string;
  /** Bytes that differ from the file: `from` .. `to` - 1. */
  from = CLEAN;
  to = 0;

  constructor(offset: number, length: number, label: string) {
    this.offset = offset;
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
    this.label = label;
  }

  get dirty(): boolean {
    return this.from !== CLEAN;
  }
}

/** What a cache of tables of one kind does around reading and writing one. */
export interface TableKind {
  /** `l2 table`. */
  readonly name: string;
  /** Bytes of one Table. */
  readonly unit: number;
  /** Tables kept at most, dirty ones not counted. */
  readonly limit: number;
  readonly loaded?: DeviceEvent;
  readonly written: DeviceEvent;
  /** Throws where other metadata stands. */
  guard(offset: number, length: number): void;
  /** Makes durable what was written until now, guest data included. */
  barrier(): void;
  /** All tables are on the device. */
  settled?(): void;
}

export class TableCache {
  readonly #device: Device;
  readonly #kind: TableKind;
  readonly #tables = new Map<number, Table>();
  readonly #dirty = new Set<Table>();
  #depends: TableCache | undefined;
  /** Whether something outside must be durable first. */
  #waitsForFlush = false;

  constructor(device: Device, kind: TableKind) {
    this.#device = device;
    this.#kind = kind;
  }

  get depends(): TableCache | undefined {
    return this.#depends;
  }

  /** Tables in memory. */
  get count(): number {
    return this.#tables.size;
  }

  get dirtyTables(): Iterable<Table> & { readonly size: number } {
    return this.#dirty;
  }

  /** The table at `offset` where it is in memory. */
  held(offset: number): Table | undefined {
    return this.#tables.get(offset);
  }

  /** The table at `offset` (bytes), read where it is not held. `index`: which one, for its label. */
  *get(offset: number, index: number): Request<Table> {
    const held = this.#tables.get(offset);
    if (held) return held;
    const { loaded } = this.#kind;
    if (loaded) yield* fire(this.#device, loaded);
    yield* this.#makeRoom();
    const table = this.#hold(offset, index);
    try {
      this.#device.read(offset, table.bytes);
    } catch (error) {
      this.#tables.delete(offset);
      throw error;
    }
    return table;
  }

  /** A table of zeros at `offset`, whatever stands there. The caller marks it dirty. */
  *empty(offset: number, index: number): Request<Table> {
    this.discard(offset);
    yield* this.#makeRoom();
    return this.#hold(offset, index);
  }

  /** The bytes `from` .. `to` - 1 of the table have been changed. */
  mark(table: Table, from: number, to: number): void {
    if (!table.dirty) this.#dirty.add(table);
    if (from < table.from) table.from = from;
    if (to > table.to) table.to = to;
  }

  /** The table at `offset` is not one any more: what was not written of it never will be. */
  discard(offset: number): void {
    const table = this.#tables.get(offset);
    if (!table) return;
    this.#tables.delete(offset);
    this.#dirty.delete(table);
  }

  /** What is changed from now on may reach the file only after what `other` holds. */
  *dependOn(other: TableCache): Request {
    if (other.#depends) yield* other.#settleDependency();
    if (this.#depends && this.#depends !== other) yield* this.#settleDependency();
    this.#depends = other;
  }

  /** What is changed from now on may reach the file only after everything written until now is durable. */
  waitForFlush(): void {
    this.#waitsForFlush = true;
  }

  /** Puts all tables onto the device, what they depend on first. */
  *write(): Request {
    for (const table of this.#dirty) yield* this.#writeOne(table);
    this.#kind.settled?.();
  }

  /** Writes what it depends on, if anything, and makes that durable. */
  *settle(): Request {
    if (this.#depends) yield* this.#settleDependency();
  }

  /** The same as `write`, and makes it durable. */
  *flush(): Request {
    yield* this.write();
    this.#device.flush();
  }

  *#settleDependency(): Request {
    yield* (this.#depends as TableCache).flush();
    this.#depends = undefined;
    this.#waitsForFlush = false;
  }

  *#writeOne(table: Table): Request {
    if (this.#depends) yield* this.#settleDependency();
    else if (this.#waitsForFlush) {
      this.#kind.barrier();
      this.#waitsForFlush = false;
    }
    const { offset } = table;
    this.#kind.guard(offset, table.bytes.length);
    yield* fire(this.#device, this.#kind.written);
    if (!table.dirty || this.#tables.get(offset) !== table) return;
    this.#device.write(offset + table.from, table.bytes.subarray(table.from, table.to), table.label);
    this.#dirty.delete(table);
    table.from = CLEAN;
    table.to = 0;
  }

  #hold(offset: number, index: number): Table {
    const { unit, name } = this.#kind;
    const table = new Table(offset, unit, `${name} ${index}`);
    this.#tables.set(offset, table);
    return table;
  }

  *#makeRoom(): Request {
    const { limit } = this.#kind;
    if (this.#tables.size < limit) return;
    yield* this.write();
    for (const [offset, table] of this.#tables) {
      if (this.#tables.size <= limit / 2) break;
      if (!table.dirty) this.#tables.delete(offset);
    }
  }
}
