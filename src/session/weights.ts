/**
 * What a cell shows that stands for many clusters: the gravest of them. The one place for the order, the gravest
 * first; the palette takes its weights from here. What is wrong comes before all else, so that one bad cluster among
 * thousands is seen; tables, which are few, before data; and `free` gives way to everything.
 */
import type { Role } from '../drivers/driver.ts';
import type { ShareName } from './panels.ts';

export const ROLES_BY_WEIGHT: readonly Role[] = [
  'overlap',
  'leaked',
  'header',
  'l1',
  'l2',
  'refcount-table',
  'refcount-block',
  'snapshot-table',
  'snapshot-l1',
  'snapshot-l2',
  'bitmap-directory',
  'bitmap-table',
  'bitmap-data',
  'crypto-header',
  'vm-state',
  'snapshot-data',
  'data',
  'compressed',
  'zero-allocated',
  'unknown',
  'free',
];

export const SHARES_BY_WEIGHT: readonly ShareName[] = [
  'overlap',
  'leaked',
  'target-only',
  'source-only',
  'shared',
  'free',
];

/** How many of either list, from the first on, are something wrong. */
export const WRONG = 2;

/** From 1, the gravest. */
export function roleWeight(role: Role): number {
  return ROLES_BY_WEIGHT.indexOf(role) + 1;
}

/** From 1, the gravest. */
export function shareWeight(share: ShareName): number {
  return SHARES_BY_WEIGHT.indexOf(share) + 1;
}
