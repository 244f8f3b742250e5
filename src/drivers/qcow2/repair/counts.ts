/**
 * Mends of refcounts: wrong ones set right, clusters that nothing refers to freed, the whole structure built anew.
 *
 * Invariants:
 *  1. A leaked cluster whose bytes are not all zero is in no proposal that is safe, and is named with how many they are.
 *  2. While one of them looks like a lost L2 table, no leaked cluster is freed safely: those of zeros may be its.
 */

import type { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../../bytes/progress.ts';
import { hex, sizeText } from '../../../bytes/size.ts';
import { countNonZero } from '../../../device/zeros.ts';
import type { Finding } from '../../finding.ts';
import { hasBlock } from './counters.ts';
import { looksLikeL2 } from './likeness.ts';
import { type Mend, mend, type Patient } from './work.ts';

/** Codes that say that the structure itself cannot be used; all are mended by building it anew. */
export const BROKEN_STRUCTURE: ReadonlySet<string> = new Set([
  'refcount-table-clusters-range',
  'refcount-block-align',
  'refcount-block-past-end',
  'refcount-block-dup',
  'refcount-block-overlap',
]);

/** Codes of single refcounts. */
export const COUNTS: ReadonlySet<string> = new Set(['referenced-but-free', 'refcount-too-low', 'leaked']);

/** Bytes of leaked clusters that are looked at, and runs with data that are told one by one. */
const MOST_READ = 16 * 2 ** 30;
const MOST_APART = 32;
/** Bytes read at a time. */
const PIECE = 256 * 1024;

/** Clusters of leaked space, all zero or none of them. */
interface Leak {
  readonly first: number;
  readonly count: number;
  /** Bytes that are not zero. */
  readonly data: number;
  /** How many of the clusters look like L2 tables. */
  readonly tables: number;
}

export function* countMends(patient: Patient, needsRebuild: boolean): Generator<Progress, readonly Mend[]> {
  const { report, runs, claims, g, table } = patient;
  const found = (codes: ReadonlySet<string>): Finding[] => report.findings.filter(({ code }) => codes.has(code));
  const reaches = ({ first, count }: { first: number; count: number }): boolean => {
    const last = Math.floor((first + count - 1) / g.refcountsPerBlock);
    for (let i = Math.floor(first / g.refcountsPerBlock); i <= last; i++) {
      if (!hasBlock(patient, i)) return false;
    }
    return true;
  };
  const wrong = runs.filter(({ counted }) => counted > 0);
  if (needsRebuild || !wrong.every(reaches)) {
    const some = [...found(BROKEN_STRUCTURE), ...found(COUNTS).filter(({ severity }) => severity === 'corruption')];
    return [rebuilt(some)];
  }
  const leaks = yield* leaksOf(patient);
  const mends = leakMends(patient, leaks);
  const clusters = wrong.reduce((sum, { count }) => sum + count, 0);
  if (clusters > 0) {
    const isFree = wrong.some(({ disk }) => disk === 0);
    const isTooLow = wrong.some(({ disk, counted }) => disk < counted);
    mends.unshift(
      mend({
        ...{
          code: isFree ? 'referenced-but-free' : isTooLow ? 'refcount-too-low' : 'leaked',
          stage: 'counts',
          group: 'counts',
        },
        findings: wrong.length,
        places: wrong.slice(0, 3).map(({ first, count }) => table.where(first, count)),
        change: `set the refcounts of ${clustersText(clusters)} to the references counted, and COPIED to match`,
        make: ({ counts }) => {
          counts.wrong = true;
        },
      }),
    );
  }
  const flags = found(new Set(['l1-copied', 'l2-copied']));
  if (flags.length > 0) {
    mends.push(
      mend({
        ...{ code: flags[0]?.code ?? '', stage: 'counts', group: 'copied', findings: flags.length },
        places: placesOf(flags),
        change: 'set COPIED exactly where the refcount is 1',
        make: ({ counts }) => {
          counts.copied = true;
        },
      }),
    );
  }
  const behind = found(new Set(['refcount-behind-end']));
  if (behind.length > 0) {
    mends.push(
      mend({
        ...{ code: 'refcount-behind-end', stage: 'counts', group: 'behind-end', places: placesOf(behind) },
        change: `set the refcounts of clusters behind cluster ${claims.clusters - 1}, the last of the file, to 0`,
        make: ({ counts }) => {
          counts.behindEnd = true;
        },
      }),
    );
  }
  return mends;
}

function rebuilt(findings: readonly Finding[]): Mend {
  return mend({
    ...{ code: findings[0]?.code ?? 'referenced-but-free', stage: 'counts', group: 'rebuild' },
    ...{ findings: Math.max(1, findings.length), places: placesOf(findings) },
    change: 'build the refcount table and its blocks anew at the end of the file, from the references counted',
    make: (bench) => {
      bench.rebuilds = true;
      bench.counts.copied = true;
    },
  });
}

/** All leaked clusters, in runs of zeros and of data. */
function* leaksOf({ device, g, runs }: Patient): Generator<Progress, readonly Leak[]> {
  const leaks: { first: number; count: number; data: number; tables: number }[] = [];
  const piece = Buffer.alloc(Math.min(PIECE, g.clusterSize));
  const total = runs.reduce((sum, { counted, count }) => (counted === 0 ? sum + count : sum), 0);
  let done = 0;
  for (const run of runs) {
    if (run.counted > 0) continue;
    for (let cluster = run.first; cluster < run.first + run.count; cluster++) {
      const at = cluster * g.clusterSize;
      const isRead = done++ * g.clusterSize < MOST_READ;
      const data = isRead ? countNonZero(device, at, Math.min(g.clusterSize, device.size - at), piece) : g.clusterSize;
      const isTable = isRead && data > 0 && looksLikeL2(device, g, at);
      const last = leaks.at(-1);
      if (last && last.first + last.count === cluster && last.data > 0 === data > 0 && cluster > run.first) {
        last.count++;
        last.data += data;
        last.tables += Number(isTable);
      } else {
        leaks.push({ first: cluster, count: 1, data, tables: Number(isTable) });
      }
      if (done % 16 === 0) yield { what: 'leaked clusters', done, total };
    }
  }
  return leaks;
}

function leakMends({ g, table }: Patient, leaks: readonly Leak[]): Mend[] {
  const hasTables = leaks.some(({ tables }) => tables > 0);
  const zeros = leaks.filter(({ data }) => data === 0);
  const full = leaks.filter(({ data }) => data > 0);
  const freeing = (some: readonly Leak[], rest: Partial<Mend> & { change: string; group: string }): Mend =>
    mend({
      ...{ code: 'leaked', stage: 'counts', findings: some.length },
      places: some.slice(0, 3).map(({ first, count }) => table.where(first, count)),
      make: ({ freed }) => setAll(freed, some),
      ...rest,
    });
  const mends: Mend[] = [];
  if (zeros.length > 0) {
    mends.push(
      freeing(zeros, {
        group: 'leaked zeros',
        change: `free ${clustersText(countOf(zeros))} that nothing refers to and that hold only zeros${atText(zeros, g.clusterSize)}`,
        ...(hasTables && { isSafe: false, loses: 'clusters that a lost L2 table may lead to', hint: RESCUE }),
      }),
    );
  }
  for (const some of full.length > MOST_APART ? [full] : full.map((leak) => [leak])) {
    const data = some.reduce((sum, leak) => sum + leak.data, 0);
    const tables = some.reduce((sum, leak) => sum + leak.tables, 0);
    mends.push(
      freeing(some, {
        ...{ group: `leaked ${some[0]?.first}`, isSafe: false, freesData: data },
        change: `free ${clustersText(countOf(some))} that nothing refers to${atText(some, g.clusterSize)}`,
        loses: `${data} bytes (of ${sizeText(countOf(some) * g.clusterSize)}) that are not zero: they can be overwritten then`,
        ...(tables > 0 && { hint: tables === 1 ? RESCUE : `${tables} of them look like lost L2 tables: try rescue` }),
      }),
    );
  }
  return mends;
}

const RESCUE = 'looks like a lost L2 table: try rescue';

function setAll(bitmap: ClusterBitmap, leaks: readonly Leak[]): void {
  for (const { first, count } of leaks) bitmap.setRun(first, count);
}

function countOf(leaks: readonly Leak[]): number {
  return leaks.reduce((sum, { count }) => sum + count, 0);
}

function atText(leaks: readonly Leak[], clusterSize: number): string {
  const [leak] = leaks;
  const more = leaks.length > 1 ? ' and elsewhere' : '';
  return leak ? `, at ${hex(leak.first * clusterSize)}${more}` : '';
}

function clustersText(count: number): string {
  return count === 1 ? '1 cluster' : `${count} clusters`;
}

/** The first places of findings. */
export function placesOf(findings: readonly Finding[]): Finding['where'][] {
  return findings.slice(0, 3).map(({ where }) => where);
}
