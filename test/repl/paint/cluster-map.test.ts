/** The cluster map and its legend: exact cells, geometry as a property, and never colour alone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellOf, gridOf, rangeOf } from '../../../src/commands/grid.ts';
import {
  cellText,
  clusterGrid,
  clusterMapHead,
  clusterMapScroll,
  paintClusterMap,
  paintStackedMaps,
  stackedGrid,
  stackedMapsHead,
} from '../../../src/repl/paint/cluster-map.ts';
import { type GridMove, moveOnGrid, topShowing } from '../../../src/repl/paint/grid.ts';
import { paintLegend } from '../../../src/repl/paint/legend.ts';
import type { ClusterMapView } from '../../../src/repl/paint/views.ts';
import { BARE, themeFor } from '../../../src/repl/theme.ts';
import { clusterSide, clusterView, ROLES } from './fakes.ts';
import { aName, aSize, aTheme, expectClosed, expectShape, PLAIN, THEMES } from './samples.ts';

const CLUSTER = 65536;
const SOURCE = 'HRr12####%%00!X#....';
const TARGET = 'H....####%%00..#1122....';
const VIEW: ClusterMapView = {
  clusters: clusterView(SOURCE, TARGET, [16, 17]),
  shows: 'source',
  clusterSize: CLUSTER,
  zoom: 0,
  top: 0,
};

describe('the cluster map', () => {
  it('shows a side, cell by cell, and nothing behind the end of the file', () => {
    expect(paintClusterMap(VIEW, 10, 3, PLAIN)).toEqual(['HRr12████▓', '▓○○!✖█····', '····      ']);
    expect(paintClusterMap({ ...VIEW, shows: 'target' }, 10, 3, BARE)).toEqual([
      'H....####%',
      '%00..#1122',
      '....      ',
    ]);
  });

  it('shows what both sides make of the file', () => {
    expect(paintClusterMap({ ...VIEW, shows: 'shares' }, 10, 3, PLAIN)).toEqual([
      '█▽▽▽▽█████',
      '███!✖█▲▲▲▲',
      '····      ',
    ]);
  });

  it('stacks both sides at one scale', () => {
    expect(paintStackedMaps(VIEW, 12, 7, PLAIN)).toEqual([
      'source qcow2',
      'HRr12████▓▓○',
      '○!✖█········',
      'target qed  ',
      'H····████▓▓○',
      '○··█1122····',
      '            ',
    ]);
    const alone = { ...VIEW, clusters: clusterView(SOURCE) };
    expect(paintStackedMaps(alone, 10, 2, PLAIN)).toEqual(paintClusterMap(alone, 10, 2, PLAIN));
  });

  it('lets the gravest of a cell win, and the zoom take it apart', () => {
    expect(paintClusterMap(VIEW, 6, 1, PLAIN)).toEqual(['H2█✖··']);
    expect(paintClusterMap({ ...VIEW, most: true }, 6, 1, PLAIN)).toEqual(['H█▓✖··']);
    expect(clusterMapHead({ ...VIEW, most: true }, clusterGrid(VIEW, 6, 1)).detail).toMatch(/, its most$/);
    const zoomed = { ...VIEW, zoom: 2, top: 2 };
    expect(paintClusterMap(zoomed, 6, 1, PLAIN)).toEqual(['○!✖█··']);
    expect(clusterMapScroll(zoomed, clusterGrid(zoomed, 6, 1))).toEqual({ top: 2, visible: 1, total: 4 });
  });

  it('marks the cursor and what changed without colour', () => {
    const theme = themeFor({ colour: 0, unicode: true, theme: 'mono' });
    const rows = paintClusterMap({ ...VIEW, shows: 'target', cursor: 17 * CLUSTER + 5 }, 12, 2, theme);
    expect(rows[1]).toBe('○··█\x1b[1m\x1b[4m1\x1b[24m\x1b[22m\x1b[1m\x1b[4m\x1b[7m1\x1b[27m\x1b[24m\x1b[22m22····');
  });

  it('gives a changed block another shape, since an underline is not seen below it', () => {
    const clusters = clusterView('##%%', undefined, [1, 3]);
    expect(paintClusterMap({ ...VIEW, clusters }, 4, 1, PLAIN)).toEqual(['█▆▓▞']);
  });

  it('joins neighbours that look alike', () => {
    const theme = themeFor({ colour: 24, unicode: true, theme: 'dark' });
    const [row = ''] = paintClusterMap({ ...VIEW, clusters: clusterView('####....') }, 8, 1, theme);
    expect(row.match(/\x1b/g)?.length).toBe(4);
    expectClosed(row);
  });

  it('says what a cell is', () => {
    const text = (units: number, clusterSize: number): string =>
      cellText(gridOf({ size: units * CLUSTER, unit: CLUSTER }, 10, 2, 0), clusterSize);
    expect(text(20, CLUSTER)).toBe('1 cell = 1 cluster');
    expect(text(80, CLUSTER)).toBe('1 cell = 4 clusters');
    expect(text(80, 0)).toBe('1 cell = 256K');
    expect(text(20, 4 * CLUSTER)).toBe('1 cell = 64K');
    const grid = clusterGrid(VIEW, 6, 1);
    expect(clusterMapHead({ ...VIEW, note: '+2 changed by step 7' }, grid)).toEqual({
      title: 'Clusters  source qcow2',
      detail: '1 cell = 4 clusters',
      notes: ['+2 changed by step 7'],
    });
    expect(stackedMapsHead(VIEW, stackedGrid(VIEW, 12, 6)).detail).toBe('1 cell = 1 cluster');
    const walking = { ...VIEW.clusters, source: { ...VIEW.clusters.source, complete: false } };
    expect(clusterMapHead({ ...VIEW, clusters: walking }, grid).notes).toEqual(['walking']);
  });

  it('is whole at every size', () => {
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.array(fc.constantFrom(...ROLES), { maxLength: 3000, size: 'max' }),
        fc.array(fc.nat(3000), { maxLength: 20 }),
        aName,
        fc.record({ zoom: fc.nat(12), top: fc.nat(200), cursor: fc.option(fc.nat(2 ** 31 - 1), { nil: undefined }) }),
        ({ width, height }, theme, roles, changed, name, place) => {
          const side = clusterSide(name, CLUSTER, roles, changed);
          const base = clusterView('', '');
          const clusters = { ...base, size: roles.length * CLUSTER, source: side, target: side };
          const view = { ...VIEW, ...place, clusters };
          for (const rows of [
            paintClusterMap(view, width, height, theme),
            paintClusterMap({ ...view, shows: 'shares' }, width, height, theme),
            paintStackedMaps(view, width, height, theme),
            paintLegend({ clusters, shows: 'source', clusterSize: CLUSTER }, width, height, theme),
          ]) {
            expectShape(rows, width, height);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('the grid', () => {
  const aGrid = fc
    .record({
      size: fc.oneof(
        fc.nat({ max: 300 }).map((n) => n * CLUSTER),
        fc.maxSafeNat(),
      ),
      columns: fc.integer({ min: 1, max: 220 }),
      rows: fc.integer({ min: 1, max: 60 }),
      zoom: fc.nat(40),
    })
    .map(({ size, columns, rows, zoom }) => gridOf({ size, unit: CLUSTER }, columns, rows, zoom));

  it('gives every byte one cell, and at zoom 0 every cell a place', () => {
    fc.assert(
      fc.property(aGrid, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (grid, part) => {
        if (grid.zoom === 0) expect(grid.totalRows).toBeLessThanOrEqual(grid.rows);
        expect(grid.cellBytes % CLUSTER).toBe(0);
        if (grid.size === 0) return;
        const offset = Math.floor(grid.size * part);
        const cell = cellOf(grid, offset);
        const { from, to } = rangeOf(grid, cell);
        expect(from <= offset && offset < to).toBe(true);
        const top = topShowing(grid, offset, 0);
        const row = Math.floor(cell / grid.columns) - top;
        expect(row).toBeGreaterThanOrEqual(0);
        if (grid.rows > 0) expect(row).toBeLessThan(grid.rows);
        expect(from).toBe(cell * grid.cellBytes);
      }),
    );
  });

  it('ends in cells of one unit', () => {
    const sizes = [0, 1, 2, 3, 9].map((zoom) => gridOf({ size: 100 * CLUSTER, unit: CLUSTER }, 10, 1, zoom));
    expect(sizes.map(({ cellBytes, zoom }) => [cellBytes / CLUSTER, zoom])).toEqual([
      [10, 0],
      [5, 1],
      [3, 2],
      [2, 3],
      [1, 4],
    ]);
  });

  it('moves the cursor and never leaves the file', () => {
    const grid = gridOf({ size: 25 * CLUSTER, unit: CLUSTER }, 10, 3, 0);
    const move = (cell: number, to: GridMove): number => moveOnGrid(grid, cell * CLUSTER, to) / CLUSTER;
    expect([move(0, 'left'), move(9, 'right'), move(24, 'right'), move(3, 'up'), move(13, 'up')]).toEqual([
      0, 10, 24, 3, 3,
    ]);
    expect([move(13, 'down'), move(17, 'down'), move(24, 'row-start'), move(21, 'row-end')]).toEqual([23, 17, 20, 24]);
    expect([move(3, 'page-down'), move(7, 'page-down'), move(24, 'page-up'), move(17, 'page-up')]).toEqual([
      23, 17, 4, 7,
    ]);
    expect([move(13, 'start'), move(13, 'end')]).toEqual([0, 24]);
    expect(moveOnGrid(grid, 24 * CLUSTER + 77, 'right')).toBe(24 * CLUSTER + 77);
    const moves = [
      'left',
      'right',
      'up',
      'down',
      'page-up',
      'page-down',
      'row-start',
      'row-end',
      'start',
      'end',
    ] as const;
    fc.assert(
      fc.property(aGrid, fc.array(fc.constantFrom(...moves)), (any, path) => {
        const offset = path.reduce((at, to) => moveOnGrid(any, at, to), 0);
        expect(offset >= 0 && (offset < any.size || any.size === 0)).toBe(true);
      }),
    );
  });
});

describe('the legend', () => {
  const legend = (shows: 'source' | 'target' | 'shares' | 'both', width: number, height = 2): string[] =>
    paintLegend({ clusters: VIEW.clusters, shows, clusterSize: CLUSTER }, width, height, PLAIN).map((row) =>
      row.trimEnd(),
    );

  it('names what occurs, gravest first, with counts', () => {
    expect(legend('source', 120)).toEqual([
      '✖ overlap 1  ! leaked 1  H header 1  1 L1 table 1  2 L2 table 1  R refcount table 1  r refcount block 1  █ data 5',
      '▓ compressed 2  ○ zero, allocated 2  · free 4',
    ]);
    expect(legend('shares', 120, 1)).toEqual([
      '✖ overlap 1  ! leaked 1  ▲ target only 4  ▽ source only 4  █ shared data 10  · free 4',
    ]);
    expect(legend('both', 120, 1)[0]).toMatch(/^✖ overlap {2}! leaked {2}H hdr {2}1 L1 {2}2 L2 {2}R reft/);
  });

  it('shortens, then cuts', () => {
    expect(legend('source', 60)).toEqual([
      '✖ overlap 1  ! leaked 1  H hdr 1  1 L1 1  2 L2 1  R reft 1',
      'r refb 1  █ data 5  ▓ compr 2  ○ zero 2  · free 4',
    ]);
    expect(legend('source', 30)[1]).toMatch(/…$/);
  });
});

describe('the cursor', () => {
  it('is seen on every class, and no hole where a block was', () => {
    for (const theme of THEMES) {
      for (const swatches of [theme.roles, theme.kinds, theme.shares]) {
        for (const { glyph, changedGlyph, cursorGlyph, states } of Object.values(swatches)) {
          const [plain = '', changed = '', cursor = '', both = ''] = states.map(({ open }) => open);
          if (plain !== '') {
            expect(cursor + cursorGlyph).not.toBe(plain + glyph);
            expect(both + cursorGlyph).not.toBe(changed + changedGlyph);
          }
          expect('█▓▒▆▞▚').not.toContain(cursorGlyph);
          if ('█▓▒'.includes(glyph)) expect([glyph, changedGlyph]).not.toContain(cursorGlyph);
        }
      }
    }
  });
});

describe('classes', () => {
  it('are told apart by their glyphs, with colours stripped', () => {
    for (const theme of THEMES) {
      for (const swatches of [theme.roles, theme.kinds, theme.shares]) {
        const seen = new Map<string, string>();
        for (const { glyph, changedGlyph, paint } of Object.values(swatches)) {
          for (const shape of new Set([glyph, changedGlyph])) {
            const colour = seen.get(shape);
            // One glyph for two classes is right only where the colour does not tell them apart either.
            if (colour !== undefined && colour !== paint.open) expect({ theme, shape }).toBe('one class');
            seen.set(shape, paint.open);
          }
        }
        expect(seen.size).toBeGreaterThan(4);
      }
    }
  });
});
