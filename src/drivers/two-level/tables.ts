/**
 * The L1 table and one L2 table of a conversion target, in memory; the rest of the tables are on the device. For every
 * format whose mapping is an L1 table of 64-bit offsets of L2 tables of 64-bit entries.
 *
 * Invariants:
 *  1. A caller that maps in guest order has each L2 table written once, whole, and in the order of their offsets.
 *  2. An L1 entry names a table only together with its place; both reach the device with the next `sync`, or where the
 *     L1 table is held, the entry with `writeL1`: until then it is in `held` only.
 *  3. In memory an entry is the pair of words [lo, hi], whatever the byte order on disk: one mapper serves all.
 */
import type { Device } from '../../device/device.ts';
import type { PlacedRun } from '../driver.ts';
import { placesIn, runsOf } from './placed-runs.ts';

const TWO_32 = 2 ** 32;

/** How a format lays its tables out. Sizes in bytes. */
export interface TableShape {
  readonly endian: 'big' | 'little';
  /** Bytes that the L1 table occupies on disk, a multiple of the cluster. */
  readonly l1Bytes: number;
  /** L1 entries that the disk needs; the rest of the table stays zero. */
  readonly l1Entries: number;
  readonly l2Bytes: number;
  /** Bits of an entry that are its offset, and bits that every entry with an offset has set; of the halves. */
  readonly offsetMask: { readonly hi: number; readonly lo: number };
  readonly flagsHi: number;
}

export class TargetTables {
  readonly shape: TableShape;
  /** Entries of one L2 table. */
  readonly entries: number;
  /** Where the L1 table stands, in bytes. */
  l1Offset = 0;
  /** L2 tables placed so far. */
  count = 0;
  /** The current L2 table's entries. */
  readonly words: Int32Array;
  /** The current table's L1 index; -1 when there is none. */
  current = -1;
  /** `sync` leaves the L1 table alone until `writeL1`. */
  isHeld = false;
  readonly #device: Device;
  readonly #place: (bytes: number) => number;
  readonly #l1: Int32Array;
  /** L1 entries that `sync` has yet to write: [from, to). */
  #l1Dirty: readonly [from: number, to: number] = [0, 0];
  #dirty = false;

  /** `place` finds room for a table of so many bytes, and claims it. */
  constructor(device: Device, shape: TableShape, place: (bytes: number) => number) {
    this.shape = shape;
    this.#device = device;
    this.#place = place;
    this.entries = shape.l2Bytes / 8;
    this.#l1 = new Int32Array(shape.l1Entries * 2);
    this.words = new Int32Array(this.entries * 2);
  }

  /** The guest cluster that the word pair at `word` of the current table maps. */
  guestCluster(word: number): number {
    return this.current * this.entries + word / 2;
  }

  /** The offset in the entry at `word` of the current table, in bytes. */
  hostAt(word: number): number {
    return this.#offsetIn(this.words, word);
  }

  /** Where L2 table `index` stands, in bytes; 0 when there is none yet. */
  l2Offset(index: number): number {
    return this.#offsetIn(this.#l1, index * 2);
  }

  /** Makes the table that covers a guest cluster current, to be changed; answers the first word of its entry. */
  select(guestCluster: number): number {
    const index = Math.floor(guestCluster / this.entries);
    if (index !== this.current) this.#load(index);
    this.#dirty = true;
    return (guestCluster - index * this.entries) * 2;
  }

  /** Makes table `index`, which exists, current, to be read. */
  show(index: number): void {
    if (index !== this.current) this.#load(index);
  }

  /** Puts the current table and the changed part of the L1 table onto the device. */
  sync(): void {
    this.#store();
    if (!this.isHeld) this.writeL1();
  }

  /** Puts the changed part of the L1 table onto the device, held or not, and holds it no longer. */
  writeL1(): void {
    this.isHeld = false;
    const { offset, bytes } = this.pending;
    if (bytes.length > 0) this.#device.write(offset, bytes, 'l1 table');
    this.#l1Dirty = [0, 0];
  }

  /** What `writeL1` has yet to write, and where, in bytes. */
  get pending(): { readonly offset: number; readonly bytes: Uint8Array } {
    const [from, to] = this.#l1Dirty;
    return { offset: this.l1Offset + from * 8, bytes: this.#onDisk(this.#l1.slice(from * 2, to * 2)) };
  }

  /** The tables that only a held L1 table names. */
  get held(): PlacedRun[] {
    return this.isHeld ? runsOf(this.#pendingTables(), this.shape.l2Bytes) : [];
  }

  /** Finds a place for the L1 table and writes it whole: whatever lay there before must not be read as entries. */
  createL1(): void {
    this.l1Offset = this.#place(this.shape.l1Bytes);
    this.#device.write(this.l1Offset, new Uint8Array(this.shape.l1Bytes), 'l1 table');
  }

  /** Reads the L1 table back, after undo or redo. `held`: what it does not say yet; undefined: it is not held. */
  reloadL1(offset: number, held: readonly PlacedRun[] | undefined): void {
    this.l1Offset = offset;
    this.#read(offset, this.#l1);
    this.isHeld = held !== undefined;
    for (const [index, table] of placesIn(held ?? [], this.shape.l2Bytes)) this.#name(index, table);
    for (let i = 0; i < this.shape.l1Entries; i++) if (this.l2Offset(i) !== 0) this.count++;
  }

  #load(index: number): void {
    this.#store();
    this.current = index;
    const offset = this.l2Offset(index);
    if (offset !== 0) {
      this.#read(offset, this.words);
      return;
    }
    this.words.fill(0);
    this.#name(index, this.#place(this.shape.l2Bytes));
    this.count++;
  }

  /** Makes the L1 entry of table `index`. */
  #name(index: number, offset: number): void {
    this.#l1[index * 2] = (offset % TWO_32) | 0;
    this.#l1[index * 2 + 1] = Math.floor(offset / TWO_32) | this.shape.flagsHi;
    const [from, to] = this.#l1Dirty;
    this.#l1Dirty = from === to ? [index, index + 1] : [Math.min(from, index), Math.max(to, index + 1)];
  }

  *#pendingTables(): Generator<readonly [index: number, offset: number]> {
    const [from, to] = this.#l1Dirty;
    for (let i = from; i < to; i++) if (this.l2Offset(i) !== 0) yield [i, this.l2Offset(i)];
  }

  #store(): void {
    if (!this.#dirty) return;
    // Swapped in place and back: the table may stay current, and a copy of 2 MiB would cost more.
    this.#device.write(this.l2Offset(this.current), this.#onDisk(this.words), `l2 table ${this.current}`);
    this.#onDisk(this.words);
    this.#dirty = false;
  }

  #read(offset: number, words: Int32Array): void {
    this.#device.read(offset, bytesOf(words));
    this.#onDisk(words);
  }

  /** Turns entries into the disk's byte order, or back, in place. */
  #onDisk(words: Int32Array): Uint8Array {
    const bytes = bytesOf(words);
    if (this.shape.endian === 'big') bytes.swap64();
    return bytes;
  }

  #offsetIn(words: Int32Array, word: number): number {
    const { offsetMask } = this.shape;
    const hi = (words[word + 1] as number) & offsetMask.hi;
    return hi * TWO_32 + (((words[word] as number) & offsetMask.lo) >>> 0);
  }
}

function bytesOf(words: Int32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}
