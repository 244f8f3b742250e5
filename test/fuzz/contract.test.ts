/** The contract of drivers holds on spoilt images too, wherever one opens: what is said of them agrees with itself. */
import { expect, it } from 'vitest';
import { MemoryDevice } from '../../src/device/memory.ts';
import { ImageError } from '../../src/errors.ts';
import { expectContract } from '../drivers/contract.ts';
import { recipe, spoilt } from '../support/corruptor.ts';
import { Random, seeds } from '../support/random.ts';
import { corruptorsOf } from './fuzz.ts';

const IMAGES = 400;

it.each(['qcow2', 'qed'] as const)('%s: spoilt images keep the contract', (format) => {
  const bases = corruptorsOf(format);
  let kept = 0;
  for (const seed of seeds(IMAGES)) {
    const random = new Random(seed);
    const corruptor = random.pick(bases);
    const changes = corruptor.changes(random);
    const device = new MemoryDevice(spoilt(corruptor.base, changes), 'image');
    try {
      expectContract(corruptor.driver, device, {}, seed);
      kept++;
    } catch (error) {
      // Not opened, or too large for a walk to its end: refusals are for other tests.
      if (error instanceof ImageError) continue;
      throw new Error(`seed ${seed}: ${recipe(corruptor.name, changes)}`, { cause: error });
    }
  }
  expect(kept).toBeGreaterThan(IMAGES / 3);
});
