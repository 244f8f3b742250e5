/** Frames: exact where small, whole at every size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitTo } from '../../../src/repl/paint/fit.ts';
import { type FrameHead, frame, insideFrame } from '../../../src/repl/paint/frame.ts';
import { BARE } from '../../../src/repl/theme.ts';
import { aName, aSize, aTheme, expectShape, PLAIN } from './samples.ts';

const HEAD: FrameHead = { number: 1, title: 'Extents', detail: 'source  4/394', notes: ['sorted by host', '/ filter'] };

describe('frame', () => {
  it('shows title, detail and notes', () => {
    expect(frame(HEAD, ['x'.repeat(58)], 60, 3, PLAIN)).toEqual([
      '┌ 1 Extents  source  4/394 ──── sorted by host ─ / filter ─┐',
      `│${'x'.repeat(58)}│`,
      `└${'─'.repeat(58)}┘`,
    ]);
    expect(frame({ ...HEAD, focused: true }, [], 60, 3, BARE)).toEqual([
      '# 1 Extents  source  4/394 ==== sorted by host = / filter =#',
      `|${' '.repeat(58)}|`,
      `#${'='.repeat(58)}#`,
    ]);
  });

  it('drops notes, then the detail, then letters', () => {
    const top = (width: number): string | undefined => frame(HEAD, [], width, 3, PLAIN)[0];
    expect(top(48)).toBe('┌ 1 Extents  source  4/394 ─── sorted by host ─┐');
    expect(top(40)).toBe('┌ 1 Extents  source  4/394 ────────────┐');
    expect(top(20)).toBe('┌ 1 Extents ───────┐');
    expect(top(10)).toBe('┌ 1 Exte…┐');
  });

  it('has a scroll bar that tells the ends', () => {
    const bar = (top: number): string =>
      frame(HEAD, [], 12, 8, PLAIN, { top, visible: 6, total: 600 })
        .slice(1, -1)
        .map((row) => row.at(-1))
        .join('');
    expect(bar(0)).toBe('█│││││');
    expect(bar(1)).toBe('│█││││');
    expect(bar(593)).toBe('││││█│');
    expect(bar(594)).toBe('│││││█');
    expect(frame(HEAD, [], 12, 5, PLAIN, { top: 0, visible: 3, total: 3 })[1]).toBe('│          │');
  });

  it('leaves the frame out where there is no room', () => {
    expect(frame(HEAD, ['abcdefghi'], 9, 2, PLAIN)).toEqual(['abcdefghi', ' '.repeat(9)]);
    expect(insideFrame(9, 2)).toEqual({ width: 9, height: 2 });
    expect(insideFrame(10, 3)).toEqual({ width: 8, height: 1 });
  });

  it('is whole at every size, with any title', () => {
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.record({
          number: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
          title: aName,
          detail: fc.option(aName, { nil: undefined }),
          notes: fc.array(aName, { maxLength: 3 }),
          focused: fc.boolean(),
        }),
        fc.record({ top: fc.nat(99), visible: fc.nat(60), total: fc.nat(100) }),
        ({ width, height }, theme, head, scroll) => {
          const inner = insideFrame(width, height);
          const body = Array<string>(inner.height).fill(fitTo('body', inner.width));
          const rows = frame(head, body, width, height, theme, scroll);
          expectShape(rows, width, height);
        },
      ),
      { numRuns: 300 },
    );
  });
});
