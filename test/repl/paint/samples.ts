/** Themes, hostile names and the shape that every painter keeps, for the tests of the painters. */
import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect } from 'vitest';
import { BARE, type Theme, themeFor } from '../../../src/repl/theme.ts';

/** Unicode without any escape sequence. */
export const PLAIN: Theme = themeFor({ colour: 0, unicode: true, theme: 'mono', attributes: false });

export const THEMES: readonly Theme[] = [
  BARE,
  PLAIN,
  ...([0, 4, 8, 24] as const).flatMap((colour) =>
    (['dark', 'light', 'mono'] as const).flatMap((theme) =>
      [true, false].map((unicode) => themeFor({ colour, unicode, theme })),
    ),
  ),
];

// Counterexamples name the theme, not all of its parts.
for (const theme of THEMES) {
  Object.assign(theme, { [fc.toStringMethod]: () => `${theme.name}, ${theme.colour} bits, unicode ${theme.unicode}` });
}

export const aTheme = fc.constantFrom(...THEMES);
export const aSize = fc.record({ width: fc.integer({ min: 1, max: 220 }), height: fc.integer({ min: 1, max: 60 }) });

const NASTY = [
  '\x1b[2J',
  '\x1b]0;title\x07',
  '\x9b31m',
  '\r\n',
  '\t',
  '\0',
  '\x7f',
  '\u202egpj.exe',
  '\u2066',
  '漢字',
  '한글',
  'ᄒ',
  'ᅡ',
  'é',
  'e\u0301',
  '\u0301\u0302\u0303',
  '👩‍👩‍👧',
  '🇩🇪',
  '🇩',
  '\u200d',
  '\ufe0f',
  '✔\ufe0f',
  '🙂‍↔️',
  'ｱﾞ',
  'שלום',
  'مرحبا',
  '\u0600',
  '\u0d4e',
  '\u{11a84}',
  '\ud83d',
  '│',
  '→',
  '█',
  'disk',
  ' ',
  '.qcow2',
] as const;

/** What an image or a command line may hold. */
export const aName = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(fc.constantFrom(...NASTY), { maxLength: 30 }).map((parts) => parts.join('')),
);

/** Exactly `height` rows of `width` columns, and nothing in them that a terminal acts on but styles. */
export function expectShape(rows: readonly string[], width: number, height: number): void {
  expect(rows.length).toBe(height);
  for (const row of rows) {
    if (stringWidth(row) !== width) expect({ row, width: stringWidth(row) }).toEqual({ row, width });
    const bare = row.replace(/\x1b\[[0-9;:]*m/g, '');
    if (/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(bare)) expect(bare).toBe('free of controls');
  }
}

/** Every style that is opened in the row is closed in it. */
export function expectClosed(row: string): void {
  let open = new Set<string>();
  for (const [, codes = ''] of row.matchAll(/\x1b\[([0-9;]*)m/g)) {
    const code = Number(codes.split(';')[0]);
    if (code === 0) open = new Set();
    else if (code === 22) open.delete('bold');
    else if (code === 24) open.delete('underline');
    else if (code === 27) open.delete('inverse');
    else if (code === 39) open.delete('fg');
    else if (code === 49) open.delete('bg');
    else if (code === 1 || code === 2) open.add('bold');
    else if (code === 4) open.add('underline');
    else if (code === 7) open.add('inverse');
    else if ((code >= 40 && code < 50) || code >= 100) open.add('bg');
    else open.add('fg');
  }
  if (open.size > 0) expect({ row, open: [...open] }).toEqual({ row, open: [] });
}
