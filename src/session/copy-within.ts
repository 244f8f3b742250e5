/** Copies bytes inside one device, in slices, whichever way the ranges overlap. */
import type { Progress } from '../bytes/progress.ts';
import { type Device, readBytes } from '../device/device.ts';

/** Bytes copied in one go. */
const PIECE = 256 * 1024;

/** `length` bytes from `from` to `to`; the device grows where it must. */
export function* copyWithin(device: Device, from: number, to: number, length: number): Generator<Progress, void> {
  // Towards the end the last piece goes first: what it overwrites was copied before.
  const backwards = to > from;
  for (let done = 0; done < length; ) {
    const size = Math.min(PIECE, length - done);
    const at = backwards ? length - done - size : done;
    device.write(to + at, readBytes(device, from + at, size), 'copy');
    done += size;
    yield { what: 'copying', done, total: length, unit: 'bytes' };
  }
}
