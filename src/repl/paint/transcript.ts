/**
 * The transcript: a window over what commands have said, with long lines wrapped. It shows the newest lines until it is
 * scrolled; then it stays where it is while new lines come, and says how many are below.
 */
import type { Theme } from '../theme.ts';
import type { TranscriptLines } from '../transcript-lines.ts';
import { fitTo, wrap } from './fit.ts';
import { foldToAscii } from './fold.ts';
import type { FrameHead, Scroll } from './frame.ts';
import type { TranscriptPlace, TranscriptView } from './views.ts';

export function transcriptHead(view: TranscriptView, width: number, height: number, theme: Theme): FrameHead {
  const more = view.top === undefined ? 0 : view.lines.end - placeAfter(view.lines, view.top, height, width).line;
  return { title: 'Transcript', notes: more > 0 ? [`${theme.glyphs.down} ${more} more`] : [] };
}

/** In lines, wrapped or not. */
export function transcriptScroll(view: TranscriptView, width: number, height: number): Scroll {
  const { lines } = view;
  const top = topOf(view, width, height);
  const after = placeAfter(lines, top, height, width);
  return { top: top.line - lines.first, visible: Math.max(1, after.line - top.line), total: lines.end - lines.first };
}

export function paintTranscript(view: TranscriptView, width: number, height: number, theme: Theme): string[] {
  const { lines } = view;
  const { line, row } = topOf(view, width, height);
  const rows: string[] = [];
  for (let n = line; n < lines.end && rows.length < height; n++) {
    const text = lines.at(n);
    // Folding keeps no widths, but a line is wrapped as it is shown.
    const wrapped = wrap(theme.unicode ? text : foldToAscii(text), width);
    for (let i = n === line ? row : 0; i < wrapped.length && rows.length < height; i++) {
      rows.push(fitTo(wrapped[i] ?? '', width));
    }
  }
  // The newest line stands just above the prompt.
  const blank = ' '.repeat(width);
  while (rows.length < height) rows.unshift(blank);
  return rows;
}

/** Where the window is after `by` rows down (negative: up); undefined: at the end, and following it. */
export function scrolled(view: TranscriptView, by: number, width: number, height: number): TranscriptPlace | undefined {
  const { lines } = view;
  const top = topOf(view, width, height);
  const next = by < 0 ? placeBefore(lines, top, -by, width) : placeAfter(lines, top, by, width);
  return isAtEnd(lines, next, width, height) ? undefined : next;
}

/** The window over the oldest lines; undefined when all of them fit. */
export function scrolledToStart(view: TranscriptView, width: number, height: number): TranscriptPlace | undefined {
  const next = { line: view.lines.first, row: 0 };
  return isAtEnd(view.lines, next, width, height) ? undefined : next;
}

function rowsOf(lines: TranscriptLines, line: number, width: number): number {
  return wrap(lines.at(line), width).length;
}

/** What stands in the first row: where it was put, as far as that line is kept and still has so many rows. */
function topOf({ lines, top }: TranscriptView, width: number, height: number): TranscriptPlace {
  if (top === undefined || top.line >= lines.end) return placeBefore(lines, { line: lines.end, row: 0 }, height, width);
  if (top.line < lines.first) return { line: lines.first, row: 0 };
  return { line: top.line, row: Math.min(top.row, rowsOf(lines, top.line, width) - 1) };
}

function placeBefore(lines: TranscriptLines, from: TranscriptPlace, rows: number, width: number): TranscriptPlace {
  let { line, row } = from;
  row -= rows;
  while (row < 0 && line > lines.first) {
    line--;
    row += rowsOf(lines, line, width);
  }
  return { line, row: Math.max(0, row) };
}

function placeAfter(lines: TranscriptLines, from: TranscriptPlace, rows: number, width: number): TranscriptPlace {
  let { line, row } = from;
  row += rows;
  while (line < lines.end) {
    const own = rowsOf(lines, line, width);
    if (row < own) break;
    row -= own;
    line++;
  }
  return line < lines.end ? { line, row } : { line: lines.end, row: 0 };
}

function isAtEnd(lines: TranscriptLines, place: TranscriptPlace, width: number, height: number): boolean {
  return placeAfter(lines, place, height, width).line >= lines.end;
}
