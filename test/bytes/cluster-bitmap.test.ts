/** ClusterBitmap against a Set, near and far beyond its page array. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterBitmap } from '../../src/bytes/cluster-bitmap.ts';

const cluster = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 2 ** 20 - 100, max: 2 ** 20 + 100 }),
  fc.integer({ min: 2 ** 33 - 40, max: 2 ** 33 + 40 }),
  fc.integer({ min: 2 ** 45, max: 2 ** 45 + 40 }),
);
const operation = fc.record({
  what: fc.constantFrom('set', 'run', 'clear'),
  first: cluster,
  count: fc.integer({ min: 1, max: 150 }),
});

describe('ClusterBitmap', () => {
  it('is a set of clusters', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const bitmap = new ClusterBitmap();
        const model = new Set<number>();
        for (const { what, first, count } of operations) {
          if (what === 'clear') {
            bitmap.clear(first);
            model.delete(first);
          } else if (what === 'set') {
            expect(bitmap.testAndSet(first)).toBe(model.has(first));
            model.add(first);
          } else {
            const run = Array.from({ length: count }, (_, i) => first + i);
            expect(bitmap.setRun(first, count)).toBe(run.find((c) => model.has(c)) ?? -1);
            for (const c of run) model.add(c);
          }
        }
        const sorted = [...model].sort((a, b) => a - b);
        expect(bitmap.highest()).toBe(sorted.at(-1) ?? -1);
        expect(bitmap.countSet(0, 2 ** 50)).toBe(sorted.length);
        expect(bitmap.countSet(64, 2 ** 20 + 7)).toBe(sorted.filter((c) => c >= 64 && c < 2 ** 20 + 7).length);
        for (const from of [0, 31, 100, 2 ** 20, 2 ** 33, 2 ** 46]) {
          expect(bitmap.nextSet(from)).toBe(sorted.find((c) => c >= from) ?? -1);
        }
        for (const c of sorted) expect(bitmap.has(c)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('answers a request for a bit no one set without making a page', () => {
    const bitmap = new ClusterBitmap();
    expect(bitmap.has(2 ** 50)).toBe(false);
    expect([...bitmap.pages()]).toEqual([]);
  });
});
