/** A few characters typed into a panel. */
import { describe, expect, it } from 'vitest';
import { Entry, type EntryEnd } from '../../src/repl/entry.ts';
import { keyOf } from './prompt/support.ts';

function typed(
  chords: string,
  begins = '',
): { readonly text: string; readonly end: EntryEnd; readonly taken: string[] } {
  const taken: string[] = [];
  const entry = new Entry('go to', begins, (text) => taken.push(text));
  let end: EntryEnd = 'open';
  for (const chord of chords.split(' ')) end = entry.key(keyOf(chord));
  return { text: entry.text, end, taken };
}

describe('an entry', () => {
  it('takes what was typed with Enter', () => {
    expect(typed("'0' 'x1' '0' return")).toEqual({ text: '0x10', end: 'taken', taken: ['0x10'] });
  });

  it.each(['escape', 'C-c', 'C-g'])('%s drops it', (key) => {
    expect(typed(`'9' ${key}`)).toEqual({ text: '9', end: 'dropped', taken: [] });
  });

  it('is corrected with Backspace and Ctrl-U', () => {
    expect(typed("'abc' backspace 'd'").text).toBe('abd');
    expect(typed("C-u 'd'", 'zero').text).toBe('d');
    expect(typed('backspace backspace', 'a')).toEqual({ text: '', end: 'open', taken: [] });
  });

  it('stays short, and is no place for other keys', () => {
    expect(typed(`'${'x'.repeat(100)}' 'y'`).text.length).toBeLessThanOrEqual(100);
    expect(typed("'1' C-a up f5 '2'").text).toBe('12');
  });

  it('shows itself', () => {
    expect(new Entry('show only', 'zero', () => {}).shown).toBe('show only: zero_');
  });
});
