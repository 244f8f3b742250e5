/**
 * A device that knows whether anything was written since its last flush, and leaves out flushes that would make nothing
 * durable: one costs a millisecond and more on a real disk. As QEMU does for the file below a format.
 */
import type { Device } from '../../../device/device.ts';

/** `base` from now on: what was written to it before is for whoever wrote it to flush. */
export function flushedOnce(base: Device): Device {
  let written = false;
  return {
    get name() {
      return base.name;
    },
    get size() {
      return base.size;
    },
    read: (offset, target) => base.read(offset, target),
    write(offset, bytes, what) {
      written = true;
      base.write(offset, bytes, what);
    },
    resize(size) {
      written = true;
      base.resize(size);
    },
    flush() {
      if (!written) return;
      base.flush();
      written = false;
    },
    event: (event) => base.event?.(event),
  };
}
