/** The sort in slices against the language's own. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { sorted } from '../../src/bytes/sorted.ts';

/** Items with few keys, so that many are equal: their order tells whether the sort is stable. */
function items(length: number, seed: number): { key: number; at: number }[] {
  let state = seed;
  return Array.from({ length }, (_, at) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return { key: state % 1000, at };
  });
}

describe('sorted', () => {
  it('gives what sort gives, stable, and leaves the list as it was', () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 50_000 }));
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 2 ** 30 }), (length, seed) => {
        const list = items(length, seed);
        const before = [...list];
        const result = runToEnd(sorted(list, ({ key }) => key, 'sorting'));
        expect(list).toEqual(before);
        expect(result).toEqual(before.sort((a, b) => a.key - b.key));
      }),
      { numRuns: 30 },
    );
  });

  it('tells how far it has come', () => {
    const seen: number[] = [];
    runToEnd(
      sorted(items(100_000, 7), ({ key }) => key, 'sorting'),
      ({ done, total }) => {
        expect(total).toBe(100_000);
        seen.push(done);
      },
    );
    expect(seen.length).toBeGreaterThan(40);
    expect(Math.max(...seen)).toBeLessThanOrEqual(100_000);
  });
});
