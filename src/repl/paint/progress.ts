/**
 * How far long work is: `mapping 43 % · 512 MiB/s · 2 s left`. Pure: it is given samples with their times. The rate is
 * that of the last few seconds, so that it neither jumps nor lags; it shows once there is enough to say it.
 */
import type { Progress } from '../../bytes/progress.ts';
import type { Theme } from '../theme.ts';
import { cutTo, widthOf } from './fit.ts';
import { block, row } from './row.ts';
import type { ProgressHistory, ProgressSample, ProgressView } from './views.ts';

/** Milliseconds: samples closer than STEP count as one, older than WINDOW are forgotten, fewer than SETTLED say nothing. */
const STEP = 100;
const WINDOW = 4000;
const SETTLED = 400;

/** The history with one sample more. Another kind of work, or one that began again, begins a history. */
export function addSample(history: ProgressHistory | undefined, progress: Progress, at: number): ProgressHistory {
  const next: ProgressSample = { progress, at };
  const samples = history?.samples ?? [];
  const last = samples.at(-1);
  if (!last || last.progress.what !== progress.what || progress.done < last.progress.done) return { samples: [next] };
  const before = samples.at(-2);
  const kept = before && last.at - before.at < STEP ? samples.slice(0, -1) : samples;
  const fresh = kept.findIndex((sample) => at - sample.at <= WINDOW);
  // One sample older than the window stays: the rate is taken from there.
  return { samples: [...kept.slice(Math.max(0, fresh < 0 ? kept.length - 1 : fresh - 1)), next] };
}

/** Units of `done` a second; undefined as long as nothing can be said. */
export function rateOf({ samples }: ProgressHistory): number | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < SETTLED) return undefined;
  return ((last.progress.done - first.progress.done) * 1000) / (last.at - first.at);
}

/** The parts of the sentence, most important first. */
export function progressText(history: ProgressHistory, theme: Theme): string {
  return partsOf(history, theme).join(separator(theme));
}

export function paintProgress(
  { history, cancel }: ProgressView,
  width: number,
  height: number,
  theme: Theme,
): string[] {
  const { ui, glyphs } = theme;
  const parts = partsOf(history, theme);
  const hint = cancel === '' ? '' : `  (${cancel})`;
  let text = parts.join(separator(theme));
  // The rate goes first, then the estimate: what it is, how far, and how to stop it stay.
  while (parts.length > 1 && widthOf(text + hint) > width) {
    parts.splice(parts.length > 2 ? 1 : parts.length - 1, 1);
    text = parts.join(separator(theme));
  }
  const room = width - widthOf(text + hint) - 2;
  const bar = room >= 10 ? `  ${barOf(history, Math.min(30, room), theme)}` : '';
  return block([row(width, [cutTo(text, width, glyphs.cut), [hint, ui.faint], bar], glyphs.cut)], width, height);
}

function separator(theme: Theme): string {
  return theme.unicode ? ' · ' : ', ';
}

function fractionOf({ samples }: ProgressHistory): number | undefined {
  const progress = samples.at(-1)?.progress;
  return progress && progress.total > 0 ? Math.min(1, progress.done / progress.total) : undefined;
}

function partsOf(history: ProgressHistory, theme: Theme): string[] {
  const progress = history.samples.at(-1)?.progress;
  if (!progress) return [''];
  const fraction = fractionOf(history);
  const what = theme.text(progress.what);
  const parts = [fraction === undefined ? what : `${what} ${Math.floor(fraction * 100)} %`];
  const rate = rateOf(history);
  if (rate === undefined) return parts;
  if (rate === 0) return [...parts, 'waiting'];
  parts.push(progress.unit === 'bytes' ? byteRate(rate) : `${counted(rate)}/s`);
  if (progress.total > progress.done) parts.push(`${timeText((progress.total - progress.done) / rate)} left`);
  return parts;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

function byteRate(rate: number): string {
  let value = rate;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${counted(value)} ${UNITS[unit]}/s`;
}

/** Three digits of what is below a thousand; above, in groups of three. */
function counted(value: number): string {
  if (value < 10) return value.toFixed(1).replace(/\.0$/, '');
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Rounded up, in the two largest units: `2 s`, `3 min 20 s`, `1 h 5 min`. */
function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 100) return 'days';
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

function barOf(history: ProgressHistory, columns: number, { glyphs }: Theme): string {
  const full = Math.floor((fractionOf(history) ?? 0) * columns);
  return glyphs.full.repeat(full) + glyphs.empty.repeat(columns - full);
}
