/** Help for keys: what each does where the user is, narrowed by what is typed. */
import type { Theme } from '../theme.ts';
import { fitTo, widthOf, wrap } from './fit.ts';
import type { FrameHead, Scroll } from './frame.ts';
import { block, row } from './row.ts';
import type { HelpView, KeyHelp } from './views.ts';

/** Columns of keys are at most this wide: longer ones get a row of their own. */
const KEYS_MAX = 20;

/** The entries that have every word of the filter in their keys or their sentence. */
export function helpMatches({ entries, filter }: HelpView): readonly KeyHelp[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter(({ keys, does, group = '' }) => {
    const text = `${keys} ${does} ${group}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function helpHead({ filter }: HelpView, theme: Theme): FrameHead {
  return {
    title: 'Keys',
    detail: filter === '' ? 'type to narrow  ^ is Ctrl, M- is Alt, S- is Shift' : `/ ${theme.text(filter)}`,
    notes: ['Esc closes'],
  };
}

export function helpScroll(view: HelpView, width: number, height: number, theme: Theme): Scroll {
  return { top: view.top, visible: height, total: helpRows(view, width, theme).length };
}

export function paintHelp(view: HelpView, width: number, height: number, theme: Theme): string[] {
  const rows = helpRows(view, width, theme);
  const top = Math.max(0, Math.min(view.top, rows.length - height));
  return block(rows.slice(top, top + height), width, height);
}

function helpRows(view: HelpView, width: number, theme: Theme): string[] {
  const { ui, glyphs } = theme;
  const entries = helpMatches(view);
  if (entries.length === 0) return [row(width, [['no key does that', ui.faint]], glyphs.cut)];
  const keysWidth = Math.min(KEYS_MAX, Math.floor(width / 2), Math.max(...entries.map(({ keys }) => widthOf(keys))));
  const rows: string[] = [];
  let group: string | undefined;
  for (const entry of entries) {
    if (entry.group !== group && entry.group !== undefined) {
      if (rows.length > 0) rows.push(' '.repeat(width));
      rows.push(row(width, [[theme.text(entry.group), ui.heading]], glyphs.cut));
    }
    group = entry.group;
    rows.push(...entryRows(entry, keysWidth, width, theme));
  }
  return rows;
}

function entryRows({ keys, does }: KeyHelp, keysWidth: number, width: number, theme: Theme): string[] {
  const { ui, glyphs } = theme;
  const name = theme.text(keys);
  const margin = keysWidth + 3;
  const sentence = width - margin >= 10 ? wrap(theme.text(does), width - margin) : [theme.text(does)];
  const rows: string[] = [];
  let first = ` ${fitTo(name, keysWidth)}  `;
  if (widthOf(name) > keysWidth) {
    rows.push(row(width, [' ', [name, ui.key]], glyphs.cut));
    first = ' '.repeat(margin);
  }
  for (const [i, part] of sentence.entries()) {
    rows.push(row(width, [[i === 0 ? first : ' '.repeat(margin), ui.key], part], glyphs.cut));
  }
  return rows;
}
