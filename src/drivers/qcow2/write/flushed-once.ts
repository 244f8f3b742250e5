/**
 * A device that knows whether anything was written since its last flush, and leaves out flushes that would make nothing
 * durable: one costs a millisecond and more on a real disk. As QEMU does for the file below a format.
 */
import type { Device } from '../../../device/device.ts';
import { DeviceLayer } from '../../../device/layer.ts';

/** `base` from now on: what was written to it before is for whoever wrote it to flush. */
export function flushedOnce(base: Device): Device {
  return new FlushedOnce(base);
}

class FlushedOnce extends DeviceLayer {
  #written = false;

  override write(offset: number, bytes: Uint8Array, what?: string): void {
    this.#written = true;
    super.write(offset, bytes, what);
  }

  override resize(size: number): void {
    this.#written = true;
    super.resize(size);
  }

  override flush(): void {
    if (!this.#written) return;
    super.flush();
    this.#written = false;
  }
}
