/** A painting is made again only when what it shows has changed. */
import { expect, it } from 'vitest';
import { Remembered } from '../../src/repl/remember.ts';

it('paints again when a fact or the size is another, and not else', () => {
  const remembered = new Remembered();
  let painted = 0;
  const ask = (width: number, height: number, ...facts: unknown[]) =>
    remembered.of(width, height, facts, () => ({ rows: [String(++painted)] })).rows[0];
  expect(remembered.last(80, 24)).toBeUndefined();
  expect(ask(80, 24, 1, 'a')).toBe('1');
  expect(ask(80, 24, 1, 'a')).toBe('1');
  expect(ask(80, 24, 2, 'a')).toBe('2');
  expect(ask(80, 24, 2, 'a', undefined)).toBe('3');
  expect(ask(80, 24, 2, 'a')).toBe('4');
  expect(ask(81, 24, 2, 'a')).toBe('5');
  expect(ask(81, 25, 2, 'a')).toBe('6');
  expect(ask(81, 25, Number.NaN)).toBe('7');
  expect(ask(81, 25, Number.NaN)).toBe('7');
  expect(remembered.last(81, 25)?.rows).toEqual(['7']);
  expect(remembered.last(80, 25)).toBeUndefined();
});
