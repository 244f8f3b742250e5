/** The verdicts of Platter and of `qemu-img check` on the same bytes, in the same few words. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from '../../src/bytes/progress.ts';
import { verdict } from '../../src/check/verdict.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { CheckReport } from '../../src/drivers/finding.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { type CheckCounters, type Checked, check } from '../support/qemu.ts';
import { SAMPLE_FOLDER } from '../support/samples.ts';

/** `check-errors`: opened, and the check could not be finished. */
export type CheckClass = 'clean' | 'leaks' | 'corruption' | 'check-errors' | 'refused' | 'crashed';

export interface PlatterSees {
  readonly class: CheckClass;
  /** What the class would be of what QEMU notices alone. */
  readonly counted: CheckClass;
  /** Rules behind the difference of the two; the rule that refused the image. */
  readonly codes: readonly string[];
  readonly report?: CheckReport;
}

export function platterSees(format: string, bytes: Uint8Array): PlatterSees {
  try {
    const image = driverNamed(format).open(new MemoryDevice(bytes, 'image'), { name: 'image' });
    const report = runToEnd(image.check?.() as NonNullable<ReturnType<NonNullable<typeof image.check>>>);
    const unnoticed = report.findings.filter((f) => f.severity !== 'note' && f.qemuCount === 0);
    return {
      class: verdict(report),
      counted: verdict({ ...report, unnoticedByQemu: 0, unnoticedLeaks: 0 }),
      codes: [...new Set(unnoticed.map(({ code }) => code))],
      report,
    };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return { class: 'refused', counted: 'refused', codes: [error.code] };
  }
}

export interface QemuSees {
  readonly class: CheckClass;
  /** What it said beside the verdict. */
  readonly says: string;
  /** Corruptions, leaks, check errors; none where it refused the image. */
  readonly counters?: readonly [number, number, number];
}

/** A folder in which samples are found by the names that other samples give: backing file and data file. */
export function prepare(folder: string): void {
  for (const name of ['zero-base.raw', 'data-file.raw']) copyFileSync(join(SAMPLE_FOLDER, name), join(folder, name));
}

/** Writes the bytes to a file in the folder, and asks qemu-img. */
export function qemuSees(format: string, bytes: Uint8Array, folder: string): QemuSees {
  const path = join(folder, 'image');
  writeFileSync(path, bytes);
  return seenBy(check(path, format, undefined, folder), path);
}

/** What qemu-img said, as a class. */
export function seenBy({ verdict: word, counters, ran }: Checked, path: string): QemuSees {
  const says = ran.stderr.replaceAll(path, 'image');
  if (word === 'unsupported') throw new Error(`nothing to check: ${ran.command}`);
  const known = counters && { counters: three(counters) };
  if (word === 'failed') return { class: known ? 'check-errors' : 'refused', says, ...known };
  return { class: word, says, ...known };
}

function three(counters: CheckCounters): readonly [number, number, number] {
  return [counters.corruptions ?? 0, counters.leaks ?? 0, counters['check-errors']];
}
