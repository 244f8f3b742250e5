/** Random images are what they promise: made by QEMU, clean, varied, and the same for the same seed. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { check, describeRun, describeWithQemu, testFolder } from './qemu.ts';
import { seeds, withSeed } from './random.ts';
import { randomImage } from './random-image.ts';

describeWithQemu('random images', () => {
  for (const format of ['qcow2', 'qed'] as const) {
    for (const convertible of [false, true]) {
      it(`${format}${convertible ? ', convertible' : ''}: every seed gives an image that checks clean`, () => {
        const folder = testFolder();
        for (const seed of seeds(20)) {
          withSeed(seed, () => {
            const image = randomImage(seed, { format, folder, convertible });
            const checked = check(image.path, format);
            expect(checked.verdict, `${image.description}\n${describeRun(checked.ran)}`).toBe('clean');
          });
        }
      });
    }
  }

  it('the same seed gives the same bytes', () => {
    for (const seed of seeds(5)) {
      const first = randomImage(seed, { format: 'qed', folder: testFolder() });
      const again = randomImage(seed, { format: 'qed', folder: testFolder() });
      // The backing file's name is the only difference two folders can make.
      if (!first.backing) expect(readFileSync(first.path).equals(readFileSync(again.path))).toBe(true);
      expect(again.size).toBe(first.size);
    }
  });
});
