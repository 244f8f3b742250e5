/** The keys, over the panels: of the panel that had the focus, then those that work everywhere. Typing narrows the list. */
import { frame, insideFrame } from './paint/frame.ts';
import { helpHead, helpScroll, paintHelp } from './paint/help.ts';
import type { KeyHelp } from './paint/views.ts';
import type { Panel } from './panels/panel.ts';
import type { Key } from './prompt/key.ts';
import type { Theme } from './theme.ts';

const PROMPT: readonly KeyHelp[] = [
  { keys: 'Tab S-Tab', does: 'complete: commands, flags, files, formats, fields, offsets' },
  { keys: 'Enter', does: 'run; on an empty line: repeat the last command that only looked' },
  { keys: '^R', does: 'search what was typed before' },
  { keys: 'Up Down ^P ^N', does: 'lines that began like this one' },
  { keys: 'Right End ^E', does: 'take the suggestion (M-f: one word of it)' },
  { keys: '^A ^E ^B ^F M-b M-f', does: 'move in the line' },
  { keys: '^K ^U ^W M-d ^Y M-y', does: 'cut to the end, to the start, a word; put back, put back an older one' },
  { keys: '^_', does: 'undo typing' },
  { keys: '^C', does: 'drop the line, or cancel the command that runs' },
  { keys: '^D', does: 'leave (asks once when steps are not on disk)' },
];

export const EVERYWHERE: readonly KeyHelp[] = [
  { keys: 'F1 ?', does: 'these keys (? on an empty line)' },
  { keys: 'F2-F6 M-1..M-5', does: 'extents, clusters, transcript, inspector, steps; again: the prompt' },
  { keys: 'Tab S-Tab', does: 'in a panel: the next panel, the one before' },
  { keys: 'Esc q', does: 'in a panel: back to the prompt; what is no key of the panel is typed there too' },
  { keys: 'PgUp PgDn', does: 'at the prompt: move in the extent table by pages' },
  { keys: 'M-Up M-Down', does: 'move in the extent table by rows, from anywhere' },
  { keys: 'M-v ^V', does: 'scroll the transcript (Shift-PgUp, Shift-PgDn too)' },
  { keys: 'F7 F8', does: 'undo and redo a step' },
  { keys: 'F9', does: 'the panel in the pager; at the prompt, the transcript' },
  { keys: 'F10', does: 'one panel on the whole screen, or all' },
  { keys: '^L ^Z', does: 'draw again; stop (fg goes on)' },
  { keys: 'y', does: 'in a panel: the address under the cursor into the prompt' },
  { keys: 'e', does: 'in a panel: export the map as a picture' },
];

const grouped = (group: string, keys: readonly KeyHelp[]): KeyHelp[] => keys.map((key) => ({ ...key, group }));

export class HelpOverlay {
  readonly #theme: Theme;
  readonly #arranged: () => void;
  #open = false;
  #entries: readonly KeyHelp[] = [];
  #filter = '';
  #top = 0;
  #visible = 1;

  /** `arranged` is called when it opens or closes: the layout is another. */
  constructor(theme: Theme, arranged: () => void) {
    this.#theme = theme;
    this.#arranged = arranged;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Of a panel, or of the prompt. */
  show(panel: Panel | undefined): void {
    const own = panel ? grouped(panel.title, panel.keys) : grouped('Prompt', PROMPT);
    const rest = panel ? grouped('Prompt', PROMPT) : [];
    this.#entries = [...own, ...grouped('Everywhere', EVERYWHERE), ...rest];
    this.#filter = '';
    this.#top = 0;
    this.#open = true;
    this.#arranged();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#arranged();
  }

  key(key: Key, chord: string): void {
    switch (chord) {
      case 'escape':
      case 'f1':
      case 'return':
      case 'C-c':
      case 'C-d':
        this.close();
        return;
      case 'up':
        this.#top--;
        break;
      case 'down':
        this.#top++;
        break;
      case 'pageup':
        this.#top -= this.#visible;
        break;
      case 'pagedown':
        this.#top += this.#visible;
        break;
      case 'backspace':
        this.#filter = this.#filter.slice(0, -1);
        break;
      case 'text':
        if ((key.text === '?' || key.text === 'q') && this.#filter === '') this.close();
        else {
          this.#filter += key.text;
          this.#top = 0;
        }
        break;
    }
    this.#top = Math.max(0, this.#top);
  }

  paint(width: number, height: number): readonly string[] {
    const theme = this.#theme;
    const inner = insideFrame(width, height);
    const view = { entries: this.#entries, filter: this.#filter, top: this.#top };
    const scroll = helpScroll(view, inner.width, inner.height, theme);
    this.#visible = Math.max(1, inner.height);
    this.#top = Math.max(0, Math.min(this.#top, scroll.total - scroll.visible));
    const placed = { ...view, top: this.#top };
    const rows = paintHelp(placed, inner.width, inner.height, theme);
    return frame({ ...helpHead(placed, theme), focused: true }, rows, width, height, theme, scroll);
  }
}
