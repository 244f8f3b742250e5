/** The rows under the prompt: what the line means or what is going on, and the keys that matter now. */
import type { Desk } from './desk.ts';
import type { PanelName } from './layout.ts';
import type { Lines } from './lines.ts';
import { fitTo } from './paint/fit.ts';
import { paintProgress } from './paint/progress.ts';
import { row } from './paint/row.ts';
import type { Panel } from './panels/panel.ts';
import type { Prompt } from './prompt/prompt.ts';
import type { PromptStyle } from './prompt/prompt-style.ts';

const AT_PROMPT: readonly (readonly [keys: string, does: string])[] = [
  ['Tab', 'complete'],
  ['^R', 'history'],
  ['PgUp/PgDn', 'extents'],
  ['F2-F6', 'panels'],
  ['F7', 'undo'],
  ['F8', 'redo'],
  ['F10', 'zoom'],
  ['?', 'keys'],
  ['^D', 'leave'],
];

/** Words of a panel's keys in the row: the first ones fit. */
const IN_PANEL: readonly (readonly [keys: string, does: string])[] = [
  ['?', 'all keys'],
  ['Esc', 'prompt'],
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
    return row(
      width,
      [
        '  ',
        this.#panels[focus].keys
          .slice(0, 4)
          .map(({ keys, does }) => `${keys} ${does}`)
          .join('  '),
      ],
      theme.glyphs.cut,
    );
  }

  #keys(width: number): string {
    const { theme, focus } = this.#desk;
    const entries = focus === 'prompt' ? AT_PROMPT : [...IN_PANEL, ...AT_PROMPT.slice(3, 7)];
    const parts = entries.flatMap(([keys, does]) => [
      ' ',
      [keys, theme.ui.key] as const,
      ' ',
      [`${does} `, theme.ui.faint] as const,
    ]);
    return row(width, parts, theme.glyphs.cut);
  }
}
