/**
 * One line of the prompt as a row of the terminal: the part of it that fits, with what is set off in it. Only what is
 * visible is looked at, however long the line.
 */
import { boundaryAt, columns, eachCharacter, shown } from './graphemes.ts';

/** A part of the text to be set off. UTF-16 indices, end exclusive; parts do not overlap and are in order. */
export interface Span {
  readonly from: number;
  readonly to: number;
  set(text: string): string;
}

/**
 * Where the visible part begins, so that the cursor is in it: at `from`, where it began before, if that still holds
 * the cursor; else so that the cursor stands in the middle. The last of `width` columns is kept for the cursor.
 */
export function windowStart(text: string, cursor: number, from: number, width: number, ascii: boolean): number {
  const start = boundaryAt(text, Math.min(from, cursor));
  if (start === 0 ? fits(text, 0, cursor, width, ascii) : from < cursor && fits(text, start, cursor, width, ascii))
    return start;
  const back = middleStart(text, cursor, width, ascii);
  // All that is before the cursor fits after all: no need to scroll.
  return back > 0 && fits(text, 0, cursor, width, ascii) ? 0 : back;
}

/** Where the visible part begins so that the cursor is in its middle, or left of it where characters are long. */
function middleStart(text: string, cursor: number, width: number, ascii: boolean): number {
  const least = boundaryAt(text, Math.max(0, cursor - 2 * width));
  const ends: { readonly from: number; readonly width: number }[] = [];
  eachCharacter(text.slice(least, cursor), 0, (from, to) => {
    ends.push({ from: least + from, width: shown(text.slice(least + from, least + to), ascii).width });
    return true;
  });
  let used = 0;
  let start = cursor;
  for (const one of ends.reverse()) {
    used += one.width;
    if (used > width / 2) break;
    start = one.from;
  }
  return start;
}

function fits(text: string, from: number, to: number, width: number, ascii: boolean): boolean {
  // A character has at least one column, and at most a few UTF-16 units are one character.
  if (to - from > width * 64) return false;
  return columns(text.slice(from, to), ascii, width) < width;
}

export interface PaintedRow {
  readonly text: string;
  /** Columns. */
  readonly width: number;
  /** The first character that did not fit; the text's length when all did. */
  readonly end: number;
}

/** The text from `from` on, as far as `width` columns go. */
export function paintRow(
  text: string,
  from: number,
  width: number,
  spans: readonly Span[],
  ascii: boolean,
): PaintedRow {
  let out = '';
  let used = 0;
  let run = '';
  let set: Span | undefined;
  const finish = (): void => {
    out += set && run !== '' ? set.set(run) : run;
    run = '';
  };
  let end = from;
  eachCharacter(text, from, (at, to) => {
    const one = shown(text.slice(at, to), ascii);
    if (used + one.width > width) return false;
    const span = spans.find((s) => s.from <= at && at < s.to);
    if (span !== set) {
      finish();
      set = span;
    }
    run += one.text;
    used += one.width;
    end = to;
    return true;
  });
  finish();
  return { text: out, width: used, end };
}
