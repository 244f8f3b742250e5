/** The formats by name, for commands: they ask here instead of knowing drivers. */
import type { Driver } from '../drivers/driver.ts';
import { DRIVERS, driverNamed } from '../drivers/registry.ts';

export const FORMAT_NAMES: readonly string[] = DRIVERS.map((driver) => driver.name);

/** Formats that can be the target of an in-place conversion. */
export function targetFormats(): string[] {
  return DRIVERS.filter((driver) => driver.conversion).map((driver) => driver.name);
}

/** Throws ImageError `unknown-format`. */
export function targetDriver(name: string): Driver {
  return driverNamed(name);
}

/** What `-o` takes for a target: `qcow2: cluster_size: …`, one line each. */
export function targetOptionLines(): string[] {
  return DRIVERS.flatMap(({ name, conversion }) =>
    Object.entries(conversion?.requests ?? {}).map(([key, doc]) => `${name}: ${key}: ${doc}`),
  );
}

/** The keys of `-o` and what they mean, of one target format. */
export function targetOptions(format: string): Readonly<Record<string, string>> {
  return DRIVERS.find(({ name }) => name === format)?.conversion?.requests ?? {};
}
