/**
 * What an interrupted conversion may leave behind: the old image, the new one, or one that Platter's next open
 * recovers to either. Anything else is a lost image. Real QEMU decides which it is.
 */
import { copyFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { check, describeRun, identical, judged, run } from '../support/qemu.ts';
import type { Format } from './conversion.ts';

export type Survival = 'old' | 'new' | 'lost';

/** Which format the file is now, with the same guest contents as `original`; never repairs, never writes. */
export function survivalOf(path: string, from: Format, to: Format, original: string): Survival {
  judged();
  if (opensAs(path, from, original, from)) return 'old';
  if (opensAs(path, to, original, from)) return 'new';
  return 'lost';
}

function opensAs(path: string, format: Format, original: string, from: Format): boolean {
  const { verdict } = check(path, format);
  // Tables behind what the old header claims are a leak to QED and nothing at all to qcow2.
  const sound = verdict === 'clean' || (format === 'qed' && verdict === 'leaks');
  return sound && identical(path, format, original, from);
}

/** For a failing test's message. */
export function whyLost(path: string, from: Format, to: Format): string {
  const beside = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
  const answers = [from, to].map((format) => describeRun(run('qemu-img', ['check', '-f', format, path])));
  return `lost; files beside it: ${beside.join(', ')}\n${answers.join('\n')}`;
}

/** Copies an image and everything beside it that begins with its name (journal, lock) into another folder. */
export function copyWithCompanions(path: string, folder: string): string {
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(basename(path))) copyFileSync(join(dirname(path), name), join(folder, name));
  }
  return join(folder, basename(path));
}
