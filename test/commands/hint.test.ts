/** The row under the prompt: usage with the argument under the cursor, and what is wrong so far. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { hintAt } from '../../src/commands/hint.ts';
import { statements } from '../../src/commands/line.ts';

/** The hint at `^`, or at the end, with <the current part>. */
function hint(marked: string): string {
  const cursor = marked.includes('^') ? marked.indexOf('^') : marked.length;
  const found = hintAt(marked.replace('^', ''), cursor);
  if (!found) return '';
  const parts = found.parts.map(({ text, current }) => (current ? `<${text}>` : text)).join(' ');
  return [parts, found.problem === undefined ? found.doc : `!${found.problem}`].filter((part) => part).join(' -- ');
}

describe('usage', () => {
  it.each<[string, string]>([
    ['', ''],
    ['# map', ''],
    ['!ls', ''],
    ['alloc', 'alloc OFFSET [LENGTH] -- '],
    ['alloc ', 'alloc <OFFSET> [LENGTH] -- first guest byte'],
    ['alloc 0', 'alloc <OFFSET> [LENGTH] -- first guest byte'],
    ['alloc 0 ', 'alloc OFFSET <[LENGTH]> -- how many guest bytes'],
    ['alloc ^0 5', 'alloc <OFFSET> [LENGTH] -- first guest byte'],
    ['alloc^ 0 5', 'alloc OFFSET [LENGTH] -- '],
    ['info; alloc 0 ', 'alloc OFFSET <[LENGTH]> -- '],
    ['alloc ^; info', 'alloc <OFFSET> [LENGTH] -- '],
    ['open-target -o ', 'open-target <[-o KEY=VALUE,…]> FORMAT -- options of the target'],
    ['open-target -o x=1 ', 'open-target [-o KEY=VALUE,…] <FORMAT> -- the format to become (qcow2, qed)'],
    ['map --sort=', 'map <[--sort COLUMN]> [--summary] [--target] [OFFSET] [LENGTH] -- the order of the list'],
    ['map --sum', 'map [--sort COLUMN] [--summary] [--target] [OFFSET] [LENGTH] -- '],
    ['map | setmap ', 'setmap '],
    ['che', 'check '],
    ['op', 'open open-target'],
    ['map | gr', ''],
    ['map | grep ', ''],
  ])('%j', (line, expected) => {
    if (expected === '') expect(hint(line)).toBe('');
    else expect(hint(line).startsWith(expected)).toBe(true);
  });
});

describe('what is wrong', () => {
  it.each<[string, string]>([
    ['mpa ', '!command "mpa" not found. Did you mean map?'],
    ['xyzzy', '!command "xyzzy" not found'],
    ['alloc 12q ', '!Parsing error: non-numeric argument'],
    ['alloc 12q', '!Parsing error: non-numeric argument'],
    ['alloc 0 1 2', '!alloc takes at most 2 arguments'],
    ['info x', '!info takes no arguments'],
    ['open a b', '!open takes one argument'],
    ['map --srot=guest ', '!map: there is no option --srot=guest'],
    ['map -x ', '!map: there is no option -x'],
    ['map --sort=x', "!'x' is not a column"],
    ['open-target -o x qed', "!option 'x' has no value"],
  ])('%j', (line, expected) => expect(hint(line)).toContain(expected));

  it.each([
    'alloc 0x',
    'map --sort=g',
    'map --so',
    'map -',
    'open-target -o clus',
    'open-target qc',
    'alloc ',
    'map -- 0',
  ])('nothing yet: %j', (line) => expect(hintAt(line, line.length)?.problem).toBeUndefined());

  it('nothing in any example', () => {
    for (const { examples } of CATALOG) {
      for (const { line } of examples) {
        for (const { words } of statements(line)) {
          for (const { to } of words) expect([line, hintAt(line, to)?.problem]).toEqual([line, undefined]);
        }
      }
    }
  });
});

describe('any line', () => {
  it('has a hint or none, and at most one current part', () => {
    const line = fc
      .array(
        fc.oneof(
          fc.constantFrom(
            ...CATALOG.map(({ name }) => name),
            ' ',
            ' ',
            ';',
            '|',
            "'",
            '"',
            '\\',
            '-',
            '--',
            '=',
            '0x',
            '1M',
          ),
          fc.string({ maxLength: 4 }),
        ),
        { maxLength: 10 },
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(line, fc.nat(60), (text, place) => {
        const found = hintAt(text, Math.min(place, text.length));
        expect((found?.parts ?? []).filter(({ current }) => current).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
