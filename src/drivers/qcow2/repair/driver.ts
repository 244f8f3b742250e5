/**
 * Repair of qcow2: the check's findings one by one to those who can mend them, and what was chosen done in an order in
 * which each builds on the one before.
 */
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../../bytes/progress.ts';
import type { Device } from '../../../device/device.ts';
import { ImageError } from '../../../errors.ts';
import type { OpenContext } from '../../driver.ts';
import type { Finding } from '../../finding.ts';
import type { Proposal, RepairDriver, Repairs } from '../../repair.ts';
import { RefcountTableEntry } from '../layout.ts';
import { bitmapMends, overlappedBitmaps, suspectBitmaps } from './bitmaps.ts';
import { type Copies, copyMends } from './copies.ts';
import { BROKEN_STRUCTURE, COUNTS, countMends } from './counts.ts';
import { entryMends, isAstray } from './entries.ts';
import { examined } from './examine.ts';
import { headerMends, markMends } from './header.ts';
import { refusedRepairs } from './refused.ts';
import { settle } from './settle.ts';
import { headerSnapshots, snapshotMends } from './snapshots.ts';
import { isContested, type Mend, mend, type Patient, STAGES, Workbench } from './work.ts';

const WAITS = 'what stands in its place is to be mended first';

const WAITING: Copies = { mends: [], needsRebuild: false, held: new ClusterBitmap(), isAlone: true };

/** Mends of one kind that are told one by one; more of them are told as one. */
const MOST_APART = 100;

export const qcow2Repair: RepairDriver = {
  *examine(device, context) {
    let patient: Patient;
    try {
      patient = yield* examined(device, context);
    } catch (error) {
      if (error instanceof ImageError && error.where) return refusedRepairs(device, error);
      throw error;
    }
    return yield* repairsOf(patient, context);
  },
};

function* repairsOf(patient: Patient, context: OpenContext): Generator<Progress, Repairs> {
  const { report } = patient;
  const mends: Mend[] = [];
  // A longer file would have other snapshots.
  const missing = report.findings.find(({ code }) => code === 'snapshots-missing');
  const unmended: { finding: Finding; why: string }[] = [];
  let needsRebuild = false;
  const copies = missing ? WAITING : yield* copyMends(patient);
  if (missing) mends.push(...snapshotMends(missing, patient));
  const isHeld = (offset: number): boolean => copies.held.has(Math.floor(offset / patient.g.clusterSize));
  for (const finding of report.findings) {
    if (BROKEN_STRUCTURE.has(finding.code) || finding.where.path === 'header.refcount_table_offset')
      needsRebuild = true;
    const found = copies.isAlone ? [] : mendsOf(finding, patient, isHeld);
    mends.push(...found);
    if (finding === missing) continue;
    if (finding.code === 'refcount-table-reserved-bits' && found.length === 0) needsRebuild = true;
    else if (found.length === 0 && finding.severity !== 'note' && !isOthers(finding, needsRebuild))
      unmended.push({ finding, why: copies.isAlone ? WAITS : whyNot(finding, patient) });
  }
  mends.push(...copies.mends);
  if (!copies.isAlone) mends.push(...headerSnapshots(patient));
  if (copies.mends.length === 0 && !copies.isAlone) mends.push(...overlappedBitmaps(patient));
  // Where something else stands in the place of refcounts, they wait for it to go, as long as it can.
  const waits =
    copies.isAlone || (copies.needsRebuild && mends.some(({ isSafe, isPreferred }) => isSafe || isPreferred));
  if (!waits) mends.push(...(yield* countMends(patient, needsRebuild || copies.needsRebuild)));
  if (mends.length === 0) mends.push(...suspectBitmaps(patient));
  if (mends.length === 0) {
    for (const finding of report.findings.filter(({ code }) => code === 'overlap' || code === 'refcount-overflow')) {
      unmended.push({ finding, why: 'no copy would set it right' });
    }
  }
  mends.push(...markMends(patient));
  const proposals = together(mends);
  return { report, proposals, unmended, apply: (device, chosen) => apply(device, context, patient, chosen) };
}

function mendsOf(finding: Finding, patient: Patient, isHeld: (offset: number) => boolean): readonly Mend[] {
  if (finding.code === 'refcount-table-reserved-bits') return reservedBits(finding, patient);
  return [
    ...entryMends(finding, patient, isHeld),
    ...headerMends(finding, patient),
    ...snapshotMends(finding, patient),
    ...bitmapMends(finding, patient),
  ];
}

/** Findings that others than `mendsOf` see to. */
function isOthers({ code }: Finding, needsRebuild: boolean): boolean {
  if (BROKEN_STRUCTURE.has(code) || COUNTS.has(code)) return true;
  if (code === 'past-end-of-file' && needsRebuild) return true;
  return [
    ...['overlap', 'refcount-overflow', 'l1-copied', 'l2-copied', 'refcount-behind-end'],
    ...['dirty', 'marked-corrupt'],
  ].includes(code);
}

/** Only where the block that is then said to be there can be one. */
function reservedBits(finding: Finding, patient: Patient): readonly Mend[] {
  const { code, where } = finding;
  const index = (where.offset - patient.g.refcountTableOffset) / 8;
  if (isContested(patient, where.offset) || !isFreeForBlock(patient, patient.table.block(index))) return [];
  return [
    mend({
      ...{ code, places: [where], stage: 'tables', group: 'refcount table bits' },
      change: 'clear reserved bits of the refcount table',
      make: (bench) =>
        bench.change(where.offset, 'refcount table', (hi, lo) => [hi, lo & ~RefcountTableEntry.reserved.lo]),
    }),
  ];
}

function isFreeForBlock({ claims, g }: Patient, offset: number): boolean {
  const cluster = offset / g.clusterSize;
  const isInside = cluster > 0 && Number.isInteger(cluster) && cluster < claims.clusters;
  return isInside && claims.counts.get(cluster) === 0;
}

function whyNot(finding: Finding, patient: Patient): string {
  const { where, code } = finding;
  if (/^header\.l1_table_offset$/.test(where.path ?? '')) return 'the L1 table itself is not there: try rescue';
  if (isAstray(finding, patient) || isContested(patient, where.offset)) {
    return 'the table that it is in stands in the place of something else, which is to be mended first';
  }
  if (/^compressed-/.test(code)) return 'what the cluster held cannot be made again';
  return 'there is nothing that could be put in its place';
}

/** Safe mends of one group are one proposal; so are the others where there are very many of a kind. */
function together(mends: readonly Mend[]): readonly Mend[] {
  const counts = new Map<string, number>();
  const kindOf = ({ code, change, isPreferred }: Mend): string => `${code} ${isPreferred} ${change}`;
  for (const one of mends) counts.set(kindOf(one), (counts.get(kindOf(one)) ?? 0) + 1);
  const sets = new Map<string, Mend[]>();
  for (const one of mends) {
    const isMany = (counts.get(kindOf(one)) ?? 0) > MOST_APART;
    const key = one.isSafe ? `${one.group}\n${one.change}` : isMany ? kindOf(one) : `${one.group}\n${one.change}`;
    const set = sets.get(key);
    if (set) set.push(one);
    else sets.set(key, [one]);
  }
  return [...sets.values()].map(joined);
}

function joined(set: readonly Mend[]): Mend {
  const [first] = set as readonly [Mend];
  if (set.length === 1) return first;
  return {
    ...first,
    findings: set.reduce((sum, { findings }) => sum + findings, 0),
    places: set.flatMap(({ places }) => places).slice(0, 3),
    guest: set.flatMap(({ guest }) => guest),
    ...(first.isSafe ? {} : { group: `${first.code} together` }),
    make: (bench) => {
      for (const one of set) one.make(bench);
    },
  };
}

function* apply(
  device: Device,
  context: OpenContext,
  patient: Patient,
  chosen: readonly Proposal[],
): Generator<Progress, void> {
  const bench = new Workbench(device, patient);
  const mends = chosen as readonly Mend[];
  for (const stage of STAGES) {
    for (const one of mends.filter((candidate) => candidate.stage === stage)) {
      one.make(bench);
      yield { what: 'mending', done: 0, total: mends.length };
    }
  }
  if (mends.some(({ stage }) => stage !== 'marks')) yield* settle(bench, context);
}
