/**
 * The steps: what was done to the image since it was opened, which of it is in force, and what the step under the
 * cursor wrote. The last step in force has a pointer before it; undone ones say so.
 */
import { hex } from '../../bytes/size.ts';
import { stoppedIn } from '../../session/breakpoints.ts';
import type { SessionStep } from '../../session/session.ts';
import type { Theme } from '../theme.ts';
import { cutTo, fitRight, fitTo } from './fit.ts';
import type { FrameHead, Scroll } from './frame.ts';
import { block, type Part, row, solidRow } from './row.ts';
import { bytesText, exactSize } from './sizes.ts';
import type { StepsView } from './views.ts';

type StepEvent = SessionStep['changes']['events'][number];

export function stepsHead({ steps, fork, committed }: StepsView): FrameHead {
  const applied = steps.filter((step) => step.applied).length;
  const parts = [`${applied} ${committed ? 'on disk' : 'staged'}`];
  if (applied < steps.length) parts.push(`${steps.length - applied} undone`);
  const title = fork === undefined ? 'Steps' : `Steps on ${fork}`;
  return { title, ...(steps.length > 0 && { detail: parts.join(', ') }) };
}

/** Steps listed in a body `height` high: the writes of the step under the cursor get the rest. */
export function stepRowsVisible({ steps, cursor, changed }: StepsView, height: number): number {
  const events = changed ? changed.lines.length : (steps[cursor]?.changes.eventCount ?? 0);
  if (events === 0 || height < 4) return height;
  const wanted = Math.min(events, 8) + 1;
  return Math.max(Math.ceil(height / 2), Math.min(steps.length, height - wanted));
}

export function stepsScroll(view: StepsView, height: number): Scroll {
  return { top: view.top, visible: stepRowsVisible(view, height), total: view.steps.length };
}

export function paintSteps(view: StepsView, width: number, height: number, theme: Theme): string[] {
  const { steps, cursor, top } = view;
  if (steps.length === 0) {
    return block([row(width, [['  no steps yet', theme.ui.faint]], theme.glyphs.cut)], width, height);
  }
  const last = steps.findLastIndex((step) => step.applied);
  const listed = Math.min(stepRowsVisible(view, height), Math.max(0, steps.length - top));
  const rows: string[] = [];
  for (let i = top; i < top + listed; i++) {
    rows.push(stepLine(steps[i] as SessionStep, view, { last: i === last, here: i === cursor }, width, theme));
  }
  const chosen = steps[cursor];
  const { changed } = view;
  if (chosen && changed && changed.lines.length > 0 && height - listed >= 2) {
    rows.push(...changesOf(chosen, changed, width, height - listed, theme));
  } else if (chosen && !changed && chosen.changes.eventCount > 0 && height - listed >= 2) {
    rows.push(...writesOf(chosen, width, height - listed, theme));
  }
  return block(rows, width, height);
}

function stepLine(
  { number, line, applied, changes }: SessionStep,
  { steps, committed }: StepsView,
  { last, here }: { readonly last: boolean; readonly here: boolean },
  width: number,
  theme: Theme,
): string {
  const { ui, glyphs } = theme;
  const digits = String(steps.at(-1)?.number ?? 1).length;
  const head = `${last ? glyphs.pointer : ' '} ${String(number).padStart(digits)}  `;
  const writes = `${changes.eventCount} write${changes.eventCount === 1 ? ' ' : 's'}`;
  const staged = stoppedIn(changes) ? 'stopped' : 'staged ';
  const state = applied ? (committed ? 'on disk' : staged) : 'undone ';
  // How many writes says least; which steps are undone the pointer says too.
  const facts = width >= 60 ? [fitRight(writes, 10), fitRight(bytesText(changes.bytes), 7), state] : [state];
  if (width >= 46 && width < 60) facts.unshift(fitRight(bytesText(changes.bytes), 7));
  const tail = width >= 34 ? joined(facts) : '';
  const room = Math.max(0, width - head.length - tail.length);
  const command = fitTo(cutTo(theme.text(line), room, glyphs.cut), room);
  const parts: Part[] = [
    [head, applied ? ui.plain : ui.faint],
    [command, applied ? ui.command : ui.faint],
    [tail, ui.faint],
  ];
  return here ? solidRow(width, parts, ui.selected) : row(width, parts);
}

function joined(facts: readonly string[]): string {
  return facts.map((fact) => `  ${fact}`).join('');
}

/** What the step changed, in at most `height` rows. */
function changesOf(
  { number }: SessionStep,
  { lines, more }: NonNullable<StepsView['changed']>,
  width: number,
  height: number,
  theme: Theme,
): string[] {
  const { ui, glyphs } = theme;
  const rows = lines.slice(0, height - 1).map((line) => row(width, [`  ${theme.text(line)}`], glyphs.cut));
  // Rows are few: how much is left out stands above them.
  const rest = lines.length + more - rows.length;
  const head = `step ${number} changes${rest > 0 ? `, ${rest} more than shown` : ''}`;
  return [row(width, [[head, ui.heading]], glyphs.cut), ...rows];
}

/** What the step wrote, in order, in at most `height` rows. */
function writesOf({ number, changes }: SessionStep, width: number, height: number, theme: Theme): string[] {
  const { ui, glyphs } = theme;
  const rows = [row(width, [[`step ${number} writes`, ui.heading]], glyphs.cut)];
  const room = height - 1;
  const shown = changes.eventCount > room ? room - 1 : room;
  for (const event of changes.events.slice(0, Math.max(0, shown))) {
    rows.push(row(width, eventParts(event, theme), glyphs.cut));
  }
  const rest = changes.eventCount - Math.min(changes.events.length, Math.max(0, shown));
  if (rest > 0) rows.push(row(width, [[`  ${rest} more`, ui.faint]], glyphs.cut));
  return rows;
}

function eventParts(event: StepEvent, theme: Theme): Part[] {
  switch (event.kind) {
    case 'write':
      return [`  ${fitTo(hex(event.offset), 12)} ${fitRight(bytesText(event.length), 7)}  `, theme.text(event.what)];
    case 'resize':
      return [`  the file is ${exactSize(event.size)} long`];
    case 'flush':
      return [['  flush', theme.ui.faint]];
  }
}
