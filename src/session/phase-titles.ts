/** The phases of a conversion, as people call them. */
import type { PhaseName } from '../convert/position.ts';

export const PHASE_TITLES: Readonly<Record<PhaseName, string>> = {
  relocate: 'relocate',
  l2: 'L2 tables',
  l1: 'L1 table',
  refcount: 'refcounts',
  verify: 'verify',
  header: 'header',
};
