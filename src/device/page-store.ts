/**
 * Where staged pages lie: numbered slots of one page each, the first so many in memory, the rest in a temporary
 * file. A slot knows which of its sectors hold something; the others were never written and must not be read.
 *
 * Pages of 4 KiB: what file systems and processors use, so a spilled page is one block, and a scattered eight-byte
 * edit costs 4 KiB and not a cluster. Within a page, sectors of 512 bytes are what a disk writes atomically, what
 * every format aligns to at least, and so the grain at which changes are told from what lies below.
 */
import { TempFile } from './temp-file.ts';

/** Bytes. */
export const PAGE = 4096;
/** Bytes. */
export const SECTOR = 512;
/** Pages that are allocated together: an allocation for each page would cost more than filling it. */
const SLAB_PAGES = 256;

export class PageStore {
  /** Slots below this one lie in memory. */
  readonly memoryPages: number;
  readonly #slabs: Uint8Array[] = [];
  #masks = new Uint8Array(SLAB_PAGES);
  /** Slots given back: those in memory, and those in the temporary file. */
  #freed: number[] = [];
  #freedSpilled: number[] = [];
  #next = 0;
  #spill: TempFile | undefined;
  readonly #page = new Uint8Array(PAGE);
  /** The spilled page that was written last, kept back until another one is: small writes come in runs. */
  readonly #hot = new Uint8Array(PAGE);
  #hotSlot = -1;

  /** `memoryLimit`: bytes of pages kept in memory. */
  constructor(memoryLimit: number) {
    this.memoryPages = Math.ceil(memoryLimit / PAGE);
  }

  /** Slots in use. */
  get used(): number {
    return this.#next - this.#freed.length - this.#freedSpilled.length;
  }

  /** Slots in use that lie in the temporary file. */
  get spilled(): number {
    return Math.max(0, this.#next - this.memoryPages) - this.#freedSpilled.length;
  }

  /** A slot with no sector valid; in memory while there is one. */
  allocate(): number {
    const slot = this.#free() ?? this.#next++;
    if (slot >= this.#masks.length) {
      const longer = new Uint8Array(this.#masks.length * 2);
      longer.set(this.#masks);
      this.#masks = longer;
    }
    this.#masks[slot] = 0;
    return slot;
  }

  free(slot: number): void {
    (slot < this.memoryPages ? this.#freed : this.#freedSpilled).push(slot);
  }

  /** Gives everything back, memory and temporary file included. */
  clear(): void {
    this.#slabs.length = 0;
    this.#freed = [];
    this.#freedSpilled = [];
    this.#next = 0;
    this.#spill?.close();
    this.#spill = undefined;
    this.#hotSlot = -1;
  }

  /** Bit n: the sector n of the page holds something. */
  mask(slot: number): number {
    return this.#masks[slot] as number;
  }

  setMask(slot: number, mask: number): void {
    this.#masks[slot] = mask;
  }

  /** Reads inside one page, from `at` (bytes into the page). */
  read(slot: number, at: number, target: Uint8Array): void {
    if (slot === this.#hotSlot) {
      target.set(this.#hot.subarray(at, at + target.length));
      return;
    }
    if (slot >= this.memoryPages) {
      this.#spilled().read((slot - this.memoryPages) * PAGE + at, target);
      return;
    }
    const from = (slot % SLAB_PAGES) * PAGE + at;
    target.set(this.#slab(slot).subarray(from, from + target.length));
  }

  /** Writes inside one page, at `at` (bytes into the page). Does not touch the mask. */
  write(slot: number, at: number, bytes: Uint8Array): void {
    if (slot >= this.memoryPages) {
      if (slot !== this.#hotSlot) this.#heat(slot, bytes.length < PAGE);
      this.#hot.set(bytes, at);
      return;
    }
    this.#slab(slot).set(bytes, (slot % SLAB_PAGES) * PAGE + at);
  }

  /** A new slot with the content and mask of `slot`. */
  copy(slot: number): number {
    const fresh = this.allocate();
    this.read(slot, 0, this.#page);
    this.write(fresh, 0, this.#page);
    this.setMask(fresh, this.mask(slot));
    return fresh;
  }

  /** A slot given back earlier, if it is as good as a new one. */
  #free(): number | undefined {
    const slot = this.#freed.pop();
    return slot ?? (this.#next < this.memoryPages ? undefined : this.#freedSpilled.pop());
  }

  /** Makes `slot` the hot page, with its content where some of it will stay. */
  #heat(slot: number, load: boolean): void {
    const spill = this.#spilled();
    if (this.#hotSlot >= 0) spill.write((this.#hotSlot - this.memoryPages) * PAGE, this.#hot);
    if (load) spill.read((slot - this.memoryPages) * PAGE, this.#hot);
    this.#hotSlot = slot;
  }

  #slab(slot: number): Uint8Array {
    const index = Math.floor(slot / SLAB_PAGES);
    let slab = this.#slabs[index];
    if (!slab) {
      slab = new Uint8Array(SLAB_PAGES * PAGE);
      this.#slabs[index] = slab;
    }
    return slab;
  }

  #spilled(): TempFile {
    this.#spill ??= new TempFile();
    return this.#spill;
  }
}
