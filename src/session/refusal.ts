/** Images that their drivers refuse to open: opened all the same where the user asked for it, to be looked at and mended. */
import type { Device } from '../device/device.ts';
import type { Driver, Image, OpenContext } from '../drivers/driver.ts';
import { DRIVERS, probe } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';

/** Whether an error is about what the image's bytes say: what fails otherwise (a disk, a name) is no refusal. */
export function isRefusal(error: unknown): error is ImageError {
  return error instanceof ImageError && error.class !== undefined && error.where !== undefined;
}

/** As the driver opens it, or what has a name in what it refuses. */
export function openLeniently(driver: Driver, device: Device, context: OpenContext): Image {
  try {
    return driver.open(device, context);
  } catch (error) {
    if (!driver.openRefused || !isRefusal(error)) throw error;
    return driver.openRefused(device, error);
  }
}

/** What to do first about a refusal: a file that begins like another format is perhaps no broken one. */
export function adviceFor(file: Device, { class: fault }: ImageError): string {
  const { name, openRefused } = probe(file);
  if (fault === 'magic' && openRefused) return `open it with -f ${name}, which is how it begins; or with --broken`;
  return 'open it with --broken';
}

/** The refusal, with what to do first. */
export function advised(error: ImageError, first: string): ImageError {
  const { code, what, where, tryThis } = error;
  return new ImageError({
    code,
    what,
    where,
    class: error.class,
    tryThis: tryThis === undefined ? `${first}, to look and mend` : `${first}, then ${tryThis}`,
  });
}

/** Where nothing but its name speaks for a format, that has to be said. Throws ImageError `format-needed`. */
export function refuseFormless({ name }: Device, driver: Driver): void {
  if (driver.openRefused) return;
  const formats = DRIVERS.flatMap((one) => (one.openRefused ? [one.name] : []));
  const named = formats.find((format) => name.toLowerCase().endsWith(`.${format}`));
  const choices = named ? [named] : formats;
  throw new ImageError({
    code: 'format-needed',
    what: `${name}: nothing in it speaks for a format whose header could be mended`,
    tryThis: `--broken ${choices.map((format) => `-f ${format}`).join(' or --broken ')}`,
  });
}
