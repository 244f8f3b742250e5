/** Finding a value inside the JSON that a command answers, and comparing it as a person would. */
import { parseSize } from '../../bytes/size.ts';
import { ImageError } from '../../errors.ts';
import type { Operator, PathPart } from './script.ts';

/** `[0].offset`, `platter.verdict`, `[state=staged].count`, or `all`; undefined when the text is no path. */
export function pathOf(text: string): PathPart[] | undefined {
  if (text === 'all') return [];
  const parts: PathPart[] = [];
  let rest = text;
  while (rest !== '') {
    const match = /^(?:\[(-?\d{1,9})\]|\[([\w-]+)=([^\]]+)\]|\.?([a-zA-Z][\w-]*))/.exec(rest);
    if (!match) return undefined;
    const [whole, index, where, equals, key] = match;
    if (key !== undefined && parts.length > 0 !== whole.startsWith('.')) return undefined;
    if (index !== undefined) parts.push({ index: Number(index) });
    else if (where !== undefined) parts.push({ where, equals: equals as string });
    else parts.push({ key: key as string });
    rest = rest.slice(whole.length);
  }
  return parts.length > 0 ? parts : undefined;
}

/** Undefined where there is no such value. `.count` of a list is its length; any other key is that of its first item. */
export function valueAt(json: unknown, path: readonly PathPart[]): unknown {
  return path.reduce<unknown>((value, part) => {
    if ('index' in part) return Array.isArray(value) ? value.at(part.index) : undefined;
    if ('where' in part) {
      if (!Array.isArray(value)) return undefined;
      return value.filter((item) => compare(ownValue(item, part.where), 'is', part.equals));
    }
    if (!Array.isArray(value)) return ownValue(value, part.key);
    return part.key === 'count' ? value.length : ownValue(value[0], part.key);
  }, json);
}

function ownValue(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

/** What stands for a value that is not there. */
const ABSENT = 'none';

/** Numbers are compared as numbers, however they are written (`0x5000`, `20k`); words without regard to case. */
export function compare(found: unknown, operator: Operator, wanted: unknown): boolean {
  switch (operator) {
    case 'is':
      return same(found, wanted);
    case 'is not':
      return !same(found, wanted);
    case 'contains':
      return found !== undefined && wordsOf(found).includes(wordsOf(wanted));
    case 'is at least':
      return ordered(found, wanted, (a, b) => a >= b);
    case 'is at most':
      return ordered(found, wanted, (a, b) => a <= b);
  }
}

function same(a: unknown, b: unknown): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x === y;
  return wordsOf(a) === wordsOf(b);
}

function ordered(a: unknown, b: unknown, holds: (a: number, b: number) => boolean): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  return x !== undefined && y !== undefined && holds(x, y);
}

/** Whole numbers as people type them, and as fields show them: `8388608 (8 MiB)`. What a double cannot hold exactly is compared as it is written. */
const NUMBER = /^\s*(?:0x[\da-f]+|\d+[bkmgtpe]?|\d+\.\d+[kmgtpe])\s*$/i;

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.length > 60) return undefined;
  const digits = value.replace(/ \([^()]*\)$/, '');
  if (!NUMBER.test(digits)) return undefined;
  try {
    const number = parseSize(digits);
    return number <= Number.MAX_SAFE_INTEGER ? number : undefined;
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/** As a person would write it: blanks and case do not matter, nor whether truth is said as `yes` or `true`. */
function wordsOf(value: unknown): string {
  if (value === undefined || value === null) return ABSENT;
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const words = text.trim().replace(/\s+/g, ' ').toLowerCase();
  if (words === 'yes') return 'true';
  return words === 'no' ? 'false' : words;
}
