/** The extent table: exact rows, its narrow forms, and its shape at every size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXTENT_KINDS } from '../../../src/bytes/extents.ts';
import {
  extentRowsVisible,
  extentTableHead,
  extentTableScroll,
  paintExtentTable,
} from '../../../src/repl/paint/extent-table.ts';
import type { ExtentTableView } from '../../../src/repl/paint/views.ts';
import { BARE, themeFor } from '../../../src/repl/theme.ts';
import type { ExtentRow } from '../../../src/session/panels.ts';
import { EXTENTS, extentRows } from './fakes.ts';
import { aName, aSize, aTheme, expectShape, PLAIN } from './samples.ts';

const VIEW: ExtentTableView = {
  rows: extentRows(EXTENTS),
  side: 'source',
  order: { sort: 'guest' },
  guestSize: 10 * 2 ** 30,
  fileSize: 0x900000,
  top: 0,
  cursor: 3,
};

describe('the extent table', () => {
  it('shows what each run is, where it lies, what changed and what is wrong', () => {
    expect(paintExtentTable(VIEW, 78, 7, PLAIN)).toEqual(
      [
        '  guest           length  kind               host',
        '  0x000000000      2176K  █ data             0x050000',
        '  0x000220000        64K  · unallocated      —',
        '  0x000230000       256K  ○ zero             —       *',
        '> 0x000270000        64K  ○ zero, allocated  0x280000',
        '  0x000280000        64K  ▓ compressed       0x8c0200  in 12.5K',
        '  0x000290000        64K  ✖ invalid          0x123456* not at a cluster',
      ].map((row) => row.padEnd(78)),
    );
    expect(paintExtentTable(VIEW, 78, 7, BARE)[5]?.trimEnd()).toBe(
      '  0x000280000        64K  % compressed       0x8c0200  in 12.5K',
    );
  });

  it.each([
    [58, '  0x000270000        64K  ○ zero, allocated  0x280000'],
    [48, '  0x000270000      64K  ○ zero, allo…  0x280000'],
    [38, '  0x000270000  ○ zero, all…  0x280000'],
    [28, '  0x000270000  ○  0x280000'],
    [18, '  0x000270000  ○'],
    [9, '  0x0002…'],
  ])('in %i columns: %s', (width, row) => {
    const rows = paintExtentTable({ ...VIEW, cursor: -1 }, width, 7, PLAIN);
    expect(rows[4]?.trimEnd()).toBe(row);
  });

  it('rounds a length that is too long, and says so', () => {
    const rows = extentRows([{ kind: 'data', guest: 0, length: 123_456_789_012_345, host: 0, changed: false }]);
    const view = { ...VIEW, rows, guestSize: 2 ** 47, cursor: -1 };
    expect(paintExtentTable(view, 60, 2, PLAIN)[0]).toContain('≈112.3T  █ data');
  });

  it('scrolls, and leaves the heading out where there is no room', () => {
    expect(extentRowsVisible(7)).toBe(6);
    expect(extentRowsVisible(2)).toBe(2);
    const rows = paintExtentTable({ ...VIEW, top: 2, cursor: 2 }, 58, 2, PLAIN);
    expect(rows[0]).toContain('> 0x000230000');
    expect(rows[1]).toContain('  0x000270000');
    expect(extentTableScroll({ ...VIEW, top: 2 }, 4)).toEqual({ top: 2, visible: 3, total: 6 });
  });

  it('says why it is empty', () => {
    const says = (complete: boolean, filter?: string): string | undefined =>
      paintExtentTable({ ...VIEW, rows: extentRows([], complete), filter }, 40, 5, PLAIN)[1]?.trim();
    expect(says(true)).toBe('nothing is mapped');
    expect(says(true, 'compressed')).toBe('no such extents');
    expect(says(false)).toBe('walking the tables');
  });

  it('tells in its title where the cursor is and how the rows came to be', () => {
    expect(extentTableHead(VIEW)).toEqual({ title: 'Extents', detail: 'source  4/6', notes: [] });
    expect(
      extentTableHead({
        ...VIEW,
        rows: extentRows(EXTENTS, false),
        order: { sort: 'host' },
        walked: 0.438,
        filter: 'compressed',
      }).notes,
    ).toEqual(['walking 43 %', '/ compressed', 'sorted by host']);
  });

  it('marks the cursor and changes by more than colour', () => {
    const theme = themeFor({ colour: 0, unicode: true, theme: 'mono' });
    const rows = paintExtentTable(VIEW, 78, 7, theme);
    expect(rows[4]).toMatch(/^\x1b\[7m> 0x000270000.*\x1b\[27m$/);
    expect(rows[3]).toContain('\x1b[1m\x1b[4m0x000230000\x1b[24m\x1b[22m');
  });

  it('is whole at every size, whatever the image says', () => {
    const anOffset = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(2 ** 62));
    const aRow: fc.Arbitrary<ExtentRow> = fc.record({
      kind: fc.constantFrom(...EXTENT_KINDS),
      guest: anOffset,
      length: anOffset,
      host: fc.option(anOffset, { nil: undefined }),
      hostLength: fc.option(anOffset, { nil: undefined }),
      fault: fc.option(aName, { nil: undefined }),
      changed: fc.boolean(),
    });
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.array(aRow, { maxLength: 70 }),
        fc.record({
          guestSize: anOffset,
          fileSize: anOffset,
          top: fc.integer({ min: 0, max: 70 }),
          cursor: fc.integer({ min: -1, max: 70 }),
        }),
        fc.boolean(),
        ({ width, height }, theme, rows, place, complete) => {
          expectShape(
            paintExtentTable({ ...VIEW, ...place, rows: extentRows(rows, complete) }, width, height, theme),
            width,
            height,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
