/**
 * A device that writes down what is done to it, in order: for `steps` and `diff`, for tests of ordering, and for
 * the replay of crashes.
 */
import type { Device } from './device.ts';

export type DeviceEvent =
  | {
      readonly kind: 'write';
      readonly offset: number;
      readonly length: number;
      /** The label, or '' when the write had none. */
      readonly what: string;
      /** A copy of what was written, where the trace keeps bytes. */
      readonly bytes?: Uint8Array;
    }
  | { readonly kind: 'resize'; readonly size: number }
  | { readonly kind: 'flush' };

export class TracedDevice implements Device {
  readonly events: DeviceEvent[] = [];
  readonly #base: Device;
  readonly #keepBytes: boolean;

  constructor(base: Device, options: { readonly keepBytes?: boolean } = {}) {
    this.#base = base;
    this.#keepBytes = options.keepBytes ?? false;
  }

  get name(): string {
    return this.#base.name;
  }

  get size(): number {
    return this.#base.size;
  }

  read(offset: number, target: Uint8Array): void {
    this.#base.read(offset, target);
  }

  write(offset: number, bytes: Uint8Array, what = ''): void {
    const copy = this.#keepBytes ? { bytes: bytes.slice() } : {};
    this.events.push({ kind: 'write', offset, length: bytes.length, what, ...copy });
    this.#base.write(offset, bytes, what);
  }

  resize(size: number): void {
    this.events.push({ kind: 'resize', size });
    this.#base.resize(size);
  }

  flush(): void {
    this.events.push({ kind: 'flush' });
    this.#base.flush();
  }
}
