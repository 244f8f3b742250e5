/**
 * Counts what ran against real QEMU, across vitest's worker processes: each appends lines to the file named by
 * PLATTER_TALLY, and `print-tally.mjs` sums them after the run. Without the variable nothing is written.
 *
 * One line is `kind TAB amount TAB name`; kinds: `ran` (a test), `skipped` (a suite), `runs` (QEMU processes),
 * `images` (images judged).
 */
import { appendFileSync } from 'node:fs';

export type TallyKind = 'ran' | 'skipped' | 'runs' | 'images';

export function tally(kind: TallyKind, amount: number, name: string): void {
  const file = process.env['PLATTER_TALLY'];
  if (!file || amount === 0) return;
  appendFileSync(file, `${kind}\t${amount}\t${name.replaceAll(/[\t\n]/g, ' ')}\n`);
}
