import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Extent, type ExtentKind, extentColumns } from '../../src/bytes/extents.ts';
import { survey, UNCONSTRAINED } from '../../src/bytes/survey.ts';

/** Runs one after the other; lengths and hosts in units. */
const runs = fc.array(
  fc.record({
    kind: fc.constantFrom<ExtentKind>(
      'unallocated',
      'data',
      'zero',
      'zero-allocated',
      'compressed',
      'encrypted',
      'invalid',
    ),
    length: fc.integer({ min: 1, max: 64 }),
    host: fc.integer({ min: 0, max: 2 ** 33 }),
  }),
  { minLength: 1, maxLength: 12 },
);

const HOSTED: ReadonlySet<ExtentKind> = new Set(['data', 'encrypted', 'zero-allocated']);

describe('survey', () => {
  test('equals its definition, however the rows are cut into batches', () => {
    fc.assert(
      fc.property(runs, fc.integer({ min: 0, max: 511 }), fc.integer({ min: 1, max: 5 }), (recipe, cut, perBatch) => {
        const unit = 512;
        const scale = unit * 4;
        let guest = 0;
        const extents: Extent[] = recipe.map(({ kind, length, host }) => {
          const start = guest;
          guest += length * scale;
          return HOSTED.has(kind)
            ? { kind, guest: start, length: length * scale, host: host * scale }
            : { kind, guest: start, length: length * scale };
        });
        const end = guest - cut;
        const batches = [];
        for (let i = 0; i < extents.length; i += perBatch) {
          batches.push(extentColumns(extents.slice(i, i + perBatch), unit, end), extentColumns([], unit, end));
        }
        const found = survey(batches);
        let alignment = UNCONSTRAINED;
        const bytes: Record<string, number> = {};
        for (const { kind, guest: at, length, host = 0 } of extents) {
          bytes[kind] = (bytes[kind] ?? 0) + Math.min(length, end - at);
          if (kind !== 'data' && kind !== 'encrypted') continue;
          alignment = Math.min(alignment, unit * 2 ** 32);
          const edges = at + length < end ? [at, host, length] : [at, host];
          for (const edge of edges) while (edge % alignment !== 0) alignment /= 2;
        }
        expect(found.alignment).toBe(alignment);
        expect(Object.fromEntries(Object.entries(found.bytes).filter(([, n]) => n > 0))).toEqual(bytes);
        const hosted = extents.filter(({ kind }) => HOSTED.has(kind));
        const ends = hosted.map(({ host = 0, length }) => host + length);
        expect(found.hostStart).toBe(hosted.length === 0 ? 0 : Math.min(...hosted.map(({ host = 0 }) => host)));
        expect(found.hostEnd).toBe(Math.max(0, ...ends));
        expect(Object.values(found.runs).reduce((sum, n) => sum + n, 0)).toBe(extents.length);
      }),
    );
  });

  test('of an empty disk', () => {
    expect(survey([])).toMatchObject({ alignment: UNCONSTRAINED, hostStart: 0, hostEnd: 0 });
  });
});
