/**
 * Gathers neighbouring writes into large ones: a system call for each L2 table or refcount block would cost more
 * than the bytes do. Order between the gathered writes and what follows is kept; the gathered write has their labels,
 * a few of them spelled out.
 */
import type { Device } from './device.ts';
import { Labels } from './labels.ts';

/** Bytes. Beyond this, larger writes are no faster. */
export const COMBINED = 2 ** 20;

export class CombiningDevice implements Device {
  readonly #base: Device;
  readonly #buffer: Uint8Array;
  readonly #labels = new Labels();
  #offset = 0;
  #length = 0;

  constructor(base: Device, capacity = COMBINED) {
    this.#base = base;
    this.#buffer = new Uint8Array(capacity);
  }

  get name(): string {
    return this.#base.name;
  }

  get size(): number {
    return this.#length === 0 ? this.#base.size : Math.max(this.#base.size, this.#offset + this.#length);
  }

  read(offset: number, target: Uint8Array): void {
    this.#base.read(offset, target);
    const from = Math.max(offset, this.#offset);
    const to = Math.min(offset + target.length, this.#offset + this.#length);
    if (from < to) target.set(this.#buffer.subarray(from - this.#offset, to - this.#offset), from - offset);
  }

  write(offset: number, bytes: Uint8Array, what?: string): void {
    if (this.#length > 0 && offset !== this.#offset + this.#length) this.drain();
    for (let at = 0; at < bytes.length; ) {
      if (this.#length === 0) {
        this.#offset = offset + at;
        if (bytes.length - at >= this.#buffer.length) {
          this.#base.write(offset + at, bytes.subarray(at), what);
          return;
        }
      }
      const count = Math.min(bytes.length - at, this.#buffer.length - this.#length);
      this.#labels.add(what);
      this.#buffer.set(bytes.subarray(at, at + count), this.#length);
      this.#length += count;
      at += count;
      if (this.#length === this.#buffer.length) this.drain();
    }
  }

  /** Passes on what is gathered; not a barrier. When that fails it is still gathered, and still read back. */
  drain(): void {
    if (this.#length === 0) return;
    this.#base.write(this.#offset, this.#buffer.subarray(0, this.#length), this.#labels.text);
    this.#labels.clear();
    this.#length = 0;
  }

  resize(size: number): void {
    this.drain();
    this.#base.resize(size);
  }

  flush(): void {
    this.drain();
    this.#base.flush();
  }
}
