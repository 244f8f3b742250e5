/**
 * What two formats make of one stretch of the same file: the source, which is what the file is on disk, and the target,
 * which is what it is becoming.
 *
 * | source claims it as | target: data | target: tables | target: header | target: nothing  |
 * |---------------------|--------------|----------------|----------------|------------------|
 * | data                | shared       | overlap        | source-only    | source-only      |
 * | tables              | overlap      | overlap        | source-only    | source-only      |
 * | header              | overlap      | overlap        | shared         | source-only      |
 * | nothing             | target-only  | target-only    | target-only    | as the target says: leaked or free |
 *
 * `overlap` on either side is overlap. Without a target: overlap, leaked and free as the source says, all else shared.
 *
 * Why:
 *  - Header and header: the header changes hands in one sector, at the very end. That is the conversion, no clash.
 *  - Target's header over something else: a header area may reach far (QED hides dead clusters in it) but only its
 *    first sector is written, so what the source has there is still the source's alone.
 *  - Nothing and nothing: once there is a target, what matters is whether the file that is to be has a leak there. A
 *    QED target has no free marks, so all that it does not refer to is leaked, also while it is half mapped; a leak
 *    of a QED source is free again in a qcow2 target, whose refcounts are built from what it refers to.
 *  - While the target is half mapped, guest data not yet mapped is source-only: the source claims it, whatever the
 *    target calls it.
 *  - After `copy-header` the source is the old image as it is on disk: its tables are source-only until the commit.
 *  - Target's data on what the source calls leaked or free is target-only: nobody else loses by it.
 *  - A target in the same format has tables of its own elsewhere, so the rules are the same.
 */
import type { Role } from '../drivers/driver.ts';
import type { ShareName } from './panels.ts';

type Claim = 'data' | 'tables' | 'header' | 'nothing' | 'overlap';

const CLAIMS: Readonly<Record<Role, Claim>> = {
  header: 'header',
  l1: 'tables',
  l2: 'tables',
  'refcount-table': 'tables',
  'refcount-block': 'tables',
  data: 'data',
  compressed: 'data',
  'zero-allocated': 'data',
  'snapshot-table': 'tables',
  'snapshot-l1': 'tables',
  'snapshot-l2': 'tables',
  'snapshot-data': 'data',
  'vm-state': 'data',
  'bitmap-directory': 'tables',
  'bitmap-table': 'tables',
  'bitmap-data': 'tables',
  'crypto-header': 'tables',
  overlap: 'overlap',
  // Nobody can tell: it may be anything.
  unknown: 'data',
  leaked: 'nothing',
  free: 'nothing',
};

/** Of bytes that have role `source` in one format and role `target` in the other. */
export function shareOf(source: Role, target: Role): ShareName {
  const ours = CLAIMS[source];
  const theirs = CLAIMS[target];
  if (ours === 'overlap' || theirs === 'overlap') return 'overlap';
  if (theirs === 'nothing') return ours === 'nothing' ? aloneOf(target) : 'source-only';
  if (ours === 'nothing') return 'target-only';
  if (ours === theirs) return ours === 'tables' ? 'overlap' : 'shared';
  return theirs === 'header' ? 'source-only' : 'overlap';
}

/** Where there is no target. */
export function aloneOf(role: Role): ShareName {
  return role === 'overlap' || role === 'leaked' || role === 'free' ? role : 'shared';
}
