/**
 * Repair, whatever the format: which of a driver's proposals are taken, and how often, for what is mended can show
 * what lay behind it.
 *
 * Invariants:
 *  1. What is not safe is done only when it was chosen: by its number, or with `all`.
 *  2. What frees bytes other than zero is done only by its number, or with `freeData`.
 *  3. A mark that says that nothing is wrong is set only when nothing is.
 *  4. It ends: after so many rounds, or when a round would do what the last one did.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Device } from '../device/device.ts';
import type { OpenContext } from '../drivers/driver.ts';
import type { CheckReport } from '../drivers/finding.ts';
import type { Proposal, RepairDriver, Repairs } from '../drivers/repair.ts';
import { ImageError } from '../errors.ts';

/** Numbers of proposals, from 1, as a list of them shows them. */
export interface Choice {
  readonly what: 'safe' | 'all' | readonly number[];
  /** Also free leaked clusters that hold more than zeros. */
  readonly freeData: boolean;
}

/** What was done, and what there is to do after it. */
export interface Repaired {
  readonly done: readonly Proposal[];
  readonly left: Repairs;
}

const MOST_ROUNDS = 24;

/** Throws ImageError `no-such-proposal`, `proposals-exclude` or `not-clean-yet`. */
export function* repair(
  driver: RepairDriver,
  device: Device,
  context: OpenContext,
  choice: Choice,
): Generator<Progress, Repaired> {
  const done: Proposal[] = [];
  let repairs = yield* driver.examine(device, context);
  if (typeof choice.what !== 'string') {
    const chosen = byNumber(repairs.proposals, choice.what);
    for (const isLast of [false, true]) {
      const now = chosen.filter((proposal) => (proposal.isLast ?? false) === isLast);
      if (now.length === 0) continue;
      if (isLast && !nothingElse(repairs.report)) throw notClean(now[0] as Proposal);
      yield* repairs.apply(device, now);
      done.push(...now);
      repairs = yield* driver.examine(device, context);
    }
    return { done, left: repairs };
  }
  let before = '';
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const chosen = taken(repairs, choice);
    const what = JSON.stringify(chosen.map(({ code, change, places }) => [code, change, places]));
    if (chosen.length === 0 || what === before) break;
    before = what;
    yield* repairs.apply(device, chosen);
    done.push(...chosen);
    repairs = yield* driver.examine(device, context);
  }
  return { done, left: repairs };
}

/** Those that a round takes: one of each group. Marks come by themselves, when there is nothing else. */
export function taken({ proposals, report }: Repairs, { what, freeData }: Choice): readonly Proposal[] {
  const groups = new Set<string>();
  const chosen = proposals.filter((proposal) => {
    const { isSafe, isPreferred, group, freesData, isLast } = proposal;
    const isMeant = freesData === undefined ? isSafe || what === 'all' : freeData;
    if (!isMeant || !isPreferred || isLast || groups.has(group)) return false;
    groups.add(group);
    return true;
  });
  if (chosen.length > 0 || !nothingElse(report)) return chosen;
  return proposals.filter(({ isLast }) => isLast);
}

function byNumber(proposals: readonly Proposal[], numbers: readonly number[]): readonly Proposal[] {
  const groups = new Map<string, number>();
  return [...new Set(numbers)].map((number) => {
    const proposal = proposals[number - 1];
    if (!proposal) throw noSuch(number, proposals.length);
    const other = groups.get(proposal.group);
    if (other !== undefined) {
      throw new ImageError({
        code: 'proposals-exclude',
        what: `proposals ${other} and ${number} exclude each other: ${proposal.change}`,
      });
    }
    groups.set(proposal.group, number);
    return proposal;
  });
}

/** Whether nothing is wrong but what a mark says; leaked space harms nobody. */
function nothingElse({ corruptions, unnoticedByQemu, checkErrors }: CheckReport): boolean {
  return corruptions + unnoticedByQemu + checkErrors === 0;
}

function noSuch(number: number, count: number): ImageError {
  const there = count === 0 ? 'nothing is proposed' : `proposals are numbered from 1 to ${count}`;
  return new ImageError({
    code: 'no-such-proposal',
    what: `there is no proposal ${number}: ${there}`,
    tryThis: 'repair',
  });
}

function notClean({ change }: Proposal): ImageError {
  return new ImageError({
    code: 'not-clean-yet',
    what: `'${change}' is for an image in which nothing else is wrong`,
    tryThis: 'repair the rest first, or repair --safe',
  });
}
