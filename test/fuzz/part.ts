/** One part of a format's fuzz run as a test: together the parts are IMAGES images, the same in every run. */
import { expect, it } from 'vitest';
import { SEED, seeds } from '../support/random.ts';
import { fuzz } from './fuzz.ts';

/** Of each format. */
const IMAGES = 20_000;
const PER_TEST = 1000;

/** Part number `part` (from 1) of `parts`. */
export function fuzzPart(format: 'qcow2' | 'qed', part: number, parts: number): void {
  const tests = Math.ceil(seeds(IMAGES / PER_TEST).length / parts);
  const first = SEED + (part - 1) * tests;
  it.each(Array.from({ length: tests }, (_, i) => first + i))(
    `${PER_TEST} spoilt ${format} images, seed %i: no crash, no hang, no write, memory within its bound`,
    (seed) => {
      const { images, opened } = fuzz({ format, images: PER_TEST, seed });
      expect(images).toBe(PER_TEST);
      // Spoilt, but not all so badly that there is nothing more to see.
      expect(opened).toBeGreaterThan(PER_TEST / 3);
    },
    600_000,
  );
}
