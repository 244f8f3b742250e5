/**
 * How far long work is, in one row: `mapping 43 % · 512 GiB/s · 2 s left  (Ctrl-C cancels)`, and a bar where there is
 * room. Where there is not, the rate goes first, then the estimate: what it is, how far and how to stop it stay.
 */
import { type Pace, paceText } from '../../commands/progress-text.ts';
import type { Theme } from '../theme.ts';
import { cutTo, widthOf } from './fit.ts';
import { block, row } from './row.ts';
import type { ProgressView } from './views.ts';

/** Columns of the bar. */
const BAR_MIN = 10;
const BAR_MAX = 30;

export function paintProgress({ pace, cancel }: ProgressView, width: number, height: number, theme: Theme): string[] {
  const { ui, glyphs } = theme;
  const hint = cancel === '' ? '' : `  (${theme.text(cancel)})`;
  const forms: readonly Pace[] = [
    pace,
    { ...pace, rate: undefined },
    { ...pace, rate: undefined, secondsLeft: undefined },
  ];
  const texts = forms.map((form) => theme.text(paceText(form, theme.unicode ? ' · ' : ', ')));
  const text = texts.find((one) => widthOf(one + hint) <= width) ?? texts.at(-1) ?? '';
  const room = width - widthOf(text + hint) - 2;
  const bar = pace.percent !== undefined && room >= BAR_MIN ? barOf(pace.percent, Math.min(BAR_MAX, room), theme) : '';
  return block(
    [row(width, [cutTo(text, width, glyphs.cut), [hint, ui.faint], bar && `  ${bar}`], glyphs.cut)],
    width,
    height,
  );
}

function barOf(percent: number, columns: number, { glyphs }: Theme): string {
  const full = Math.min(columns, Math.floor((percent * columns) / 100));
  return glyphs.full.repeat(full) + glyphs.empty.repeat(columns - full);
}
