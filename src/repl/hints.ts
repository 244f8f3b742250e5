/** The rows under the prompt: what the line means or what is going on, and the keys that matter now. */
import type { Desk } from './desk.ts';
import type { PanelName } from './layout.ts';
import type { Lines } from './lines.ts';
import { fitTo } from './paint/fit.ts';
import { paintProgress } from './paint/progress.ts';
import { type Part, row } from './paint/row.ts';
import type { Panel } from './panels/panel.ts';
import type { Prompt } from './prompt/prompt.ts';
import type { PromptStyle } from './prompt/prompt-style.ts';
import type { Theme } from './theme.ts';

type Entry = readonly [keys: string, does: string];

/** The ones that matter most first: the last ones go where there is no room. */
export const AT_PROMPT: readonly Entry[] = [
  ['Tab', 'complete'],
  ['?', 'keys'],
  ['^D', 'leave'],
  ['F2-F6', 'panels'],
  ['F7', 'undo'],
  ['F8', 'redo'],
  ['^R', 'history'],
  ['PgUp/PgDn', 'extents'],
  ['F10', 'zoom'],
];

export const IN_PANEL: readonly Entry[] = [
  ['?', 'all keys'],
  ['Esc', 'prompt'],
  ['F2-F6', 'panels'],
  ['F7', 'undo'],
  ['F8', 'redo'],
  ['F10', 'zoom'],
];

export class Hints {
  readonly #desk: Desk;
  readonly #lines: Lines;
  readonly #prompt: Prompt;
  readonly #panels: Readonly<Record<PanelName, Panel>>;

  constructor(desk: Desk, lines: Lines, prompt: Prompt, panels: Readonly<Record<PanelName, Panel>>) {
    this.#desk = desk;
    this.#lines = lines;
    this.#prompt = prompt;
    this.#panels = panels;
  }

  paint(width: number, height: number, style: PromptStyle): string[] {
    return [this.#first(width, style), this.#keys(width)].slice(0, height);
  }

  #first(width: number, style: PromptStyle): string {
    const { theme, note, focus } = this.#desk;
    const { pace } = this.#lines;
    if (pace) return paintProgress({ pace, cancel: 'Ctrl-C cancels' }, width, 1, theme)[0] ?? '';
    if (note !== '')
      return row(
        width,
        [
          ['  ', theme.ui.plain],
          [theme.text(note), theme.ui.warn],
        ],
        theme.glyphs.cut,
      );
    if (focus === 'prompt') return fitTo(this.#prompt.hint(width, style), width);
    const keys = this.#panels[focus].keys.map(({ keys, does }) => [keys, does] as const);
    return entriesRow(keys, width, ' ', theme);
  }

  #keys(width: number): string {
    const { theme, focus } = this.#desk;
    return entriesRow(focus === 'prompt' ? AT_PROMPT : IN_PANEL, width, '', theme);
  }
}

/** As many entries as fit, whole: half a key's meaning helps nobody. */
function entriesRow(entries: readonly Entry[], width: number, margin: string, theme: Theme): string {
  const parts: Part[] = [margin];
  let room = width - margin.length;
  for (const [keys, does] of entries) {
    room -= keys.length + does.length + 3;
    if (room < -1) break;
    parts.push(' ', [keys, theme.ui.key], ' ', [`${does} `, theme.ui.faint]);
  }
  return row(width, parts);
}
