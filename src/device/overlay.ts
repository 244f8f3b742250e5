/**
 * A read-only view of a device with some bytes replaced: the file as it would be with another header, before
 * anything is written.
 */
import type { Device } from './device.ts';

/** `bytes` stand at `offset` (bytes) over what the device holds there. A write, resize or flush is a bug. */
export function overlay(device: Device, offset: number, bytes: Uint8Array): Device {
  const name = `${device.name} with ${bytes.length} bytes at ${offset} replaced`;
  const end = offset + bytes.length;
  const readOnly = (): never => {
    throw new Error(`${name} is a view; writing to it is a bug`);
  };
  return {
    name,
    get size() {
      return Math.max(device.size, end);
    },
    read(at, target) {
      device.read(at, target);
      const from = Math.max(at, offset);
      const to = Math.min(at + target.length, end);
      if (from < to) target.set(bytes.subarray(from - offset, to - offset), from - at);
    },
    write: readOnly,
    resize: readOnly,
    flush: readOnly,
  };
}
