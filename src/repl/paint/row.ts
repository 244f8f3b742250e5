/** One row put together from plain texts, each with its style: cut and padded to the width, one call for each part. */
import { fitTo, widthOf } from './fit.ts';
import type { Paint } from './styles.ts';

/** Plain text without styles of its own; alone, or with the style it gets. */
export type Part = string | readonly [text: string, paint: Paint];

/** Exactly `width` columns. `cut` (one column) marks what did not fit. */
export function row(width: number, parts: readonly Part[], cut = ''): string {
  let out = '';
  let room = width;
  for (const part of parts) {
    const [text, paint] = typeof part === 'string' ? [part, undefined] : part;
    const columns = widthOf(text);
    if (columns > room) {
      const shown = fitTo(text, room, cut);
      return out + (paint ? paint(shown) : shown);
    }
    out += paint ? paint(text) : text;
    room -= columns;
  }
  return room > 0 ? out + ' '.repeat(room) : out;
}

/** The whole row in one style, its parts' own left out: what the cursor is on. */
export function solidRow(width: number, parts: readonly Part[], paint: Paint, cut = ''): string {
  return paint(fitTo(parts.map((part) => (typeof part === 'string' ? part : part[0])).join(''), width, cut));
}

/** Exactly `height` rows of exactly `width` columns: blank rows are added, or the last ones dropped. */
export function block(rows: readonly string[], width: number, height: number): string[] {
  const out = rows.slice(0, Math.max(0, height));
  const blank = ' '.repeat(Math.max(0, width));
  while (out.length < height) out.push(blank);
  return out;
}
