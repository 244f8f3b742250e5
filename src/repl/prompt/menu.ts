/** The list that Tab opens: what could stand at the cursor, one of them perhaps chosen, laid out in rows. */
import type { CompletionItem } from '../../commands/complete.ts';
import { columns, fitted } from './graphemes.ts';
import { type LineState, replaced } from './line-state.ts';
import type { PromptStyle } from './prompt-style.ts';

export interface Menu {
  readonly items: readonly CompletionItem[];
  /** The line before an item was chosen; an item replaces what stands from `from` to the cursor. */
  readonly line: LineState;
  readonly from: number;
  /** Index of the item chosen; -1: none yet. */
  readonly chosen: number;
}

/** The next item (1), or the one before (-1); at the ends, round again. */
export function cycled(menu: Menu, by: -1 | 1): Menu {
  const { items, chosen } = menu;
  const next = chosen < 0 ? (by > 0 ? 0 : items.length - 1) : (chosen + by + items.length) % items.length;
  return { ...menu, chosen: next };
}

/** The line with the chosen item in it. */
export function lineOf({ line, items, from, chosen }: Menu): LineState {
  const item = items[chosen];
  return item ? replaced(line, from, line.cursor, item.text) : line;
}

/** The longest beginning that all items have in common. */
export function commonStart(items: readonly CompletionItem[]): string {
  let start = items[0]?.value ?? '';
  for (const { value } of items) {
    let length = 0;
    while (length < start.length && start[length] === value[length]) length++;
    start = start.slice(0, length);
  }
  // Half of a surrogate pair is no character to type.
  return /[\ud800-\udbff]$/.test(start) ? start.slice(0, -1) : start;
}

const GAP = 2;

/** At most `rows` lines of at most `width` columns: a list with notes where it fits, else as many columns as fit. */
export function menuLines(menu: Menu, width: number, rows: number, style: PromptStyle): string[] {
  if (rows < 1 || width < 4) return [];
  const { items } = menu;
  const widest = Math.min(width - GAP, Math.max(...items.map(({ label }) => columns(label, style.ascii, width))));
  return items.length <= rows && items.some(({ note }) => note)
    ? items.map((item, i) => noted(item, i === menu.chosen, widest, width, style))
    : grid(menu, widest, width, rows, style);
}

function noted(item: CompletionItem, chosen: boolean, widest: number, width: number, style: PromptStyle): string {
  const label = cell(item.label, widest, style);
  const room = width - 2 * GAP - widest;
  const note = room > 3 && item.note ? style.faint(fitted(item.note, room, style.ascii)) : '';
  return `${chosen ? '> ' : '  '}${chosen ? style.selected(label) : label}${note === '' ? '' : '  '}${note}`;
}

/** Down the columns, as `ls` lists; the page that holds the chosen item. */
function grid(menu: Menu, widest: number, width: number, rows: number, style: PromptStyle): string[] {
  const { items } = menu;
  const across = Math.max(1, Math.floor(width / (widest + GAP)));
  // The last row says how many more there are.
  const rest = items.length > across * rows && rows > 1 ? rows - 1 : rows;
  const down = Math.min(rest, Math.ceil(items.length / across));
  const page = down * across;
  const first = Math.floor(Math.max(0, menu.chosen) / page) * page;
  const lines = Array.from({ length: down }, (_, row) => {
    const cells = Array.from({ length: across }, (_, column) => first + column * down + row)
      .filter((i) => i < items.length && i < first + page)
      .map((i) => {
        const label = cell((items[i] as CompletionItem).label, widest, style);
        return i === menu.chosen ? `> ${style.selected(label)}` : `  ${label}`;
      });
    return cells.join('').trimEnd();
  });
  const shown = Math.min(items.length, first + page);
  if (down < rows && items.length > page) {
    const says = `${first + 1}-${shown} of ${items.length}`;
    lines.push(style.faint(fitted(`  ${says}`, width, style.ascii)));
  }
  return lines;
}

function cell(label: string, width: number, { ascii }: PromptStyle): string {
  const text = fitted(label, width, ascii);
  return text + ' '.repeat(Math.max(0, width - columns(text, ascii)));
}
