/** Text is cut, padded and wrapped by columns, whatever is in it. */
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { cutMiddle, fitRight, fitTo, slice, unstyled, widthOf, wrap } from '../../../src/repl/paint/fit.ts';
import { foldToAscii } from '../../../src/repl/paint/fold.ts';
import { eachPiece } from '../../../src/repl/paint/pieces.ts';
import { row } from '../../../src/repl/paint/row.ts';
import { themeFor } from '../../../src/repl/theme.ts';
import { aName, aTheme, expectClosed, expectShape } from './samples.ts';

const RED = '\x1b[31m';
const OFF = '\x1b[39m';

/** Text as painters give it: clean names, some of it styled. */
const aText = fc
  .tuple(aTheme, fc.array(fc.tuple(aName, fc.constantFrom('plain', 'bad', 'selected', 'changed')), { maxLength: 5 }))
  .map(([theme, parts]) => parts.map(([name, style]) => theme.ui[style as 'plain'](theme.text(name))).join('·'));

describe('fitting', () => {
  it('pads and cuts', () => {
    expect(fitTo('abc', 5)).toBe('abc  ');
    expect(fitTo('abcdef', 4, '~')).toBe('abc~');
    expect(fitTo('漢字漢字', 5, '…')).toBe('漢字…');
    expect(fitTo('漢字漢字', 4, '…')).toBe('漢 …');
    expect(fitTo('漢字', 3)).toBe('漢 ');
    expect(fitTo('e\u0301e\u0301', 1)).toBe('e\u0301');
    expect(fitTo(`${RED}abcdef${OFF}`, 3)).toBe(`${RED}abc\x1b[0m`);
    expect(fitTo('x', 0)).toBe('');
    expect(fitRight('12', 4)).toBe('  12');
    expect(cutMiddle('/a/long/path/disk.qcow2', 13, '…')).toBe('/a/lon….qcow2');
  });

  it('slices with the styles in force', () => {
    expect(slice(`ab${RED}cdef${OFF}g`, 3, 5)).toBe('\x1b[31mde\x1b[0m');
    expect(slice('漢字', 1, 3)).toBe('  ');
  });

  it('wraps at blanks and carries styles over', () => {
    expect(wrap('the quick brown fox', 10)).toEqual(['the quick', 'brown fox']);
    expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrap(`${RED}ab cd${OFF}`, 3)).toEqual(['\x1b[31mab\x1b[0m', '\x1b[31mcd\x1b[39m']);
    expect(wrap('', 3)).toEqual(['']);
    expect(wrap('漢字', 1)).toEqual(['?', '?']);
  });

  it('measures as string-width does', () => {
    fc.assert(
      fc.property(aText, (text) => {
        expect(widthOf(text)).toBe(stringWidth(text));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps every character that is not a control', () => {
    fc.assert(
      fc.property(aName, (name) => {
        let joined = '';
        eachPiece(name, (piece) => {
          joined += piece;
        });
        expect(joined.replaceAll('?', '')).toBe(
          name.replace(/\x1b\[(?:\d{1,3}(?:[;:]\d{0,3})*)?m|[\x00-\x1f\x7f-\x9f?]/g, (c) => (c.length > 1 ? c : '')),
        );
      }),
    );
  });

  it('knows the width of every character it takes for simple', () => {
    const wrong: string[] = [];
    for (let code = 0x20; code < 0x3000; code++) {
      const char = String.fromCharCode(code);
      let width = -1;
      eachPiece(char, (_, columns) => {
        width = columns;
      });
      if (!/[\x7f-\x9f]/.test(char) && width !== stringWidth(char)) wrong.push(code.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  it('answers exactly the width, with styles closed', () => {
    fc.assert(
      fc.property(aText, fc.integer({ min: 1, max: 60 }), fc.constantFrom('', '~'), (text, width, cut) => {
        expectShape([fitTo(text, width, cut), fitRight(text, width, cut)], width, 2);
        expectClosed(fitTo(text, width, cut));
        expect(widthOf(cutMiddle(text, width, '~'))).toBeLessThanOrEqual(width);
        const part = slice(text, 2, 2 + width);
        expectShape([part], width, 1);
        expectClosed(part);
      }),
      { numRuns: 500 },
    );
  });

  it('wraps without losing anything but blanks at the breaks', () => {
    fc.assert(
      fc.property(aText, fc.integer({ min: 2, max: 40 }), (text, width) => {
        let widest = 0;
        eachPiece(text, (_, columns, kind) => {
          if (kind === 'cluster') widest = Math.max(widest, columns);
        });
        fc.pre(widest <= width);
        const rows = wrap(text, width);
        for (const line of rows) {
          expect(stringWidth(line)).toBeLessThanOrEqual(width);
          expectClosed(line);
        }
        expect(unstyled(rows.join('')).replaceAll(' ', '')).toBe(unstyled(text).replaceAll(' ', ''));
      }),
      { numRuns: 500 },
    );
  });

  it('is linear in long text of any kind', () => {
    const long = '漢👩‍👩‍👧e\u0301x'.repeat(4000);
    expect(widthOf(long)).toBe(4000 * 6);
    expect(wrap(long, 60).length).toBe(400);
    expect(widthOf('\u0301'.repeat(20_000))).toBe(0);
  });
});

describe('folding', () => {
  it('finds likes, letters and widths', () => {
    expect(foldToAscii('a → b — c…')).toBe('a -> b - c...');
    expect(foldToAscii('Größe é 漢字 🙂 │█')).toBe('Grosse e ???? ?? |#');
    expect(foldToAscii(`${RED}é${OFF}`)).toBe(`${RED}e${OFF}`);
  });

  it('leaves ASCII only', () => {
    fc.assert(
      fc.property(aName, (name) => {
        expect(themeFor({ colour: 0, unicode: false, theme: 'dark' }).text(name)).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });
});

describe('rows', () => {
  it('puts parts together in the width', () => {
    const { ui } = themeFor({ colour: 4, unicode: true, theme: 'dark' });
    expect(row(8, ['ab', ['cd', ui.bad], 'ef'])).toBe(`ab${ui.bad.open}cd${ui.bad.close}ef  `);
    expect(row(3, ['ab', ['cd', ui.bad], 'ef'], '…')).toBe(`ab${ui.bad.open}…${ui.bad.close}`);
    expect(row(2, ['ab', 'cd'], '…')).toBe('ab');
  });
});
