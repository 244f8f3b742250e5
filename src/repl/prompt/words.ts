/** Where words begin and end, for the keys that move and delete by words. */
import { boundaryAt, boundaryFrom } from './graphemes.ts';

const NEXT_WORD = /[^\p{L}\p{N}_]*[\p{L}\p{N}\p{M}_]*/uy;
const IN_WORD = /^[\p{L}\p{N}\p{M}_]$/u;
const BLANK = /\s/;

/** The end of the word at or after `at`. */
export function wordEnd(text: string, at: number): number {
  NEXT_WORD.lastIndex = at;
  return boundaryFrom(text, at + (NEXT_WORD.exec(text)?.[0].length ?? 0));
}

/** The start of the word before `at`. */
export function wordStart(text: string, at: number): number {
  return backOver(text, backOver(text, at, false), true);
}

/** The start of the word before `at`, where only blanks part words. */
export function blankWordStart(text: string, at: number): number {
  let from = at;
  while (from > 0 && BLANK.test(text[from - 1] as string)) from--;
  while (from > 0 && !BLANK.test(text[from - 1] as string)) from--;
  return boundaryAt(text, from);
}

/** Back over letters, digits and underscores, or over all that is none of them. */
function backOver(text: string, at: number, letters: boolean): number {
  let from = at;
  while (from > 0) {
    const step = text.charCodeAt(from - 1) >= 0xdc00 && text.charCodeAt(from - 1) < 0xe000 && from > 1 ? 2 : 1;
    if (isLetter(text, from - step, step) !== letters) break;
    from -= step;
  }
  return boundaryAt(text, from);
}

function isLetter(text: string, at: number, length: number): boolean {
  const code = text.charCodeAt(at);
  if (code < 0x80)
    return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0x5f;
  return IN_WORD.test(text.slice(at, at + length));
}
