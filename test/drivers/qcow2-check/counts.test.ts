/** Bit-sliced counts against one Map entry a cluster; coverage against counting every byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReferenceCounts } from '../../../src/drivers/qcow2/check-counts.ts';
import { coverage } from '../../../src/drivers/qcow2/check-coverage.ts';

/** Clusters around the edge of a page, and beyond what 32 bits hold. */
const BASES = [0, 2 ** 20 - 40, 2 ** 31 - 40, 2 ** 33 - 40];

describe('reference counts', () => {
  it('are those of a plain count that stops at the limit', () => {
    const additions = fc.array(
      fc.record({
        first: fc.integer({ min: 0, max: 80 }),
        count: fc.integer({ min: 1, max: 70 }),
        times: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 }), fc.constantFrom(255, 70_000, 2 ** 40)),
        single: fc.boolean(),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4, 8, 16, 32, 64), fc.constantFrom(...BASES), additions, (width, base, all) => {
        const counts = new ReferenceCounts(width);
        const plain = new Map<number, number>();
        const limit = 2 ** Math.min(width, 52) - 1;
        for (const { first, count, times, single } of all) {
          const n = single ? 1 : count;
          const t = single ? 1 : times;
          let lost = 0;
          for (let c = base + first; c < base + first + n; c++) {
            const sum = (plain.get(c) ?? 0) + t;
            lost += Math.max(0, sum - limit);
            plain.set(c, Math.min(sum, limit));
          }
          const before = counts.get(base + first);
          const added = single && base < 2 ** 31 - 80 && counts.addFirst(base + first);
          if (added) expect(before % 2).toBe(0);
          else expect(counts.addRun(base + first, n, t)).toBe(lost);
        }
        for (let c = base; c < base + 160; c++) expect(counts.get(c)).toBe(plain.get(c) ?? 0);
        expect([...counts.referenced(base, base + 160)]).toEqual([...plain.keys()].sort((a, b) => a - b));
        for (const c of counts.overflowed.has(base) ? [base] : []) expect(plain.get(c)).toBe(limit);
        const shared = [...counts.shared()];
        for (const [c, count] of plain) if (count > 1) expect(shared).toContain(c);
        for (const c of shared) expect(plain.get(c) ?? 0).toBeGreaterThanOrEqual(Math.min(2, limit));
      }),
      { numRuns: 150 },
    );
  });

  it('say whether whole words are all 0 or all 1', () => {
    const counts = new ReferenceCounts(16);
    expect(counts.allAre(0, 0, 64)).toBe(true);
    counts.addRun(0, 64, 1);
    expect([counts.allAre(1, 0, 64), counts.allAre(0, 0, 64), counts.allAre(1, 0, 96)]).toEqual([true, false, false]);
    expect(counts.addFirst(5)).toBe(false);
    counts.addRun(5, 1, 1);
    expect(counts.allAre(1, 0, 64)).toBe(false);
    expect(counts.allAre(1, 32, 64)).toBe(true);
  });
});

describe('coverage', () => {
  it('counts every byte as often as spans cover it, in disjoint ascending pieces', () => {
    const spans = fc.array(
      fc.record({
        offset: fc.integer({ min: 0, max: 40 }),
        length: fc.integer({ min: 0, max: 30 }),
        times: fc.integer({ min: 1, max: 3 }),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(spans, fc.integer({ min: 0, max: 60 }), (all, end) => {
        const wanted = new Array<number>(80).fill(0);
        for (const { offset, length, times } of all) {
          for (let at = offset; at < Math.min(offset + length, end); at++) wanted[at] = (wanted[at] as number) + times;
        }
        const got = new Array<number>(80).fill(0);
        let last = 0;
        for (const { offset, length, times } of coverage(all, end)) {
          expect(offset).toBeGreaterThanOrEqual(last);
          expect(length).toBeGreaterThan(0);
          last = offset + length;
          got.fill(times, offset, last);
        }
        expect(got).toEqual(wanted);
      }),
    );
  });
});
