/**
 * What a driver's rules report: a finding is data, never thrown. `check` folds them into a verdict.
 */
import type { FaultClass, Where } from '../errors.ts';

/** `corruption`: guest data is or may become wrong. `leak`: space lost, nothing else. `note`: odd, harmless. */
export type Severity = 'corruption' | 'leak' | 'note';

export interface Finding {
  /** Stable kebab-case name of the rule. */
  readonly code: string;
  readonly severity: Severity;
  readonly class: FaultClass;
  readonly where: Where;
  /** What is and what was expected, one sentence without the final stop. */
  readonly what: string;
  /** What it means for the guest's data, or for who goes on with the image. */
  readonly means: string;
  /** Who leads to the cluster that the finding is about: the first few entries and fields, where there is a cluster. */
  readonly references?: readonly Where[];
  /**
   * How often qemu-img counts this finding in `corruptions` or `leaks`; 1 when absent, 0 for what QEMU does not notice.
   */
  readonly qemuCount?: number;
}

/** The outcome of one full check: findings, and the counters qemu-img prints under the same names. */
export interface CheckReport {
  /** In order of discovery, at most `FINDING_LIMIT` of them; the counters below are complete whatever was kept. */
  readonly findings: readonly Finding[];
  /** How many findings there were in all, kept or not. */
  readonly findingCount: number;
  /** As qemu-img counts: only what QEMU notices. */
  readonly corruptions: number;
  readonly leaks: number;
  readonly checkErrors: number;
  /** Corruption that QEMU does not notice but Platter does (docs/qemu-differences.md). */
  readonly unnoticedByQemu: number;
  /** The same for leaks. */
  readonly unnoticedLeaks: number;
  /** Bytes; where the last used cluster ends (qcow2 only, as qemu-img). */
  readonly imageEndOffset?: number;
  readonly totalClusters: number;
  readonly allocatedClusters: number;
  readonly fragmentedClusters: number;
  readonly compressedClusters: number;
  /** Bytes: the first host cluster that is rightly referred to more than once (snapshots, compressed neighbours, sharing). */
  readonly firstShared?: number;
  /** Bytes of the file that nothing refers to and that are marked free, and that are marked used. */
  readonly freeBytes: number;
  readonly leakedBytes: number;
  /** Bytes at the end of the file that nothing refers to, free or leaked: it could end before them. */
  readonly tailBytes: number;
}

/** At most this many findings are kept in a report; a broken 1 TiB image can have millions. */
export const FINDING_LIMIT = 10_000;

/** Collects findings and their counters while rules run. */
export class FindingLog {
  readonly findings: Finding[] = [];
  findingCount = 0;
  corruptions = 0;
  leaks = 0;
  checkErrors = 0;
  unnoticedByQemu = 0;
  unnoticedLeaks = 0;

  add(finding: Finding): void {
    this.addLazily(finding.severity, finding.qemuCount ?? 1, () => finding);
  }

  /**
   * As `add`, for rules that a broken image may break millions of times: the finding is made only when it is kept.
   * `severity` and `qemuCount` are those of the finding.
   */
  addLazily(severity: Severity, qemuCount: number, make: () => Finding): void {
    this.findingCount++;
    if (this.findings.length < FINDING_LIMIT) this.findings.push(make());
    if (severity === 'corruption') {
      this.corruptions += qemuCount;
      if (qemuCount === 0) this.unnoticedByQemu++;
    } else if (severity === 'leak') {
      this.leaks += qemuCount;
      if (qemuCount === 0) this.unnoticedLeaks++;
    }
  }
}
