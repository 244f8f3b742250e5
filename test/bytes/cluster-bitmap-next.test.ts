/** nextSet and nextClear against a plain set, across page borders and absent pages. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClusterBitmap } from '../../src/bytes/cluster-bitmap.ts';

const PAGE = 2 ** 20;
/** Places around word and page borders, near and far. */
const place = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: PAGE - 70, max: PAGE + 70 }),
  fc.integer({ min: 3 * PAGE - 5, max: 3 * PAGE + 5 }),
  fc.integer({ min: 2 ** 33 - 40, max: 2 ** 33 + 40 }),
);

test('nextSet and nextClear answer what a plain set of cluster numbers answers', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(place, fc.integer({ min: 1, max: 90 })), { maxLength: 8 }), place, (runs, from) => {
      const bitmap = new ClusterBitmap();
      const model = new Set<number>();
      for (const [first, count] of runs) {
        bitmap.setRun(first, count);
        for (let i = 0; i < count; i++) model.add(first + i);
      }
      const set = [...model].filter((c) => c >= from).sort((a, b) => a - b);
      expect(bitmap.nextSet(from)).toBe(set[0] ?? -1);
      let clear = from;
      while (model.has(clear)) clear++;
      expect(bitmap.nextClear(from)).toBe(clear);
    }),
  );
});

test('nextClear passes over a page that is full', () => {
  const bitmap = new ClusterBitmap();
  bitmap.setRun(5, 2 * PAGE);
  expect(bitmap.nextClear(5)).toBe(2 * PAGE + 5);
  expect(bitmap.nextClear(4)).toBe(4);
});
