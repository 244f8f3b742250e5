/** Characters and columns, as Intl.Segmenter and a real terminal count them. */
import { Terminal } from '@xterm/headless';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundaryAt,
  boundaryFrom,
  columns,
  eachCharacter,
  fitted,
  nextBoundary,
  previousBoundary,
  shown,
} from '../../../src/repl/prompt/graphemes.ts';

const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Characters of several code points and letters, as they are mixed in names. */
const mixed = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 3 }),
      fc.string({ unit: 'binary-ascii', maxLength: 4 }),
      fc.constantFrom('é', 'e\u0301', '👩‍👩‍👧', '🇨🇭', '漢字', '1️⃣', '\n', 'नि', '\u200d'),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join('').replaceAll('\r', ''));

const boundaries = (text: string): number[] =>
  [...SEGMENTER.segment(text)].map(({ index }) => index).concat(text.length);

describe('boundaries', () => {
  it('are those of Intl.Segmenter, forwards, backwards and from within', () => {
    fc.assert(
      fc.property(mixed, (text) => {
        const forwards = [0];
        while ((forwards.at(-1) as number) < text.length) forwards.push(nextBoundary(text, forwards.at(-1) as number));
        const each: number[] = [0];
        eachCharacter(text, 0, (from, to) => {
          expect(from).toBe(each.at(-1));
          return each.push(to) > 0;
        });
        expect(each).toEqual(forwards);
        const backwards = [text.length];
        while ((backwards[0] as number) > 0) backwards.unshift(previousBoundary(text, backwards[0] as number));
        const expected = text === '' ? [0] : boundaries(text);
        expect(forwards).toEqual(expected);
        expect(backwards).toEqual(expected);
        for (let at = 0; at <= text.length; at++) {
          expect(boundaryAt(text, at)).toBe(expected.findLast((b) => b <= at));
          expect(boundaryFrom(text, at)).toBe(expected.find((b) => b >= at));
        }
      }),
    );
  });

  it.each([['a'], ['漢'], ['👩‍👩‍👧'], ['e\u0301'], [`e${'\u0301'.repeat(50)}`]])(
    'cost the same in 64 KB of %s',
    (unit) => {
      const text = unit.repeat(65_536 / unit.length);
      const begin = performance.now();
      let at = text.length >> 1;
      at = boundaryAt(text, at);
      for (let i = 0; i < 100; i++) at = previousBoundary(text, at);
      for (let i = 0; i < 100; i++) at = nextBoundary(text, at);
      expect(performance.now() - begin).toBeLessThan(500);
      expect(at).toBeGreaterThan(0);
    },
  );

  it('never cut a pair', () => {
    const text = `${'\u0301'.repeat(300)}${'🙂'.repeat(300)}`;
    for (let at = text.length; at > 0; ) {
      at = previousBoundary(text, at);
      expect(text.charCodeAt(at) >= 0xdc00 && text.charCodeAt(at) < 0xe000).toBe(false);
    }
  });
});

describe('columns', () => {
  it('are the terminal’s', async () => {
    const texts = [
      'map 0 1M',
      '漢字',
      'é',
      'e\u0301x',
      'ｆｕｌｌ',
      'Größe',
      'кириллица',
      '한글',
      '…⏎█▓',
      '\x1b[2J\u202e',
    ];
    for (const text of texts) {
      const terminal = new Terminal({ cols: 200, rows: 2, allowProposedApi: true });
      const painted = [...SEGMENTER.segment(text)].map(({ segment }) => shown(segment).text).join('');
      await new Promise<void>((done) => terminal.write(painted, done));
      expect([text, columns(text)]).toEqual([text, terminal.buffer.active.cursorX]);
      terminal.dispose();
    }
  });

  it('shows what would disturb, or not be seen, as an escape', () => {
    expect(['\x1b', '\u202e', '\u200b', '\ud800', '\u0301', '\n'].map((c) => shown(c).text)).toEqual([
      '\\x1b',
      '\\u202e',
      '\\u200b',
      '\\ud800',
      '\\u0301',
      '\\x0a',
    ]);
  });

  it('in ASCII shows nothing else, in as many columns as it says', () => {
    fc.assert(
      fc.property(mixed, (text) => {
        for (const { segment } of SEGMENTER.segment(text)) {
          const { text: out, width } = shown(segment, true);
          expect(out).toMatch(/^[\x20-\x7e]*$/);
          expect(out.length).toBe(width);
        }
      }),
    );
  });

  it('fitted text fits, and says when it was cut', () => {
    fc.assert(
      fc.property(mixed, fc.nat(20), fc.boolean(), (text, width, ascii) => {
        const out = fitted(text, width, ascii);
        const whole = columns(text, ascii);
        expect(columns(out, ascii)).toBeLessThanOrEqual(width);
        if (whole > width && width > 0) expect(out.endsWith(ascii ? '>' : '…')).toBe(true);
        if (whole <= width) expect(columns(out, ascii)).toBe(whole);
      }),
    );
  });
});
