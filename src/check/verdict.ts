/**
 * What a check comes to, whatever the format: the verdict, the exit status that qemu-img gives for the same, and the
 * JSON object with qemu-img's keys.
 *
 * Invariant: the counters under qemu-img's keys are the ones qemu-img prints; what only Platter notices is told
 * beside them (`platter` in the JSON), and makes the verdict worse, never better.
 */
import { sizeText } from '../bytes/size.ts';
import type { CheckReport, Finding } from '../drivers/finding.ts';

export type Verdict = 'clean' | 'corruption' | 'leaks' | 'check-errors';

/** `check` of a format that has nothing to check, as qemu-img: exit status 63. */
export const UNSUPPORTED_STATUS = 63;

const STATUS: Readonly<Record<Verdict, number>> = { clean: 0, 'check-errors': 1, corruption: 2, leaks: 3 };

export function verdict(report: CheckReport): Verdict {
  if (report.checkErrors > 0) return 'check-errors';
  if (report.corruptions > 0 || report.unnoticedByQemu > 0) return 'corruption';
  return report.leaks + report.unnoticedLeaks > 0 ? 'leaks' : 'clean';
}

/** qemu-img's exit status of a verdict: 0 clean, 1 the check itself failed, 2 corruption, 3 leaks and nothing worse. */
export function exitStatus(of: Verdict): number {
  return STATUS[of];
}

/** qemu-img's object: the three mandatory keys, the rest only when not zero; then `findings` and what else we know. */
export function checkJson(report: CheckReport, filename: string, format: string): Record<string, unknown> {
  const counted: Record<string, number | undefined> = {
    'image-end-offset': report.imageEndOffset,
    'total-clusters': report.totalClusters,
    'allocated-clusters': report.allocatedClusters,
    'fragmented-clusters': report.fragmentedClusters,
    'compressed-clusters': report.compressedClusters,
    corruptions: report.corruptions,
    leaks: report.leaks,
  };
  return {
    filename,
    format,
    'check-errors': report.checkErrors,
    ...Object.fromEntries(Object.entries(counted).filter(([, value]) => value !== undefined && value !== 0)),
    findings: report.findings.map(findingJson),
    platter: {
      verdict: verdict(report),
      'finding-count': report.findingCount,
      'unnoticed-by-qemu': report.unnoticedByQemu + report.unnoticedLeaks,
      'free-bytes': report.freeBytes,
      'leaked-bytes': report.leakedBytes,
      'tail-bytes': report.tailBytes,
    },
  };
}

function findingJson(finding: Finding): Record<string, unknown> {
  const { code, severity, what, means, where, qemuCount, references = [] } = finding;
  return { code, severity, class: finding.class, what, means, where, references, 'qemu-count': qemuCount ?? 1 };
}

/** qemu-img's lines for a person, without the findings. */
export function verdictLines(report: CheckReport): string[] {
  const lines: string[] = [];
  const { corruptions, leaks, checkErrors, unnoticedByQemu, unnoticedLeaks } = report;
  if (corruptions + leaks + checkErrors + unnoticedByQemu + unnoticedLeaks === 0)
    lines.push('No errors were found on the image.');
  if (corruptions > 0) {
    lines.push('', `${corruptions} errors were found on the image.`, DATA_AT_RISK);
  }
  if (unnoticedByQemu > 0) {
    lines.push('', `${unnoticedByQemu} errors that qemu-img does not report were found on the image.`);
    if (corruptions === 0) lines.push(DATA_AT_RISK);
  }
  if (leaks > 0) {
    lines.push('', `${leaks} leaked clusters were found on the image.`);
    lines.push('This means waste of disk space, but no harm to data.');
  }
  if (unnoticedLeaks > 0) {
    lines.push('', `${unnoticedLeaks} leaks that qemu-img does not report were found on the image.`);
    if (leaks === 0) lines.push('This means waste of disk space, but no harm to data.');
  }
  if (checkErrors > 0) lines.push('', `${checkErrors} internal errors have occurred during the check.`);
  lines.push(...clusterLines(report));
  return lines;
}

/** The verdict in a few words, for a status line: `clean`, `2 errors, 1 leak`. */
export function verdictWords(report: CheckReport): string {
  const errors = report.corruptions + report.unnoticedByQemu;
  const parts = [
    counted(errors, 'error'),
    counted(report.leaks + report.unnoticedLeaks, 'leak'),
    counted(report.checkErrors, 'internal error'),
  ].filter((part) => part !== '');
  return parts.length > 0 ? parts.join(', ') : 'clean';
}

function counted(count: number, what: string): string {
  return count === 0 ? '' : `${count} ${what}${count === 1 ? '' : 's'}`;
}

const DATA_AT_RISK = 'Data may be corrupted, or further writes to the image may corrupt it.';

/** What of the file holds nothing, and what of that could be cut off. */
function spaceLines({ freeBytes, leakedBytes, tailBytes }: CheckReport): string[] {
  const parts = [
    freeBytes > 0 ? `${sizeText(freeBytes)} free` : '',
    leakedBytes > 0 ? `${sizeText(leakedBytes)} leaked` : '',
  ].filter((part) => part !== '');
  if (parts.length === 0) return [];
  const tail =
    tailBytes > 0 ? `; the last ${sizeText(tailBytes)} could be cut off` : '; none of it at the end of the file';
  return [`Space in the file: ${parts.join(', ')}${tail}`];
}

function clusterLines(report: CheckReport): string[] {
  const lines: string[] = [];
  const { totalClusters: total, allocatedClusters: allocated } = report;
  if (total > 0 && allocated > 0) {
    const percent = (part: number, whole: number): string => `${((part * 100) / whole).toFixed(2)}%`;
    lines.push(
      `${allocated}/${total} = ${percent(allocated, total)} allocated, ` +
        `${percent(report.fragmentedClusters, allocated)} fragmented, ` +
        `${percent(report.compressedClusters, allocated)} compressed clusters`,
    );
  }
  if (report.imageEndOffset) lines.push(`Image end offset: ${report.imageEndOffset}`);
  lines.push(...spaceLines(report));
  return lines;
}
