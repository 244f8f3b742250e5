/**
 * A table of 64-bit entries that is held in memory as a whole: the L1 table and the refcount table. Written through at
 * once; memory follows the file's length, for what lies behind its end is zero.
 */
import { type Device, readBytes } from '../../../device/device.ts';

/** Bits 9 to 55, the offset in an L1 entry: of the high half. */
const OFFSET_HI = 0x00ff_ffff;
const COPIED_HI = 0x8000_0000;

export class PairTable {
  /** Bytes of the file. */
  readonly offset: number;
  /** Entries. */
  readonly count: number;
  /** High and low half of each entry, for those that have ever been read or set. */
  readonly #words: Uint32Array;

  constructor(offset: number, count: number, words = new Uint32Array(2 * count)) {
    this.offset = offset;
    this.count = count;
    this.#words = words;
  }

  static read(device: Device, offset: number, count: number): PairTable {
    const table = new PairTable(offset, count);
    const present = Math.min(count, Math.max(0, Math.ceil((device.size - offset) / 8)));
    const view = new DataView(readBytes(device, offset, present * 8).buffer);
    for (let i = 0; i < 2 * present; i++) table.#words[i] = view.getUint32(i * 4);
    return table;
  }

  /** A copy with `count` entries that stands at `offset`; new entries are zero. */
  moved(offset: number, count: number): PairTable {
    const words = new Uint32Array(2 * count);
    words.set(this.#words.subarray(0, Math.min(this.#words.length, words.length)));
    return new PairTable(offset, count, words);
  }

  /** The entry's offset, bits 9 to 55 (bytes). */
  at(index: number): number {
    const hi = this.#words[2 * index] ?? 0;
    const lo = this.#words[2 * index + 1] ?? 0;
    return (hi & OFFSET_HI) * 2 ** 32 + ((lo & ~0x1ff) >>> 0);
  }

  isCopied(index: number): boolean {
    return (this.#words[2 * index] ?? 0) >= COPIED_HI;
  }

  /** Whether the entry is anything but 0. */
  isSet(index: number): boolean {
    return ((this.#words[2 * index] ?? 0) | (this.#words[2 * index + 1] ?? 0)) !== 0;
  }

  set(index: number, offset: number, copied = false): void {
    this.#words[2 * index] = Math.floor(offset / 2 ** 32) + (copied ? COPIED_HI : 0);
    this.#words[2 * index + 1] = offset % 2 ** 32;
  }

  /** Whole entry, as halves. */
  halves(index: number): readonly [hi: number, lo: number] {
    return [this.#words[2 * index] ?? 0, this.#words[2 * index + 1] ?? 0];
  }

  setHalves(index: number, [hi, lo]: readonly [hi: number, lo: number]): void {
    this.#words[2 * index] = hi;
    this.#words[2 * index + 1] = lo;
  }

  /** Index of the last entry that is not 0, or -1. */
  last(): number {
    for (let i = this.count - 1; i >= 0; i--) if (this.isSet(i)) return i;
    return -1;
  }

  /** As in the file: entries `from` .. `to` - 1. */
  encode(from = 0, to = this.count): Uint8Array {
    const bytes = new Uint8Array((to - from) * 8);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < (to - from) * 2; i++) view.setUint32(i * 4, this.#words[2 * from + i] ?? 0);
    return bytes;
  }
}

/** One entry as it stands in the file. */
export function entryBytes(offset: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(offset / 2 ** 32));
  view.setUint32(4, offset % 2 ** 32);
  return bytes;
}
