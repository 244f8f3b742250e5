/**
 * A titled frame around a panel's rows: what it is at the left, notes at the right, a scroll bar in the right border.
 * The frame that has the keys is drawn with other lines, not only in another colour.
 */
import type { Theme } from '../theme.ts';
import { fitTo, widthOf } from './fit.ts';
import type { Box } from './glyphs.ts';
import { block } from './row.ts';

export interface FrameHead {
  /** The key that leads here. */
  readonly number?: number;
  readonly title: string;
  /** After the title; dropped when it does not fit. */
  readonly detail?: string;
  /** At the right; the last ones are dropped first. */
  readonly notes?: readonly string[];
  readonly focused?: boolean;
}

/** Rows of a window `visible` high that begins at row `top` of `total`. */
export interface Scroll {
  readonly top: number;
  readonly visible: number;
  readonly total: number;
}

/** Smaller than this there is room for the rows only. */
export const FRAME_MIN = { width: 10, height: 3 } as const;

/** Columns and rows within a frame of this size. */
export function insideFrame(width: number, height: number): { readonly width: number; readonly height: number } {
  return bare(width, height)
    ? { width: Math.max(0, width), height: Math.max(0, height) }
    : { width: width - 2, height: height - 2 };
}

function bare(width: number, height: number): boolean {
  return width < FRAME_MIN.width || height < FRAME_MIN.height;
}

/** Exactly `height` rows of `width` columns, when every row is exactly as wide as the inside: painters see to that. */
export function frame(
  head: FrameHead,
  rows: readonly string[],
  width: number,
  height: number,
  theme: Theme,
  scroll?: Scroll,
): string[] {
  const inner = insideFrame(width, height);
  const body = block(rows, inner.width, inner.height);
  if (bare(width, height)) return body;
  const box = head.focused ? theme.glyphs.boxFocused : theme.glyphs.box;
  const paint = head.focused ? theme.ui.borderFocused : theme.ui.border;
  const side = paint(box.vertical);
  const thumb = thumbRows(scroll, inner.height);
  const thumbPaint = theme.ui.faint(theme.glyphs.thumb);
  const out = [top(head, box, width, theme)];
  for (let i = 0; i < body.length; i++) {
    out.push(side + body[i] + (i >= thumb.from && i < thumb.to ? thumbPaint : side));
  }
  out.push(paint(box.bottomLeft + box.horizontal.repeat(width - 2) + box.bottomRight));
  return out;
}

/** Which rows the thumb covers: at least one, and the ends only when the window is at the ends. */
function thumbRows(scroll: Scroll | undefined, height: number): { from: number; to: number } {
  if (!scroll || scroll.total <= scroll.visible || height < 1) return { from: 0, to: 0 };
  const size = Math.max(1, Math.round((height * scroll.visible) / scroll.total));
  const room = height - size;
  const hidden = scroll.total - scroll.visible;
  const at = Math.min(hidden, Math.max(0, scroll.top));
  let from = Math.round((room * at) / hidden);
  if (at > 0 && from === 0 && room > 1) from = 1;
  if (at < hidden && from === room && room > 1) from = room - 1;
  return { from, to: from + size };
}

function top(head: FrameHead, box: Box, width: number, theme: Theme): string {
  const inner = width - 2;
  const line = head.focused ? theme.ui.borderFocused : theme.ui.border;
  const number = head.number === undefined ? '' : `${head.number} `;
  const title = theme.text(head.title);
  const detail = head.detail ? theme.text(head.detail) : '';
  const notes = (head.notes ?? []).map((note) => theme.text(note));
  const used = (withDetail: boolean, count: number): number =>
    widthOf(` ${number}${title} `) +
    (withDetail && detail !== '' ? widthOf(detail) + 2 : 0) +
    notes.slice(0, count).reduce((sum, note) => sum + widthOf(note) + 3, 0);
  let count = notes.length;
  while (count > 0 && used(true, count) > inner) count--;
  const withDetail = used(true, 0) <= inner;
  if (!withDetail) {
    count = notes.length;
    while (count > 0 && used(false, count) > inner) count--;
  }
  const room = inner - used(withDetail, count);
  if (room < 0) {
    const cut = fitTo(` ${number}${title} `, inner, theme.glyphs.cut);
    return line(box.topLeft) + theme.ui.title(cut) + line(box.topRight);
  }
  const left =
    (number === '' ? ' ' : ` ${theme.ui.key(String(head.number))} `) +
    theme.ui.title(title) +
    (withDetail && detail !== '' ? `  ${detail}` : '');
  const right = notes
    .slice(0, count)
    .map((note) => `${theme.ui.faint(` ${note} `)}${line(box.horizontal)}`)
    .join('');
  return `${line(box.topLeft)}${left} ${line(box.horizontal.repeat(room))}${right}${line(box.topRight)}`;
}
