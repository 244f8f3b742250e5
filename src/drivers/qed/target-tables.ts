/**
 * The L1 table and one L2 table of a conversion target, in memory; the rest of the tables are on the device. Entries
 * are little-endian [lo, hi] pairs of words, in memory as on disk.
 *
 * Invariants:
 *  1. A caller that maps in guest order has each L2 table written once, whole, and in the order of their offsets.
 *  2. An L1 entry names a table only together with its place; both reach the device with the next `sync`.
 */
import type { Device } from '../../device/device.ts';
import { tableEntries } from './geometry.ts';
import { entryValue } from './tables.ts';

export class TargetTables {
  /** Entries of one table. */
  readonly entries: number;
  /** Bytes of one table, L1 and L2 alike. */
  readonly tableBytes: number;
  /** L1 entries that the disk needs; the rest of the table stays zero. */
  readonly l1Entries: number;
  /** Where the L1 table stands, in bytes. */
  l1Offset = 0;
  /** L2 tables placed so far. */
  count = 0;
  /** The current L2 table's entries as [lo, hi] pairs of words. */
  readonly words: Int32Array;
  /** The current table's L1 index; -1 when there is none. */
  current = -1;
  readonly #device: Device;
  readonly #place: (bytes: number) => number;
  readonly #l1: Int32Array;
  /** L1 entries that `sync` has yet to write: [from, to). */
  #l1Dirty: readonly [from: number, to: number] = [0, 0];
  #dirty = false;

  /** `place` finds room for metadata of so many bytes, and claims it. */
  constructor(
    device: Device,
    shape: { readonly clusterSize: number; readonly tableClusters: number; readonly imageSize: number },
    place: (bytes: number) => number,
  ) {
    this.#device = device;
    this.#place = place;
    this.entries = tableEntries(shape.clusterSize, shape.tableClusters);
    this.tableBytes = shape.tableClusters * shape.clusterSize;
    this.l1Entries = Math.ceil(shape.imageSize / (shape.clusterSize * this.entries));
    this.#l1 = new Int32Array(this.l1Entries * 2);
    this.words = new Int32Array(this.entries * 2);
  }

  /** The guest cluster that the word pair at `word` of the current table maps. */
  guestCluster(word: number): number {
    return this.current * this.entries + word / 2;
  }

  /** Where L2 table `index` stands, in bytes; 0 when there is none yet. */
  l2Offset(index: number): number {
    return entryValue(this.#l1, index);
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
    const [from, to] = this.#l1Dirty;
    if (from === to) return;
    this.#device.write(this.l1Offset + from * 8, bytesOf(this.#l1.subarray(from * 2, to * 2)), 'l1 table');
    this.#l1Dirty = [0, 0];
  }

  /** Writes the whole L1 table: whatever lay there before must not be read as entries. */
  writeL1(): void {
    const table = new Uint8Array(this.tableBytes);
    table.set(bytesOf(this.#l1));
    this.#device.write(this.l1Offset, table, 'l1 table');
  }

  /** Reads the L1 table back, after undo or redo. */
  reload(): void {
    this.#device.read(this.l1Offset, bytesOf(this.#l1));
    for (let i = 0; i < this.l1Entries; i++) if (this.l2Offset(i) !== 0) this.count++;
  }

  #load(index: number): void {
    this.#store();
    this.current = index;
    const offset = this.l2Offset(index);
    if (offset !== 0) {
      this.#device.read(offset, bytesOf(this.words));
      return;
    }
    this.words.fill(0);
    const placed = this.#place(this.tableBytes);
    this.#l1[2 * index] = (placed % 2 ** 32) | 0;
    this.#l1[2 * index + 1] = Math.floor(placed / 2 ** 32);
    const [from, to] = this.#l1Dirty;
    this.#l1Dirty = from === to ? [index, index + 1] : [Math.min(from, index), Math.max(to, index + 1)];
    this.count++;
  }

  #store(): void {
    if (!this.#dirty) return;
    this.#device.write(this.l2Offset(this.current), bytesOf(this.words), `l2 table ${this.current}`);
    this.#dirty = false;
  }
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
