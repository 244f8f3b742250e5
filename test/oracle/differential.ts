/**
 * Spoilt images of one format, judged by Platter and by `qemu-img check`: the same verdict, and the same counters, or a
 * difference that is published.
 */
import { expect, it } from 'vitest';
import { corruptorsOf } from '../fuzz/fuzz.ts';
import { recipe, spoilt } from '../support/corruptor.ts';
import { describeWithQemu, judged, suiteFolder } from '../support/qemu.ts';
import { pieces, Random, seeds, withSeed } from '../support/random.ts';
import { explained } from './differences.ts';
import { type PlatterSees, platterSees, prepare, type QemuSees, qemuSees } from './verdicts.ts';

const PER_TEST = 50;
/** Seeds of other tests begin lower. */
const FIRST = 500_000;

/** `count` images; `part` keeps those of several files apart. */
export function differential(format: 'qcow2' | 'qed', count: number, part = 0): void {
  describeWithQemu(`check of spoilt ${format} images is qemu-img's`, () => {
    const folder = suiteFolder();
    prepare(folder);
    // Encrypted: QEMU wants the secret before it looks at anything.
    const bases = corruptorsOf(format).filter(({ name }) => name !== 'aes.qcow2');
    const numbers = seeds(count).map((seed) => FIRST + part * 10_000 + seed);
    it.each(pieces(numbers, PER_TEST).map((piece) => [piece[0], piece] as const))('from seed %i', (_, piece) => {
      for (const seed of piece) {
        withSeed(seed, () => {
          const random = new Random(seed);
          const corruptor = random.pick(bases);
          const changes = corruptor.changes(random);
          const bytes = spoilt(corruptor.base, changes);
          expectSame(qemuSees(format, bytes, folder), platterSees(format, bytes), recipe(corruptor.name, changes));
          judged();
        });
      }
    });
  });
}

/** The same class, and the same counters where there are any; or a published difference. */
export function expectSame(qemu: QemuSees, platter: PlatterSees, why: string): void {
  const { report } = platter;
  const findings = report?.findings
    .slice(0, 20)
    .map(({ severity, code, where }) => `${severity} ${code} ${where.path}`);
  const context = `${why}\nqemu: ${qemu.class}\n${qemu.says}\nplatter: ${platter.class} ${platter.codes}\n${findings?.join('\n')}`;
  // A crash of QEMU's is no verdict.
  if (qemu.class === 'crashed') return;
  if (qemu.class !== platter.class) {
    expect(explained(qemu, platter), `a difference that is not published: ${context}`).not.toEqual([]);
    return;
  }
  if (!qemu.counters || !report) return;
  expect([report.corruptions, report.leaks, report.checkErrors], context).toEqual(qemu.counters);
}
