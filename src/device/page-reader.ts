/**
 * Bytes of a staged device at one moment: of a page from the slot it has then, where the slot holds something; all
 * else from the base, below its limit only. What reads zeros and what reads the base is decided here alone.
 */
import type { Device } from './device.ts';
import { PAGE, type PageStore, SECTOR } from './page-store.ts';
import type { Extent } from './step.ts';

const SECTORS = PAGE / SECTOR;
const ALL_SECTORS = 2 ** SECTORS - 1;

export class PageReader {
  readonly #base: Device;
  readonly #store: PageStore;

  constructor(base: Device, store: PageStore) {
    this.#base = base;
    this.#store = store;
  }

  /** `slotOf`: the slot of a page at that moment, if any; `extent`: the device's size and what it shows of the base. */
  read(slotOf: (page: number) => number | undefined, extent: Extent, offset: number, target: Uint8Array): void {
    // Runs of pages without a slot are read from the base in one go.
    let pending = 0;
    for (let at = 0; at < target.length; ) {
      const page = Math.floor((offset + at) / PAGE);
      const from = (offset + at) % PAGE;
      const count = Math.min(PAGE - from, target.length - at);
      const slot = slotOf(page);
      if (slot !== undefined) {
        if (pending < at) this.base(extent, offset + pending, target.subarray(pending, at));
        this.#page(extent, page, slot, from, target.subarray(at, at + count));
        pending = at + count;
      }
      at += count;
    }
    if (pending < target.length) this.base(extent, offset + pending, target.subarray(pending));
    const present = Math.max(0, Math.min(target.length, extent.size - offset));
    target.fill(0, present);
  }

  /** What the base shows, zeros from its limit on. */
  base({ baseLimit }: Extent, offset: number, target: Uint8Array): void {
    const present = Math.max(0, Math.min(target.length, baseLimit - offset));
    if (present > 0) this.#base.read(offset, target.subarray(0, present));
    target.fill(0, present);
  }

  #page(extent: Extent, page: number, slot: number, from: number, target: Uint8Array): void {
    const mask = this.#store.mask(slot);
    if (mask === ALL_SECTORS) {
      this.#store.read(slot, from, target);
      return;
    }
    const end = from + target.length;
    for (let at = from; at < end; ) {
      const sector = Math.floor(at / SECTOR);
      const stop = Math.min(endOfRun(mask, sector) * SECTOR, end);
      const part = target.subarray(at - from, stop - from);
      if ((mask >>> sector) & 1) this.#store.read(slot, at, part);
      else this.base(extent, page * PAGE + at, part);
      at = stop;
    }
  }
}

/** The end of the run of equal bits of a page's mask that begins at bit `sector`. */
export function endOfRun(mask: number, sector: number): number {
  const bit = (mask >>> sector) & 1;
  let end = sector + 1;
  while (end < SECTORS && ((mask >>> end) & 1) === bit) end++;
  return end;
}
