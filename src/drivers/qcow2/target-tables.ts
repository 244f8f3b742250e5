/**
 * The L1 table and one L2 table of a conversion target, in memory; the rest of the tables are on the device.
 *
 * Invariants:
 *  1. A caller that maps in guest order has each L2 table written once, and in the order of their offsets.
 *  2. An L1 entry names a table only together with its place; both reach the device with the next `sync`.
 *  3. Every table is referred to once: COPIED is set in every L1 entry.
 */
import type { Device } from '../../device/device.ts';
import { L1Entry, L2Entry } from './layout.ts';

const TWO_32 = 2 ** 32;

export class TargetTables {
  /** Entries of one L2 table. */
  readonly l2Entries: number;
  /** Where the L1 table stands, in bytes. */
  l1Offset = 0;
  /** L2 tables placed so far. */
  count = 0;
  /** The current L2 table's entries as [lo, hi] pairs of words. */
  readonly words: Int32Array;
  readonly #device: Device;
  readonly #clusterSize: number;
  readonly #place: (bytes: number) => number;
  /** As on disk, big-endian. */
  readonly #l1: Uint8Array;
  readonly #l1View: DataView;
  /** L1 entries that `sync` has yet to write: [from, to). */
  #l1Dirty: readonly [from: number, to: number] = [0, 0];
  /** The current table's L1 index; -1 when there is none. */
  #current = -1;
  #dirty = false;
  readonly #entries: Buffer;

  /** `place` finds room for metadata of so many bytes, and claims it. */
  constructor(device: Device, clusterSize: number, imageSize: number, place: (bytes: number) => number) {
    this.#device = device;
    this.#clusterSize = clusterSize;
    this.#place = place;
    this.l2Entries = clusterSize / 8;
    // QEMU refuses an L1 table without entries, so an empty disk has one too.
    const l1Entries = Math.max(Math.ceil(imageSize / (clusterSize * this.l2Entries)), 1);
    this.#l1 = new Uint8Array(l1Entries * 8);
    this.#l1View = new DataView(this.#l1.buffer);
    this.#entries = Buffer.alloc(clusterSize);
    this.words = new Int32Array(this.#entries.buffer, this.#entries.byteOffset, clusterSize / 4);
  }

  get l1Entries(): number {
    return this.#l1.length / 8;
  }

  /** Bytes of the L1 table, without the padding to a cluster. */
  get l1Bytes(): number {
    return this.#l1.length;
  }

  /** The guest cluster that the word pair at `word` of the current table maps. */
  guestCluster(word: number): number {
    return this.#current * this.l2Entries + word / 2;
  }

  /** The host offset in the word pair at `word`, in bytes; 0 when it has none. */
  hostAt(word: number): number {
    const hi = (this.words[word + 1] as number) & L2Entry.mask.offset.hi;
    return hi * TWO_32 + (((this.words[word] as number) & L2Entry.mask.offset.lo) >>> 0);
  }

  /** Where L2 table `index` stands, in bytes; 0 when there is none yet. */
  l2Offset(index: number): number {
    const hi = this.#l1View.getUint32(index * 8) & L1Entry.mask.offset.hi;
    return hi * TWO_32 + ((this.#l1View.getUint32(index * 8 + 4) & L1Entry.mask.offset.lo) >>> 0);
  }

  /** Makes the table that covers a guest cluster current, to be changed; answers the first word of its entry. */
  select(guestCluster: number): number {
    const index = Math.floor(guestCluster / this.l2Entries);
    if (index !== this.#current) this.#load(index);
    this.#dirty = true;
    return (guestCluster - index * this.l2Entries) * 2;
  }

  /** Makes table `index`, which exists, current, to be read. */
  show(index: number): void {
    if (index !== this.#current) this.#load(index);
  }

  /** Puts the current table and the changed part of the L1 table onto the device. */
  sync(): void {
    this.#store();
    const [from, to] = this.#l1Dirty;
    if (from === to) return;
    this.#device.write(this.l1Offset + from * 8, this.#l1.subarray(from * 8, to * 8), 'l1 table');
    this.#l1Dirty = [0, 0];
  }

  /** Writes the whole L1 table, padded with zeros to `length` bytes: whatever lay there before must not be read as entries. */
  writeL1(length: number): void {
    const padded = new Uint8Array(length);
    padded.set(this.#l1);
    this.#device.write(this.l1Offset, padded, 'l1 table');
  }

  /** Reads the L1 table back, after undo or redo. */
  reload(): void {
    this.#device.read(this.l1Offset, this.#l1);
    for (let i = 0; i < this.l1Entries; i++) if (this.l2Offset(i) !== 0) this.count++;
  }

  #load(index: number): void {
    this.#store();
    this.#current = index;
    const offset = this.l2Offset(index);
    if (offset === 0) {
      this.#entries.fill(0);
      this.#setL1(index, this.#place(this.#clusterSize));
    } else {
      this.#device.read(offset, this.#entries);
      this.#entries.swap64();
    }
  }

  #store(): void {
    if (!this.#dirty) return;
    this.#entries.swap64();
    this.#device.write(this.l2Offset(this.#current), this.#entries, `l2 table ${this.#current}`);
    this.#entries.swap64();
    this.#dirty = false;
  }

  #setL1(index: number, offset: number): void {
    this.#l1View.setUint32(index * 8, (Math.floor(offset / TWO_32) | L1Entry.mask.copied.hi) >>> 0);
    this.#l1View.setUint32(index * 8 + 4, offset % TWO_32);
    const [from, to] = this.#l1Dirty;
    this.#l1Dirty = from === to ? [index, index + 1] : [Math.min(from, index), Math.max(to, index + 1)];
    this.count++;
  }
}
