/**
 * A device in memory, sparse: pages come into being when they are written, so 1 TiB with a few bytes in it costs a
 * few pages.
 */
import type { Device } from './device.ts';

/** Bytes. */
const PAGE = 4096;

export class MemoryDevice implements Device {
  readonly name: string;
  /** Absent pages are zero. */
  readonly #pages = new Map<number, Uint8Array>();
  #size = 0;

  /** Begins with a copy of the bytes given, or with that many zero bytes. */
  constructor(content: Uint8Array | number = 0, name = 'memory') {
    this.name = name;
    if (typeof content === 'number') this.#size = content;
    else this.write(0, content);
  }

  get size(): number {
    return this.#size;
  }

  read(offset: number, target: Uint8Array): void {
    let at = 0;
    while (at < target.length) {
      const page = this.#pages.get(Math.floor((offset + at) / PAGE));
      const from = (offset + at) % PAGE;
      const count = Math.min(PAGE - from, target.length - at);
      if (page) target.set(page.subarray(from, from + count), at);
      else target.fill(0, at, at + count);
      at += count;
    }
  }

  write(offset: number, bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const number = Math.floor((offset + at) / PAGE);
      const from = (offset + at) % PAGE;
      const count = Math.min(PAGE - from, bytes.length - at);
      let page = this.#pages.get(number);
      if (!page) {
        page = new Uint8Array(PAGE);
        this.#pages.set(number, page);
      }
      page.set(bytes.subarray(at, at + count), from);
      at += count;
    }
    if (bytes.length > 0) this.#size = Math.max(this.#size, offset + bytes.length);
  }

  resize(size: number): void {
    if (size < this.#size) {
      const boundary = Math.floor(size / PAGE);
      for (const number of this.#pages.keys()) if (number > boundary) this.#pages.delete(number);
      this.#pages.get(boundary)?.fill(0, size % PAGE);
    }
    this.#size = size;
  }

  flush(): void {}

  /** A copy of the whole content. For devices that fit in memory as a whole. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.#size);
    this.read(0, all);
    return all;
  }
}
