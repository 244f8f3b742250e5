/** The extent table against a plain list of the same extents: places, look-ups, filters, both orders, marks. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXTENT_KINDS, type Extent, type ExtentKind } from '../../src/bytes/extents.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { ExtentTable } from '../../src/session/extent-table.ts';
import type { ExtentRow, RowOrder } from '../../src/session/panels.ts';
import { fakeImage } from '../commands/fake-image.ts';

const UNIT = 512;
const PLACED: ReadonlySet<ExtentKind> = new Set([
  'data',
  'zero-allocated',
  'unallocated-allocated',
  'encrypted',
  'compressed',
  'invalid',
]);
const STREAMED: ReadonlySet<ExtentKind> = new Set(['compressed', 'invalid']);

/** Pieces that tile a disk; `invalid` and `compressed` are single clusters at any byte. */
const aDisk = fc
  .array(
    fc.record({
      kind: fc.constantFrom(...EXTENT_KINDS),
      clusters: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 70_000 })),
      host: fc.oneof(fc.nat(40), fc.nat(2 ** 33)),
      byte: fc.nat(511),
      stream: fc.integer({ min: 1, max: 900 }),
    }),
    { maxLength: 700 },
  )
  .map((pieces) => {
    const extents: Extent[] = [];
    let guest = 0;
    for (const { kind, clusters, host, byte, stream } of pieces) {
      const length = (STREAMED.has(kind) ? 1 : clusters) * UNIT;
      const place = PLACED.has(kind) ? { host: host * UNIT + (STREAMED.has(kind) ? byte : 0) } : {};
      const last = extents.at(-1);
      const more = {
        ...(kind === 'compressed' ? { hostLength: stream } : {}),
        ...(kind === 'invalid' ? { fault: `bad at ${guest}` } : {}),
      };
      // Two neighbours that go on together are one run.
      if (
        last?.kind === kind &&
        !STREAMED.has(kind) &&
        (!PLACED.has(kind) || (last.host ?? 0) + last.length === place.host)
      ) {
        extents[extents.length - 1] = { ...last, length: last.length + length };
      } else extents.push({ kind, guest, length, ...place, ...more });
      guest += length;
    }
    return extents;
  });

const anOrder = fc.record({
  sort: fc.constantFrom('guest' as const, 'host' as const),
  kinds: fc.option(fc.subarray([...EXTENT_KINDS]), { nil: undefined }),
});

function built(extents: readonly Extent[], before?: ExtentTable, consume = false): ExtentTable {
  const table = new ExtentTable(fakeImage(extents, UNIT, 37), { before, consume });
  runToEnd(table.build());
  return table;
}

/** The rows that should be listed. */
function expected(extents: readonly Extent[], { sort, kinds }: RowOrder): Extent[] {
  const shown = extents.filter(({ kind }) => kinds === undefined || kinds.includes(kind));
  if (sort === 'guest') return shown;
  return shown
    .filter(({ kind }) => PLACED.has(kind))
    .sort((a, b) => (a.host as number) - (b.host as number) || a.guest - b.guest);
}

function bare({ changed: _, ...row }: ExtentRow): Extent {
  return row;
}

describe('the extent table', () => {
  it('lists what a list lists, in both orders, whatever kinds are shown', () => {
    fc.assert(
      fc.property(aDisk, anOrder, (extents, order) => {
        const rows = built(extents).rows(order);
        const list = expected(extents, order);
        expect(rows.complete).toBe(true);
        expect(rows.count).toBe(list.length);
        expect(list.map((_, i) => bare(rows.at(i)))).toEqual(list);
        expect(() => rows.at(list.length)).toThrow(RangeError);
      }),
      { numRuns: 150 },
    );
  });

  it('finds the row of a guest byte, or the nearest before it', () => {
    fc.assert(
      fc.property(aDisk, anOrder, fc.array(fc.nat(), { maxLength: 30 }), (extents, order, places) => {
        const rows = built(extents).rows(order);
        const list = expected(extents, order);
        const size = extents.reduce((sum, { length }) => sum + length, 0);
        for (const place of places) {
          const guest = size === 0 ? 0 : place % size;
          const before = list
            .filter((e) => e.guest <= guest)
            .sort((a, b) => a.guest - b.guest)
            .at(-1);
          expect(rows.indexOfGuest(guest)).toBe(before ? list.indexOf(before) : -1);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('finds the row of a host byte: the one that begins nearest before it', () => {
    fc.assert(
      fc.property(aDisk, anOrder, fc.array(fc.nat(), { maxLength: 30 }), (extents, order, places) => {
        const rows = built(extents).rows(order);
        const list = expected(extents, order);
        const all = expected(extents, { sort: 'host' }).filter(({ kind }) => kind !== 'invalid');
        const some = all.flatMap(({ host = 0, length }) => [host, host + 1, host + length - 1, host + length]);
        for (const host of [...places, ...some.slice(0, 200)]) {
          const holds = all.filter(
            (e) => e.host !== undefined && host >= e.host && host < e.host + (e.hostLength ?? e.length),
          );
          const nearest = holds.at(-1);
          const found = rows.indexOfHost(host);
          expect(found).toBe(nearest ? list.indexOf(nearest) : -1);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('marks the rows that were not there before, gaps among them', () => {
    const extents = fc.tuple(aDisk, fc.array(fc.nat(699), { maxLength: 4 }), fc.boolean());
    fc.assert(
      fc.property(extents, ([before, holes, consume]) => {
        const after = before.map((e, i) =>
          holes.includes(i) && e.kind === 'data' ? { ...e, host: (e.host ?? 0) + UNIT * 2 ** 34 } : e,
        );
        const rows = built(after, built(before), consume).rows({ sort: 'guest' });
        const key = ({ kind, guest, length, host }: Extent): string =>
          `${kind} ${guest} ${length} ${STREAMED.has(kind) ? '' : host}`;
        const known = new Set(before.map(key));
        expect(after.map((_, i) => rows.at(i).changed)).toEqual(after.map((e) => !known.has(key(e))));
      }),
      { numRuns: 100 },
    );
  });

  it('marks nothing without a table before, and compares tables of different units', () => {
    const small: Extent[] = [
      { kind: 'data', guest: 0, length: 1024, host: 4096 },
      { kind: 'unallocated', guest: 1024, length: 1024 },
      { kind: 'data', guest: 2048, length: 1024, host: 8192 },
    ];
    const first = built(small);
    expect([0, 1, 2].map((i) => first.rows({ sort: 'guest' }).at(i).changed)).toEqual([false, false, false]);
    const wide = new ExtentTable(fakeImage(small, 1024), { before: first });
    runToEnd(wide.build());
    expect([0, 1, 2].map((i) => wide.rows({ sort: 'guest' }).at(i).changed)).toEqual([false, false, false]);
  });

  it('shows rows while it is walked', () => {
    const extents = Array.from(
      { length: 100 },
      (_, i): Extent => ({
        kind: i % 2 ? 'unallocated' : 'data',
        guest: i * UNIT,
        length: UNIT,
        ...(i % 2 ? {} : { host: i * UNIT }),
      }),
    );
    const table = new ExtentTable(fakeImage(extents, UNIT, 10));
    const rows = table.rows({ sort: 'guest' });
    const counts: number[] = [];
    for (const _ of table.walk()) {
      counts.push(rows.count);
      expect(bare(rows.at(rows.count - 1)).kind).toBe('data');
    }
    expect(counts[0]).toBeLessThan(20);
    expect(rows.count).toBe(100);
    expect(rows.indexOfHost(0)).toBe(-1);
    runToEnd(table.orderByHost());
    expect(rows.indexOfHost(0)).toBe(0);
  });

  it('sorts many rows that lie all over the file, and many at one place', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(2, 5000, 2 ** 31), (seed, spread) => {
        let x = seed | 0;
        const extents = Array.from({ length: 70_000 }, (_, i): Extent => {
          x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
          return { kind: 'data', guest: i * 2 * UNIT, length: UNIT, host: ((x >>> 0) % spread) * 2 * UNIT };
        });
        const all = extents.flatMap((e): Extent[] => [e, { kind: 'unallocated', guest: e.guest + UNIT, length: UNIT }]);
        const rows = built(all).rows({ sort: 'host' });
        const sorted = extents.sort((a, b) => (a.host as number) - (b.host as number) || a.guest - b.guest);
        let wrong = 0;
        for (let i = 0; i < sorted.length; i++) if (rows.at(i).guest !== sorted[i]?.guest) wrong++;
        expect(wrong).toBe(0);
      }),
      { numRuns: 6 },
    );
  });
});
