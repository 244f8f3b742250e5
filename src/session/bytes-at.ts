/** Bytes of an image's file, for commands: they do not know devices. */
import { readBytes } from '../device/device.ts';
import type { Image } from '../drivers/driver.ts';

/** `length` bytes of the file at `offset`, with every staged step. Past the end: zeros. */
export function bytesAt({ device }: Image, offset: number, length: number): Uint8Array {
  return readBytes(device, offset, length);
}
