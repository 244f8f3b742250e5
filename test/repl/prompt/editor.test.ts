/** The line editor: each key, and what holds whatever keys are pressed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { edited, movedRow } from '../../../src/repl/prompt/editor.ts';
import { boundaryAt } from '../../../src/repl/prompt/graphemes.ts';
import { type Key, keyNamed, textKey } from '../../../src/repl/prompt/key.ts';
import { EMPTY_LINE, LINE_LIMIT, type LineState, moveTo, typed, undone } from '../../../src/repl/prompt/line-state.ts';

/** `C-a`, `M-f`, `left`; anything in quotes is typed. */
function keyOf(chord: string): Key {
  if (chord.startsWith("'")) return textKey(chord.slice(1, -1));
  const ctrl = chord.startsWith('C-');
  const meta = chord.startsWith('M-');
  return keyNamed(ctrl || meta ? chord.slice(2) : chord, { ctrl, meta });
}

function press(state: LineState, chords: string): LineState {
  return (chords.match(/'[^']*'|\S+/g) ?? []).reduce((line, chord) => {
    const next = edited(line, keyOf(chord));
    if (!next) throw new Error(`${chord} is no key of the editor`);
    return next;
  }, state);
}

/** The line with `^` where the cursor is. */
const at = (marked: string): LineState => {
  const cursor = marked.indexOf('^');
  return { ...EMPTY_LINE, text: marked.replace('^', ''), cursor };
};
const shown = ({ text, cursor }: LineState): string => `${text.slice(0, cursor)}^${text.slice(cursor)}`;

describe('keys', () => {
  it.each<[string, string, string]>([
    ['map^', "' 0'", 'map 0^'],
    ['ma^p', "'xy'", 'maxy^p'],
    ['map 0^', 'C-a', '^map 0'],
    ['^map', 'C-e', 'map^'],
    ['map^', 'home end left', 'ma^p'],
    ['^map', 'right C-f', 'ma^p'],
    ['^map', 'C-b', '^map'],
    ['map 0 1M^', 'M-b', 'map 0 ^1M'],
    ['map 0^', 'M-b M-b M-b', '^map 0'],
    ['^map 0 1M', 'M-f M-f', 'map 0^ 1M'],
    ['open a/b.c^', 'C-left', 'open a/b.^c'],
    ['^a-b', 'C-right', 'a^-b'],
    ['map x^', 'backspace', 'map ^'],
    ['漢👩‍👩‍👧^', 'backspace', '漢^'],
    ['^e\u0301x', 'delete', '^x'],
    ['m^ap', 'C-d', 'm^p'],
    ['map^', 'C-d', 'map^'],
    ['ma^p 0', 'C-k', 'ma^'],
    ['map 0^ 1', 'C-u', '^ 1'],
    ['map a/b^ c', 'C-w', 'map ^ c'],
    ['map a/b  ^', 'C-w', 'map ^'],
    ['map ^zero one', 'M-d', 'map ^ one'],
    ['map a/b^', 'M-backspace', 'map a/^'],
    ['m^ap', 'C-t', 'am^p'],
    ['map^', 'C-t', 'mpa^'],
    ['^map', 'C-t', '^map'],
    ['m^', 'C-t', 'm^'],
    ['a\nb^', 'C-t', 'a\nb^'],
    ['ma^p', 'C-k C-y C-y', 'mapp^'],
    ['map 0 1^', 'C-w C-w C-y', 'map 0 1^'],
    ['^map 0', 'M-d M-d C-y', 'map 0^'],
    ['a b^', 'C-w left C-e C-w C-y', 'a ^'],
    ['a b^', 'C-w left C-e C-w C-y M-y', 'b^'],
    ['a b^', 'C-w left C-e C-w C-y M-y M-y', 'a ^'],
    ['a^', 'M-y', 'a^'],
    ['a^', 'C-y', 'a^'],
    ['a\nb^c\nd', 'C-a', 'a\n^bc\nd'],
    ['a\nb^c\nd', 'C-e', 'a\nbc^\nd'],
    ['a\nb^c\nd', 'C-k', 'a\nb^\nd'],
    ['a\nb^\nd', 'C-k', 'a\nb^d'],
    ['a\n^b', 'C-u', 'a^b'],
    ['ab^', 'M-return', 'ab\n^'],
  ])('%j %s', (before, chords, after) => expect(shown(press(at(before), chords))).toBe(after));

  it('up and down keep the place in the line', () => {
    const text = '漢字abc\nxy\nabcdef';
    expect(shown(movedRow(at('漢字ab^c\nxy\nabcdef'), 1) as LineState)).toBe('漢字abc\nxy^\nabcdef');
    expect(shown(movedRow(at('漢字abc\nxy\nabc^def'), -1) as LineState)).toBe('漢字abc\nxy^\nabcdef');
    expect(shown(movedRow(at('漢字abc\nx^y\nabcdef'), -1) as LineState)).toBe('漢^字abc\nxy\nabcdef');
    expect(movedRow(moveTo({ ...EMPTY_LINE, text }, 2), -1)).toBeUndefined();
    expect(movedRow(moveTo({ ...EMPTY_LINE, text }, text.length), 1)).toBeUndefined();
  });

  it('leaves other keys to others', () => {
    for (const name of ['escape', 'tab', 'f5', 'pageup', 'up'])
      expect(edited(EMPTY_LINE, keyNamed(name))).toBeUndefined();
    expect(edited(EMPTY_LINE, keyNamed('c', { ctrl: true }))).toBeUndefined();
  });
});

describe('undo', () => {
  it('takes back a run of typing, and of deletions, at once', () => {
    let line = press(EMPTY_LINE, "'m' 'a' 'p' ' ' '0' backspace backspace");
    line = press(line, "left 'x'");
    const steps = [line];
    while (steps.at(-1)?.text !== '') steps.push(undone(steps.at(-1) as LineState));
    expect(steps.map(shown)).toEqual(['maxp^'.replace('p^', '^p'), 'ma^p', 'map 0^', '^']);
  });

  it('gives back what delete took forwards', () => {
    const line = press(at('^abc'), 'delete delete');
    expect(shown(press(line, 'C-_'))).toBe('^abc');
  });

  it('a yank that was exchanged is undone in steps', () => {
    const line = press(at('a b^'), 'C-w left C-e C-w C-y M-y');
    expect(shown(press(line, 'C-_'))).toBe('a ^');
  });
});

const KEYS = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }).map((s) => textKey(s)) },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom(
        ...'C-a C-e C-b C-f M-b M-f C-k C-u C-w M-d M-backspace C-y M-y C-t C-d backspace delete left right'.split(' '),
        ...'home end M-return C-left C-right'.split(' '),
        "'e'",
        "'\u0301'",
        "'\u200d'",
        "'🇨'",
        "' '",
        "'abc de'",
      )
      .map(keyOf),
  },
);

describe('whatever is typed', () => {
  it('the cursor is between two characters', () => {
    fc.assert(
      fc.property(fc.array(KEYS, { maxLength: 60 }), (keys) => {
        let line = EMPTY_LINE;
        for (const key of keys) {
          line = edited(line, key) ?? line;
          expect(line.cursor).toBe(boundaryAt(line.text, line.cursor));
          expect(line.cursor).toBeGreaterThanOrEqual(0);
          expect(line.cursor).toBeLessThanOrEqual(line.text.length);
        }
      }),
    );
  });

  it('undo to the start gives the empty line, through texts that were there', () => {
    fc.assert(
      fc.property(fc.array(KEYS, { maxLength: 60 }), (keys) => {
        let line = EMPTY_LINE;
        const seen = new Set(['']);
        for (const key of keys) {
          line = edited(line, key) ?? line;
          seen.add(line.text);
        }
        for (let i = 0; i <= keys.length; i++) {
          expect(seen).toContain(line.text);
          line = undone(line);
        }
        expect(line).toMatchObject({ text: '', cursor: 0, changes: undefined });
      }),
    );
  });

  it('what was killed comes back with a yank', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.nat(20),
        fc.array(fc.constantFrom('C-k', 'C-u', 'C-w', 'M-d', 'M-backspace'), { minLength: 1, maxLength: 5 }),
        (text, place, chords) => {
          const before = moveTo({ ...EMPTY_LINE, text }, boundaryAt(text, place));
          const after = press(before, `${chords.join(' ')} C-y`);
          expect(after.text).toBe(text);
        },
      ),
    );
  });
});

describe('a long line', () => {
  it('ends at the limit, with whole characters', () => {
    let line = typed(EMPTY_LINE, 'x'.repeat(LINE_LIMIT - 1));
    line = typed(line, '🙂');
    expect(line.text.length).toBe(LINE_LIMIT - 1);
    expect(typed(line, 'yz').text.length).toBe(LINE_LIMIT);
  });

  it.each([['a b '], ['漢字'], ['x'], ['👩‍👩‍👧'], ['e\u0301']])('of %s: every key is quick', (unit) => {
    let line = moveTo({ ...EMPTY_LINE, text: unit.repeat(LINE_LIMIT / unit.length) }, 0);
    line = moveTo(line, boundaryAt(line.text, line.text.length >> 1));
    for (const chord of 'C-b C-f M-b M-f backspace delete C-t C-w C-y M-d M-y C-_ M-backspace C-a C-e C-k C-u'.split(
      ' ',
    )) {
      const begin = performance.now();
      line = press(line, chord);
      // Well above what it takes (about a millisecond), and well below what a walk over all characters would.
      expect([chord, performance.now() - begin < 100]).toEqual([chord, true]);
    }
  });
});
