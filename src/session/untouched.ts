/**
 * Whether what was written between two moments can have changed an image's mapping: then the table of a large image
 * need not be walked again after each step of a conversion, which writes where the source claims nothing.
 */
import type { Step } from '../device/staged.ts';
import type { Image, Role } from '../drivers/driver.ts';
import { writtenBy } from './scene.ts';
import type { SideMap } from './side-map.ts';

/** Roles that the mapping is told from. */
const TELLS: ReadonlySet<Role> = new Set<Role>(['header', 'l1', 'l2', 'overlap']);

export interface Before {
  readonly image: Image;
  readonly map: SideMap;
  /** The table has entries that break a rule: one that points past the end of the file may not when it grows. */
  readonly hasInvalid: boolean;
}

/** `steps`: applied at one of the moments only, so that their writes are all that differs. */
export function mappingUntouched({ image, map, hasInvalid }: Before, now: Image, steps: readonly Step[]): boolean {
  if (image.format !== now.format || image.size !== now.size || image.unit !== now.unit || !map.complete) return false;
  if (now.device.size < map.size || (now.device.size > map.size && hasInvalid)) return false;
  const written = writtenBy(steps);
  if (!written) return false;
  for (const { offset, length } of written) {
    for (let at = offset; at < Math.min(offset + length, map.size); ) {
      const region = map.regionAt(at);
      if (TELLS.has(region.role)) return false;
      at = region.offset + region.length;
    }
  }
  return true;
}
