/**
 * Whether what was written between two moments can have changed an image's mapping: then the table of a large image
 * need not be walked again after each step of a conversion, which writes where the source claims nothing.
 */
import type { Step } from '../device/staged.ts';
import type { Image, Role } from '../drivers/driver.ts';
import { writtenBy } from './scene.ts';
import type { SideMap } from './side-map.ts';
import { ROLES_BY_WEIGHT } from './weights.ts';

const NOBODY: ReadonlySet<Role> = new Set<Role>(['free', 'leaked']);
/** Roles that the mapping is not told from. */
const TELLS: readonly Role[] = ['header', 'l1', 'l2', 'overlap'];
const SILENT: ReadonlySet<Role> = new Set(ROLES_BY_WEIGHT.filter((role) => !TELLS.includes(role)));

export interface Before {
  readonly image: Image;
  readonly map: SideMap;
  /** The table has entries that break a rule: one that points past the end of the file may not when it grows. */
  readonly hasInvalid: boolean;
}

/** `steps`: applied at one of the moments only, so that their writes are all that differs. */
export function mappingUntouched({ image, map, hasInvalid }: Before, now: Image, steps: readonly Step[]): boolean {
  if (image.format !== now.format || image.size !== now.size || image.unit !== now.unit || !map.complete) return false;
  const { size } = now.device;
  if (size > map.size && hasInvalid) return false;
  // What a smaller file no longer holds must have been nobody's.
  if (!ownedBy(map, size, map.size, NOBODY)) return false;
  return writtenBy(steps)?.every(({ offset, length }) => ownedBy(map, offset, offset + length, SILENT)) ?? false;
}

/** Whether all owners of the bytes `from` .. `to` - 1, as far as the file goes, are among `roles`. */
function ownedBy(map: SideMap, from: number, to: number, roles: ReadonlySet<Role>): boolean {
  for (let at = from; at < Math.min(to, map.size); ) {
    const region = map.regionAt(at);
    if (!roles.has(region.role)) return false;
    at = region.offset + region.length;
  }
  return true;
}
