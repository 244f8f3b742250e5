/** The prompt's rows: label, the visible part of each line, ghost text, the command word set off, and the cursor. */
import { commandWords } from '../../commands/at-cursor.ts';
import { CATALOG } from '../../commands/catalog.ts';
import { commandNamed } from '../../commands/help.ts';
import { rowStart } from './editor.ts';
import { columns, fitted } from './graphemes.ts';
import { paintRow, type Span, windowStart } from './paint-row.ts';
import type { PromptStyle } from './prompt-style.ts';

export interface Painted {
  /** Each at most as wide as asked for. */
  readonly lines: readonly string[];
  /** Column and row in `lines`, from 0. */
  readonly cursor: { readonly x: number; readonly y: number };
  /** Where the visible part of the cursor's line begins. */
  readonly from: number;
}

export interface PromptView {
  readonly label: string;
  readonly text: string;
  readonly cursor: number;
  readonly ghost: string;
  /** The part of the text that a search has found. */
  readonly found?: { readonly from: number; readonly to: number };
  readonly from: number;
  /** Longer lines are not read for commands. */
  readonly readable: number;
}

/** Columns the line needs beside its label; a label that leaves fewer is cut. */
const LEAST = 12;

export function paintPrompt(view: PromptView, width: number, rows: number, style: PromptStyle): Painted {
  const { text, cursor } = view;
  const label = fitted(view.label, Math.max(0, width - LEAST), style.ascii);
  const indent = columns(label, style.ascii);
  const all = text.split('\n');
  const on = countEnds(text, cursor);
  const count = Math.max(1, Math.min(rows, all.length));
  // The cursor's line is among those shown, and as many before it as fit.
  const first = Math.min(Math.max(0, on - count + 1), all.length - count);
  let x = 0;
  let from = 0;
  const lines = all.slice(first, first + count).map((row, i) => {
    const index = first + i;
    const here = index === on;
    const at = cursor - rowStart(text, cursor);
    const painted = paintLine(
      {
        row,
        cursor: here ? at : undefined,
        from: here ? view.from : 0,
        ghost: index === all.length - 1 ? view.ghost : '',
        goesOn: index < all.length - 1,
        spans: spansOf(row, view, style),
      },
      width - indent,
      style,
    );
    if (here) {
      x = indent + painted.x;
      from = painted.from;
    }
    return (index === 0 ? label : ' '.repeat(indent)) + painted.text;
  });
  return { lines, cursor: { x: Math.min(x, Math.max(0, width - 1)), y: on - first }, from };
}

interface Line {
  readonly row: string;
  /** Undefined: the cursor is in another line. */
  readonly cursor: number | undefined;
  readonly from: number;
  readonly ghost: string;
  /** Another line follows. */
  readonly goesOn: boolean;
  readonly spans: readonly Span[];
}

function paintLine(line: Line, width: number, style: PromptStyle): { text: string; x: number; from: number } {
  const { row, cursor = 0, ghost, goesOn, spans } = line;
  // The last column is the cursor's at the end of the line, or tells that more follows; the first tells of more before.
  const room = Math.max(1, width - 1);
  let from = windowStart(row, cursor, line.from, room, style.ascii);
  if (from > 0) from = windowStart(row, cursor, line.from, room - 1, style.ascii);
  const left = from > 0 ? style.faint(style.ascii ? '<' : '…') : '';
  const painted = paintRow(row, from, room - (from > 0 ? 1 : 0), spans, style.ascii);
  const used = painted.width + (from > 0 ? 1 : 0);
  const x = (from > 0 ? 1 : 0) + columns(row.slice(from, cursor), style.ascii);
  const end =
    painted.end < row.length
      ? style.faint(style.ascii ? '>' : '…')
      : goesOn
        ? style.faint(style.ascii ? '$' : '⏎')
        : '';
  const ghostText = ghost === '' ? '' : style.ghost(fitted(ghost, Math.max(0, width - used), style.ascii));
  return { text: left + painted.text + end + ghostText, x, from };
}

/** Commands that exist, and what a search found. */
function spansOf(row: string, { found, readable }: PromptView, style: PromptStyle): Span[] {
  if (found) return [{ ...found, set: style.current }];
  if (row.length > readable) return [];
  return commandWords(row)
    .filter(({ text }) => commandNamed(CATALOG, text))
    .map(({ from, to }) => ({ from, to, set: style.command }));
}

/** Line ends before `cursor`. */
function countEnds(text: string, cursor: number): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < cursor; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
