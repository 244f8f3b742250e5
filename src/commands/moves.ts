/** What undo, redo, goto and switch did, in words. */
import type { Moved, SessionStep } from '../session/forks.ts';
import { type MessageView, message } from './view.ts';

/** Steps of one kind that are named; the rest are counted. */
const NAMED = 12;

/** `lead`: sentences before. `data`: what a script wants besides. */
export function movedView(
  moved: Moved,
  lead: readonly string[] = [],
  data: Readonly<Record<string, unknown>> = {},
): MessageView {
  const { undone, redone, at } = moved;
  const lines = [...lead, ...named('undone', undone), ...named('redone', redone)];
  return message(lines.join('\n'), { ...data, undone: undone.map(plain), redone: redone.map(plain), at });
}

/** `1 step`, `3 steps`. */
export function steps(count: number): string {
  return count === 1 ? '1 step' : `${count} steps`;
}

function named(word: string, moved: readonly SessionStep[]): string[] {
  // One left out would take as much room as it saves.
  const shown = moved.length <= NAMED + 1 ? moved : moved.slice(0, NAMED);
  const lines = shown.map(({ number, line }) => `${word}: step ${number}, ${line}`);
  return shown.length === moved.length
    ? lines
    : [...lines, `${word}: ${moved.length - shown.length} more, to step ${moved.at(-1)?.number}`];
}

function plain({ number, line }: SessionStep): { readonly step: number; readonly line: string } {
  return { step: number, line };
}
