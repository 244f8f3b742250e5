/**
 * A part of a device as a device of its own: fixed length, offsets from its own start. For a structure that stands
 * in the middle of a file.
 */
import { ImageError } from '../errors.ts';
import type { Device } from './device.ts';

/** `offset` and `length` in bytes. Writes past the slice's end throw ImageError `past-end`; it cannot be resized. */
export function slice(device: Device, offset: number, length: number): Device {
  const name = `${device.name}[${offset}, ${offset + length})`;
  return {
    name,
    size: length,
    read(at, target) {
      const present = Math.max(0, Math.min(target.length, length - at));
      if (present > 0) device.read(offset + at, target.subarray(0, present));
      target.fill(0, present);
    },
    write(at, bytes, what) {
      if (at + bytes.length > length) throw pastEnd(name, at, bytes.length, length);
      device.write(offset + at, bytes, what);
    },
    resize(size) {
      if (size !== length) throw pastEnd(name, size, 0, length);
    },
    flush() {
      device.flush();
    },
  };
}

function pastEnd(name: string, offset: number, length: number, size: number): ImageError {
  return new ImageError({
    code: 'past-end',
    class: 'range',
    what: `${name}: bytes up to ${offset + length} do not fit a part of ${size} bytes that cannot grow`,
    where: { offset, length, file: name },
  });
}
