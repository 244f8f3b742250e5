/** Every format Platter knows. Adding one is a folder under drivers/ and a line here. */
import { type Device, readBytes } from '../device/device.ts';
import { ImageError } from '../errors.ts';
import type { Driver } from './driver.ts';
import { qcow2Driver } from './qcow2/driver.ts';
import { qedDriver } from './qed/driver.ts';
import { rawDriver } from './raw.ts';

/** Ties in probing go to the first. */
export const DRIVERS: readonly Driver[] = [qcow2Driver, qedDriver, rawDriver];

/** What probing looks at, bytes. */
const HEAD = 512;

/** The driver of a format. Throws ImageError `unknown-format`, with the list of names. */
export function driverNamed(name: string): Driver {
  const driver = DRIVERS.find((d) => d.name === name);
  if (driver) return driver;
  throw new ImageError({
    code: 'unknown-format',
    class: 'unsupported',
    what: `'${name}' is not a format Platter knows`,
    tryThis: `one of ${DRIVERS.map((d) => d.name).join(', ')}`,
  });
}

/** Guesses a format from the first 512 bytes, zero padded, as QEMU does: the highest score, and the first of equals. */
export function probe(device: Device): Driver {
  const head = readBytes(device, 0, HEAD);
  let best: Driver = rawDriver;
  let score = 0;
  for (const driver of DRIVERS) {
    const its = driver.probe(head, device.size);
    if (its > score) {
      best = driver;
      score = its;
    }
  }
  return best;
}
