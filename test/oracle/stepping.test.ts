/**
 * Conversions taken in pieces, back and forth, on random images: the file after the commit is byte for byte that of
 * convert-inplace, and real QEMU finds it clean and equal to the original.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import type { TargetRequest } from '../../src/drivers/driver.ts';
import { commitSteps } from '../../src/session/commit.ts';
import { Session } from '../../src/session/session.ts';
import { describeWithQemu, testFolder } from '../support/qemu.ts';
import { Random, seeds, withSeed } from '../support/random.ts';
import { randomImage } from '../support/random-image.ts';
import { type Deed, drive, PHASE_GOALS } from '../support/stepping.ts';
import { convert, copySparse, expectGood, type Format, sha256 } from './conversion.ts';

const DIRECTIONS: readonly (readonly [from: Format, to: Format, requests: readonly TargetRequest[]])[] = [
  ['qcow2', 'qed', [{}, { table_size: '2' }, { table_size: '16' }]],
  ['qed', 'qcow2', [{}, { refcount_bits: '1' }, { cluster_size: '512' }, { cluster_size: '4k', refcount_bits: '64' }]],
  ['qcow2', 'qcow2', [{ refcount_bits: '32' }, { cluster_size: '1k' }, { cluster_size: '4k', refcount_bits: '2' }]],
];

/** The file read whole after each deed: large files take fewer. */
function randomDeeds(random: Random, size: number): Deed[] {
  return Array.from({ length: random.int(1, 12) }, (): Deed => {
    const at = random.int(0, Math.ceil(size / 4096)) * 4096;
    return random.pick<Deed>([
      { go: { pieces: 1 } },
      { go: { pieces: random.int(1, 40) } },
      { go: 'phase' },
      { go: random.pick(PHASE_GOALS) },
      { go: { kind: random.pick(['guest', 'host']), offset: at } },
      'undo',
      'undo',
      'redo',
      'look',
      'cancel',
    ]);
  });
}

describeWithQemu('convert, step, next, until, undo, redo, finish', () => {
  it.each(DIRECTIONS)('%s to %s', (from, to, requests) => {
    const folder = testFolder();
    let done = 0;
    for (const seed of seeds(12)) {
      withSeed(seed, () => {
        const random = new Random(seed + 3_000_000);
        const image = randomImage(seed, { format: from, folder, convertible: true });
        const original = join(folder, 'original');
        const oneGo = join(folder, 'one-go');
        copySparse(image.path, original);
        copySparse(image.path, oneGo);
        // What the data's alignment does not allow is asked again without options.
        const asked = random.pick(requests);
        const [options, result] = withOptions(asked, (options) => convert({ path: oneGo, from, to, options }));
        const session = Session.open(image.path, { format: from });
        try {
          done += drive(session, to, options, randomDeeds(random, image.size));
          expect(sha256(image.path), 'nothing is written before commit').toBe(sha256(original));
          runToEnd(commitSteps(session, {}));
        } finally {
          session.close();
        }
        expect(sha256(image.path), image.description).toBe(sha256(oneGo));
        expectGood(image.path, to, original, from, result.target.leakedBytes);
        copyFileSync(original, image.path);
      });
    }
    expect(done).toBeGreaterThan(10);
  });
});

function withOptions<T>(asked: TargetRequest, use: (options: TargetRequest) => T): readonly [TargetRequest, T] {
  try {
    return [asked, use(asked)];
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'refused') throw error;
    return [{}, use({})];
  }
}
