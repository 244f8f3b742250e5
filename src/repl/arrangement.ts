/** How the screen is laid out now: it follows the terminal's size, the focus, and what the prompt needs. */
import type { Desk } from './desk.ts';
import type { HelpOverlay } from './help-overlay.ts';
import { type Layout, layoutFor, type PanelName } from './layout.ts';
import type { Prompt } from './prompt/prompt.ts';
import type { PromptStyle } from './prompt/prompt-style.ts';

export interface ArrangementOptions {
  readonly size: { readonly columns: number; readonly rows: number };
  readonly desk: Desk;
  readonly prompt: Prompt;
  readonly style: PromptStyle;
  readonly help: HelpOverlay;
}

export class Arrangement {
  readonly #options: ArrangementOptions;
  #shown: PanelName = 'extents';
  #zoomed = false;
  #layout: Layout;

  constructor(options: ArrangementOptions) {
    this.#options = options;
    this.#layout = this.#next();
  }

  get layout(): Layout {
    return this.#layout;
  }

  /** Whether what was typed, or who has the keys, asks for another layout than the one that is shown. */
  get isStale(): boolean {
    const { promptRows, menuRows, shown } = this.#next();
    return promptRows !== this.#layout.promptRows || menuRows !== this.#layout.menuRows || shown !== this.#layout.shown;
  }

  zoom(zoomed: boolean, shown: PanelName = this.#shown): void {
    this.#zoomed = zoomed;
    this.#shown = shown;
  }

  arrange(): Layout {
    this.#layout = this.#next();
    // A panel that had to be shown stays; on a tiny terminal it is there while it has the keys.
    if (this.#layout.shape !== 'tiny') this.#shown = this.#layout.shown;
    return this.#layout;
  }

  #next(): Layout {
    const { size, desk, prompt, style, help } = this.#options;
    const { columns, rows } = size;
    return layoutFor({
      columns,
      rows,
      shown: this.#shown,
      zoomed: this.#zoomed,
      focus: desk.focus,
      promptRows: prompt.rows,
      menuRows: (most) => prompt.menu(columns, most, style).length,
      help: help.open,
    });
  }
}
