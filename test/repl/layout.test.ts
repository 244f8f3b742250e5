/** Which panels stand where: at every size all of them have room, and the one with the keys is there. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Layout, layoutFor, PANELS, panelsOf, shapeOf, type Wish } from '../../src/repl/layout.ts';

const wish = fc.record({
  columns: fc.integer({ min: 1, max: 250 }),
  rows: fc.integer({ min: 1, max: 70 }),
  shown: fc.constantFrom(...PANELS),
  zoomed: fc.boolean(),
  focus: fc.constantFrom('prompt' as const, ...PANELS),
  promptRows: fc.integer({ min: 1, max: 400 }),
  wanted: fc.integer({ min: 0, max: 100 }),
  help: fc.boolean(),
});

type Asked = Omit<Wish, 'menuRows'> & { readonly wanted: number };

const laidOut = ({ wanted, ...asked }: Asked): Layout =>
  layoutFor({ ...asked, menuRows: (most) => Math.min(most, wanted) });

const BARE: Asked = {
  columns: 120,
  rows: 40,
  shown: 'extents',
  zoomed: false,
  focus: 'prompt',
  promptRows: 1,
  wanted: 0,
  help: false,
};

describe('a layout', () => {
  it('fills the terminal and no more', () => {
    fc.assert(
      fc.property(wish, (asked) => {
        const { titleRows, bodyRows, promptRows, menuRows, hintRows } = laidOut(asked);
        expect(titleRows + bodyRows + promptRows + menuRows + hintRows).toBe(asked.rows);
        for (const height of [titleRows, bodyRows, menuRows, hintRows]) expect(height).toBeGreaterThanOrEqual(0);
        expect(promptRows).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it('leaves the panels room from 60x16 on, whatever is typed', () => {
    fc.assert(
      fc.property(wish, (asked) => {
        const { bodyRows, transcriptRows, shape } = laidOut(asked);
        if (shape === 'tiny') return;
        expect(bodyRows).toBeGreaterThanOrEqual(3);
        if (shape !== 'small') expect(bodyRows).toBeGreaterThanOrEqual(12);
        if (transcriptRows > 0) {
          expect(transcriptRows).toBeGreaterThanOrEqual(4);
          expect(bodyRows - transcriptRows).toBeGreaterThanOrEqual(5);
        }
      }),
    );
  });

  it('has the panel with the keys on the screen', () => {
    fc.assert(
      fc.property(wish, (asked) => {
        if (asked.focus !== 'prompt') expect(panelsOf(laidOut(asked))).toContain(asked.focus);
      }),
    );
  });

  it.each([
    [120, 40, 'medium'],
    [80, 24, 'small'],
    [200, 50, 'wide'],
    [60, 16, 'small'],
    [59, 40, 'tiny'],
    [200, 15, 'tiny'],
    [99, 30, 'small'],
    [100, 29, 'small'],
    [100, 30, 'medium'],
    [179, 30, 'medium'],
    [180, 30, 'wide'],
  ])('%sx%s is %s', (columns, rows, shape) => expect(shapeOf(columns, rows)).toBe(shape));

  it('a tiny terminal shows the transcript, or the panel that has the keys', () => {
    const tiny = { ...BARE, columns: 50, rows: 12 };
    expect(panelsOf(laidOut(tiny))).toEqual(['transcript']);
    expect(panelsOf(laidOut({ ...tiny, focus: 'steps' }))).toEqual(['steps']);
  });

  it('a small one gives its second panel up while the list of completions is open', () => {
    const small = { ...BARE, columns: 60, rows: 16 };
    expect(panelsOf(laidOut(small))).toEqual(['extents', 'transcript']);
    expect(panelsOf(laidOut({ ...small, wanted: 8 }))).toEqual(['extents']);
  });
});
