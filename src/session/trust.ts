/** What a file must be before it is opened, and before it is written. */
import { type Device, readBytes } from '../device/device.ts';
import type { FileDevice } from '../device/file.ts';
import { findJournal } from '../device/journal-path.ts';
import { DRIVERS, driverNamed } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';

/** A commit that was interrupted comes before anything else. Throws ImageError `journal-found`. */
export function refuseJournal(file: FileDevice, path: string): void {
  const journal = findJournal(file);
  if (journal === undefined) return;
  throw new ImageError({
    code: 'journal-found',
    what: `${journal} lies beside the image: a commit was interrupted, and the file may be neither the old nor the new image`,
    tryThis: `recover ${path}`,
  });
}

/**
 * A guessed format is good enough to look at, not to write: a raw disk whose guest wrote an image's first bytes
 * must not be taken for that image, and a file that is nothing known is not therefore raw. Throws ImageError
 * `guessed-format`.
 */
export function refuseGuess(file: FileDevice, format: string): void {
  const doubt = doubtAbout(file, file.path, format);
  if (doubt === undefined) return;
  throw new ImageError({
    code: 'guessed-format',
    class: 'unsupported',
    what: `${file.name} ${doubt}; that is not enough to write it`,
    tryThis: `open it with -f ${format} if that is what it is`,
  });
}

/** A driver that recognises its own signature scores this. */
const CERTAIN = 100;

/** Why the format found by probing may not be the right one. */
function doubtAbout(file: Device, path: string, format: string): string | undefined {
  const head = readBytes(file, 0, 512);
  const score = (name: string): number => driverNamed(name).probe(head, file.size);
  if (score(format) < CERTAIN) return `was taken for ${format} because nothing in it speaks for another format`;
  const named = DRIVERS.find(({ name }) => name !== format && path.toLowerCase().endsWith(`.${name}`));
  if (!named || score(named.name) === 0) return undefined;
  return `is named as ${named.name}, and could be that, but begins like ${format}`;
}
