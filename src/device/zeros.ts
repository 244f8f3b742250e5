/** Zeros: whether bytes are nothing else, how many of a device are something else, and zeros written to one. */
import type { Device } from './device.ts';

/** Bytes read at once. */
const PIECE = 256 * 1024;
const ZEROS = new Uint8Array(64 * 1024);

/** Whether every byte is zero. True of no bytes. */
export function isZero(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  // A buffer is all zero when it begins with zero and equals itself shifted by one; memcmp is the fastest loop here.
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}

/** How many of `length` bytes from `offset` on are not zero, read into `piece` again and again. */
export function countNonZero(
  device: Device,
  offset: number,
  length: number,
  piece = new Uint8Array(Math.min(PIECE, length)),
): number {
  let found = 0;
  for (let at = 0; at < length; at += piece.length) {
    const part = piece.subarray(0, Math.min(piece.length, length - at));
    device.read(offset + at, part);
    if (isZero(part)) continue;
    for (const byte of part) if (byte !== 0) found++;
  }
  return found;
}

/** Zeros at bytes `from` .. `to` - 1, at most `most` bytes in one write; `what` labels them. */
export function writeZeros(device: Device, from: number, to: number, what: string, most = ZEROS.length): void {
  if (from >= to) return;
  const zeros = most <= ZEROS.length ? ZEROS.subarray(0, most) : new Uint8Array(Math.min(most, to - from));
  for (let at = from; at < to; at += zeros.length) {
    device.write(at, zeros.subarray(0, Math.min(zeros.length, to - at)), what);
  }
}
