/**
 * What QEMU does first with an image that was not closed: its refcounts are counted again, since with lazy refcounts
 * those in the file may be too low. Repair's own proposals are taken, those that have to do with refcounts: what no entry
 * leads to is given back, guest data is not touched.
 */
import { runToEnd } from '../../../bytes/progress.ts';
import type { Device } from '../../../device/device.ts';
import type { OpenContext } from '../../driver.ts';
import type { Proposal, Repairs } from '../../repair.ts';
import { qcow2Repair } from '../repair/driver.ts';

/** One repair may show what lay behind it. */
const MOST_ROUNDS = 8;

/** Mends the refcounts, and takes the dirty mark off where nothing else is wrong. */
export function recount(device: Device, context: OpenContext): void {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const repairs = runToEnd(qcow2Repair.examine(device, context));
    const mends = chosen(repairs);
    if (mends.length > 0) runToEnd(repairs.apply(device, mends));
    else {
      const mark = repairs.proposals.find(({ code, isLast }) => isLast && code === 'dirty');
      const isClean = repairs.report.findings.every(({ code }) => code === 'dirty');
      if (mark && isClean) runToEnd(repairs.apply(device, [mark]));
      break;
    }
  }
  device.flush();
}

/** One of each group, of those that lose nothing or only what is leaked. */
function chosen({ proposals }: Repairs): readonly Proposal[] {
  const groups = new Set<string>();
  return proposals.filter(({ isSafe, isPreferred, isLast, freesData, group }) => {
    if (!(isSafe || freesData !== undefined) || !isPreferred || isLast || groups.has(group)) return false;
    groups.add(group);
    return true;
  });
}
