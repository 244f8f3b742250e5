/** Ranges against the plainest model there is: a set of byte numbers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ranges } from '../../src/bytes/ranges.ts';

const SPACE = 64;
const operation = fc.record({
  what: fc.constantFrom('add', 'remove', 'take'),
  offset: fc.integer({ min: 0, max: SPACE }),
  length: fc.integer({ min: 0, max: 24 }),
  alignment: fc.constantFrom(1, 2, 4, 8),
});

describe('Ranges', () => {
  it('is the set of bytes it was told, sorted and maximal', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const ranges = new Ranges();
        const model = new Set<number>();
        for (const { what, offset, length, alignment } of operations) {
          if (what === 'take') {
            if (length === 0) continue;
            const taken = ranges.take(length, alignment);
            if (taken === undefined) continue;
            expect(taken % alignment).toBe(0);
            for (let i = taken; i < taken + length; i++) expect(model.delete(i)).toBe(true);
          } else {
            ranges[what as 'add' | 'remove'](offset, length);
            for (let i = offset; i < offset + length; i++) what === 'add' ? model.add(i) : model.delete(i);
          }
        }
        const listed = [...ranges];
        expect(listed.flatMap((r) => Array.from({ length: r.length }, (_, i) => r.offset + i))).toEqual(
          [...model].sort((a, b) => a - b),
        );
        for (let i = 1; i < listed.length; i++) {
          const before = listed[i - 1] as { offset: number; length: number };
          expect(before.offset + before.length).toBeLessThan((listed[i] as { offset: number }).offset);
        }
        expect(ranges.total).toBe(model.size);
        for (let offset = 0; offset < SPACE; offset += 3) {
          for (const length of [1, 5, 17]) {
            const bytes = Array.from({ length }, (_, i) => offset + i);
            expect(ranges.covers(offset, length)).toBe(bytes.every((b) => model.has(b)));
            const hit = ranges.overlapping(offset, length);
            expect(hit !== undefined).toBe(bytes.some((b) => model.has(b)));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
