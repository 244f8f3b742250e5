/** The row under the prompt. */
import type { CompletionItem } from '../../commands/complete.ts';
import { hintAt } from '../../commands/hint.ts';
import { columns, fitted } from './graphemes.ts';
import type { PromptStyle } from './prompt-style.ts';

export interface HintView {
  /** Said once, before all else. */
  readonly notice?: string;
  readonly search: boolean;
  /** Chosen in the list. */
  readonly item?: CompletionItem;
  /** Lines of the text. */
  readonly lines: number;
  /** Present while the line is empty. */
  readonly idle?: string;
  readonly row: string;
  readonly cursor: number;
}

interface Piece {
  readonly text: string;
  set?(text: string): string;
}

export function hintRow(view: HintView, width: number, style: PromptStyle): string {
  const pieces = piecesOf(view, width, style);
  return pieces.length === 0 ? '' : joinedTo(width, [{ text: '  ' }, ...pieces], style.ascii);
}

function piecesOf(view: HintView, width: number, style: PromptStyle): readonly Piece[] {
  if (view.notice !== undefined) return [{ text: view.notice, set: style.bad }];
  if (view.search) return [{ text: '^R older  ^S newer  Enter runs it  Esc goes back', set: style.faint }];
  if (view.item?.note) return [{ text: view.item.note, set: style.faint }];
  if (view.lines > 1) {
    return [{ text: `${view.lines} lines: Enter runs them in order, ^C drops them`, set: style.faint }];
  }
  if (view.idle !== undefined) return view.idle === '' ? [] : [{ text: view.idle, set: style.faint }];
  return usagePieces(view, width, style);
}

/** Usage and what it means; what is wrong comes alone where there is no room for both. */
function usagePieces({ row, cursor }: HintView, width: number, style: PromptStyle): readonly Piece[] {
  const hint = hintAt(row, cursor);
  if (!hint) return [];
  const usage = hint.parts.flatMap(({ text, current }, i): Piece[] => {
    const piece: Piece = { text, set: current ? style.current : style.faint };
    return i === 0 ? [piece] : [{ text: ' ' }, piece];
  });
  const said = hint.problem ?? hint.doc;
  if (said === undefined) return usage;
  const saying: Piece = { text: said, set: hint.problem === undefined ? style.faint : style.bad };
  if (usage.length === 0) return [saying];
  const dash: Piece = { text: style.ascii ? ' -- ' : ' — ', set: style.faint };
  const whole = [...usage, dash, saying];
  const fits = whole.reduce((sum, { text }) => sum + columns(text, style.ascii, width), 2) <= width;
  return hint.problem !== undefined && !fits ? [saying] : whole;
}

function joinedTo(width: number, pieces: readonly Piece[], ascii: boolean): string {
  let out = '';
  let left = width;
  for (const { text, set } of pieces) {
    const cut = fitted(text, left, ascii);
    out += set && cut !== '' ? set(cut) : cut;
    const used = columns(text, ascii, left + 1);
    if (used > left) break;
    left -= used;
  }
  return out;
}
