/**
 * A device that can be written only where it is allowed. The converters are trusted to keep off the guest's data,
 * and this makes sure of it: whatever they do wrong ends here, before the file, as a bug with a stack.
 */
import type { Ranges } from '../bytes/ranges.ts';
import { hex } from '../bytes/size.ts';
import type { Device } from './device.ts';

/** Everything from `offset` (bytes) on, as the length of a range. */
export const TO_THE_END = Number.MAX_SAFE_INTEGER;

/**
 * Reads pass; a write, or a resize that adds or removes bytes, must lie inside `allowed`. Throws a plain Error, for
 * it is a bug. `allowed` is looked at on each write, so it may change meanwhile.
 */
export function fence(device: Device, allowed: Ranges): Device {
  const check = (offset: number, length: number, what: string): void => {
    if (length === 0 || allowed.covers(offset, length)) return;
    throw new Error(
      `${what} of ${device.name} at ${hex(offset)}, ${length} bytes, leaves the space that is free to be written`,
    );
  };
  return {
    name: device.name,
    get size() {
      return device.size;
    },
    read(offset, target) {
      device.read(offset, target);
    },
    write(offset, bytes, what) {
      check(offset, bytes.length, `write (${what ?? 'unlabelled'})`);
      // Writing past the end also makes the gap exist; the gap is ours to write as well.
      if (offset > device.size) check(device.size, offset - device.size, 'growth');
      device.write(offset, bytes, what);
    },
    resize(size) {
      const from = Math.min(size, device.size);
      check(from, Math.max(size, device.size) - from, 'resize');
      device.resize(size);
    },
    flush() {
      device.flush();
    },
  };
}
