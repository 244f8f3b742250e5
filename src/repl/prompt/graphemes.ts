/**
 * What a person takes for one character, and how many columns of a terminal it fills.
 *
 * Invariants:
 *  1. Cost does not depend on the length of the text: Intl.Segmenter is quadratic on Node 20 (a second for 20,000
 *     characters), so it never sees more than REACH of them, and plain ASCII never reaches it.
 *  2. A boundary never cuts a surrogate pair.
 *  3. Nothing shown disturbs a terminal: what has no width, or is not fit to be shown, appears as an escape.
 */
import stringWidth from 'string-width';
import { printable } from '../../commands/printable.ts';
import { foldToAscii } from '../paint/fold.ts';

const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Half of a surrogate pair: no character. */
const HALF = /\p{Cs}/u;

/** UTF-16 units looked at for one boundary. */
const REACH = 96;

/** The boundary after the one at `at`; the text's length at its end. */
export function nextBoundary(text: string, at: number): number {
  if (at + 1 >= text.length) return text.length;
  if (isAscii(text, at) && isAscii(text, at + 1)) return at + 1;
  let end = Math.min(text.length, at + REACH);
  if (end < text.length) end = wholePair(text, end);
  const [first] = SEGMENTER.segment(text.slice(at, end));
  return at + (first?.segment.length ?? 1);
}

/**
 * Every character from `from` on (a boundary), with where it begins and ends, until `use` answers false. Cheaper than
 * one `nextBoundary` after the other where the text is not ASCII.
 */
export function eachCharacter(text: string, from: number, use: (from: number, to: number) => boolean): void {
  let at = from;
  while (at < text.length) {
    if (isAscii(text, at) && (at + 1 === text.length || isAscii(text, at + 1))) {
      if (!use(at, at + 1)) return;
      at++;
      continue;
    }
    const stop = at + REACH < text.length ? wholePair(text, at + REACH) : text.length;
    let begin = at;
    for (const { index } of SEGMENTER.segment(text.slice(at, stop))) {
      if (index === 0) continue;
      if (!use(begin, at + index)) return;
      begin = at + index;
    }
    // The last one may go on behind the piece; one that fills it is cut there.
    if (stop === text.length || begin === at) {
      if (!use(begin, stop)) return;
      begin = stop;
    }
    at = begin;
  }
}

/** The last boundary before `at`; 0 at the start. */
export function previousBoundary(text: string, at: number): number {
  if (at <= 1) return 0;
  if (isAscii(text, at - 1) && isAscii(text, at - 2)) return at - 1;
  return lastBoundary(text, at, at);
}

/** `at`, or the nearest boundary before it. */
export function boundaryAt(text: string, at: number): number {
  if (at <= 0) return 0;
  if (at >= text.length) return text.length;
  if (isAscii(text, at) && isAscii(text, at - 1)) return at;
  return lastBoundary(text, at + 1, Math.min(text.length, at + REACH));
}

/** `at`, or the nearest boundary after it. */
export function boundaryFrom(text: string, at: number): number {
  const before = boundaryAt(text, at);
  return before >= at ? before : nextBoundary(text, before);
}

/** The last boundary before `before`, with the characters up to `end` to judge by. */
function lastBoundary(text: string, before: number, end: number): number {
  const from = settledBefore(text, before);
  let last = from;
  for (const { index } of SEGMENTER.segment(text.slice(from, wholePair(text, end)))) {
    if (from + index >= before) break;
    last = from + index;
  }
  return last;
}

/** A place before `at` where a character surely begins: between two ASCII characters, or far enough back. */
function settledBefore(text: string, at: number): number {
  const least = Math.max(0, at - REACH);
  for (let place = at - 1; place > least; place--) {
    if (isAscii(text, place) && isAscii(text, place - 1)) return place;
  }
  return least === 0 ? 0 : wholePair(text, least);
}

/** `at`, or one less where it would cut a pair. */
function wholePair(text: string, at: number): number {
  return isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1)) ? at - 1 : at;
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}

/** Printable ASCII: no part of a longer character, except with what follows. */
function isAscii(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x20 && code < 0x7f;
}

/** One character as it is shown. */
export interface Shown {
  readonly text: string;
  /** Columns. */
  readonly width: number;
}

/** What is not ASCII is found out once: string-width takes tens of microseconds for a character. */
const KNOWN = { unicode: new Map<string, Shown>(), ascii: new Map<string, Shown>() };
const KNOWN_LIMIT = 4096;

/** `ascii`: for a terminal that shows no more than that. */
export function shown(character: string, ascii = false): Shown {
  const code = character.charCodeAt(0);
  if (character.length === 1 && code >= 0x20 && code < 0x7f) return { text: character, width: 1 };
  const known = ascii ? KNOWN.ascii : KNOWN.unicode;
  const before = known.get(character);
  if (before) return before;
  const found = foundOut(character, ascii);
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(character, found);
  return found;
}

function foundOut(character: string, ascii: boolean): Shown {
  const text = printable(character);
  if (text !== character) return { text, width: stringWidth(text) };
  const width = HALF.test(character) ? 0 : stringWidth(character);
  if (width === 0) return escaped(character);
  if (!ascii) return { text, width };
  const like = foldToAscii(text);
  return { text: like, width: like.length };
}

/** For characters that would be invisible, or end as a question mark. */
function escaped(character: string): Shown {
  const text = [...character].map((c) => `\\u${(c.codePointAt(0) as number).toString(16).padStart(4, '0')}`).join('');
  return { text, width: text.length };
}

/** Columns of `text` as it is shown, up to `most`: longer text is not looked at to its end. */
export function columns(text: string, ascii = false, most = Number.POSITIVE_INFINITY): number {
  let width = 0;
  eachCharacter(text, 0, (from, to) => {
    width += shown(text.slice(from, to), ascii).width;
    return width < most;
  });
  return width;
}

/** The beginning of `text` as it is shown, cut so that it fits `width` columns; its last column tells of a cut. */
export function fitted(text: string, width: number, ascii: boolean): string {
  let out = '';
  let used = 0;
  let room = '';
  let cut = false;
  eachCharacter(text, 0, (from, to) => {
    const one = shown(text.slice(from, to), ascii);
    cut = used + one.width > width;
    if (cut) return false;
    out += one.text;
    used += one.width;
    if (used < width) room = out;
    return true;
  });
  if (!cut) return out;
  return width < 1 ? '' : room + (ascii ? '>' : '…');
}
