/** Numbers as commands take them, and what is said of those that cannot be taken. */
import { type Strtosz, strtosz } from '../bytes/strtosz.ts';
import type { Voice } from './voice.ts';

/** The longest request QEMU's block layer takes, bytes. */
export const LONGEST_REQUEST = 2 ** 31 - 512;
export const SECTOR = 512;

/** A size or offset; undefined when it was complained of, on standard output. */
export function sizeArgument(voice: Voice, text: string): Strtosz | undefined {
  const size = strtosz(text);
  if (size === 'invalid') {
    voice.say(`Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- ${text}\n`);
    return undefined;
  }
  if (size === 'too-large') {
    voice.say(`Parsing error: argument too large -- ${text}\n`);
    return undefined;
  }
  if (size.scaledHex) voice.complain(`warning: Using a multiplier suffix on hex numbers is deprecated: ${text}`);
  return size;
}

/** C's strtol with base 0, of the whole text; saturates as it does. Undefined where text is left over. */
export function strtol(text: string): number | undefined {
  const match = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)?$/.exec(text);
  if (!match) return undefined;
  const [, sign, digits] = match;
  // No digits: nothing is taken, and the end is the whole text.
  if (digits === undefined) return text === '' ? 0 : undefined;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return Math.min(sign === '-' ? -value : value, 2 ** 63);
}

/** A byte to fill with; undefined when it was complained of, on standard output. */
export function patternArgument(voice: Voice, text: string): number | undefined {
  const value = strtol(text);
  if (value !== undefined && value >= 0 && value <= 0xff) return value;
  voice.say(`${text} is not a valid pattern byte\n`);
  return undefined;
}

/** Lengths of the buffers of one request, and their sum; undefined when one was complained of. */
export function lengthArguments(voice: Voice, texts: readonly string[]): number | undefined {
  let sum = 0;
  for (const text of texts) {
    const length = sizeArgument(voice, text);
    if (!length) return undefined;
    if (length.value > LONGEST_REQUEST) {
      voice.say(`Argument '${text}' exceeds maximum size ${LONGEST_REQUEST}\n`);
      return undefined;
    }
    if (sum > LONGEST_REQUEST - length.value) {
      voice.say(`The total number of bytes exceed the maximum size ${LONGEST_REQUEST}\n`);
      return undefined;
    }
    sum += length.value;
  }
  return sum;
}
