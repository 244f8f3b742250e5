/**
 * Sums the tally that the tests wrote (tally.ts) and says it in a sentence.
 *
 *     const file = newTally();                       // sets PLATTER_TALLY for the children
 *     …run vitest…
 *     console.log(tallySentence(readTally(file)));   // and fails in CI when `skipped` is not 0
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Makes an empty tally file and names it in this process's environment. */
export function newTally() {
  const file = join(mkdtempSync(join(tmpdir(), 'platter-tally-')), 'tally');
  writeFileSync(file, '');
  process.env.PLATTER_TALLY = file;
  return file;
}

/** Sums the file and removes it. */
export function readTally(file) {
  const sums = { ran: 0, skipped: 0, runs: 0, images: 0 };
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [kind, amount] = line.split('\t');
    if (kind in sums) sums[kind] += Number(amount);
  }
  rmSync(dirname(file), { recursive: true, force: true });
  return sums;
}

export function tallySentence(sums) {
  const count = (n, one, many) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
  const ran = `${count(sums.ran, 'test', 'tests')} ran against real QEMU`;
  const detail = `${count(sums.images, 'image', 'images')} judged, ${count(sums.runs, 'run', 'runs')} of qemu-img and qemu-io`;
  const skipped = sums.skipped
    ? `; ${count(sums.skipped, 'suite', 'suites')} SKIPPED because qemu-img or qemu-io is missing`
    : '';
  return `${ran} (${detail})${skipped}.`;
}
