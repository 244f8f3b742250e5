/**
 * Keys to deeds, in three layers: what is open over everything (help, a list of completions, a question), keys that
 * mean the same everywhere, then the panel that has the focus; everything else is typed into the prompt.
 */
import type { Desk, Focus } from './desk.ts';
import type { HelpOverlay } from './help-overlay.ts';
import { type Layout, PANELS, type PanelName } from './layout.ts';
import { CANCELLING, type Lines } from './lines.ts';
import type { ExtentsPanel } from './panels/extents.ts';
import { type Panel, strokeOf } from './panels/panel.ts';
import type { TranscriptPanel } from './panels/transcript.ts';
import { chordOf, type Key, textKey } from './prompt/key.ts';
import type { Prompt } from './prompt/prompt.ts';

export interface ControllerOptions {
  readonly desk: Desk;
  readonly prompt: Prompt;
  readonly lines: Lines;
  readonly help: HelpOverlay;
  readonly panels: Readonly<Record<PanelName, Panel>> & {
    readonly extents: ExtentsPanel;
    readonly transcript: TranscriptPanel;
  };
  layout(): Layout;
  /** One panel on the whole screen, or all. */
  zoom(zoomed: boolean, shown?: PanelName): void;
  /** ^L, and ^Z. */
  repaint(): void;
  suspend(): void;
  /** The whole content of a panel in the pager. */
  page(panel: Panel): void;
}

/** Said to what has to wait. */
export const RUNNING = 'a command is running: Ctrl-C cancels it';

export class Controller {
  readonly #options: ControllerOptions;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  key(key: Key): void {
    const { desk, help } = this.#options;
    desk.note = '';
    const chord = chordOf(key);
    const typing = desk.focus === 'prompt' && !help.open;
    if (help.open) help.key(key, chord);
    else if (this.#everywhere(key, chord)) desk.deeds++;
    else for (const one of this.#apart(key)) this.#focused(one, chord);
    if (!typing || desk.focus !== 'prompt') desk.deeds++;
    desk.changed();
  }

  paste(text: string): void {
    const { desk, prompt, help } = this.#options;
    help.close();
    if (desk.entry) desk.entry.key({ text: text.trim() });
    else {
      desk.focus = 'prompt';
      prompt.paste(text);
    }
    desk.deeds++;
    desk.changed();
  }

  /** Characters typed faster than they are read come in one piece: a panel knows them one by one. */
  #apart(key: Key): readonly Key[] {
    const { desk } = this.#options;
    return key.name === 'text' && desk.focus !== 'prompt' ? [...key.text].map(textKey) : [key];
  }

  /** Gives the keys to a panel, which is shown if it was not; or back to the prompt. */
  focus(focus: Focus): void {
    this.#options.desk.focus = focus;
  }

  #everywhere(key: Key, chord: string): boolean {
    const { desk, lines, prompt, panels } = this.#options;
    const panel = /^f([2-6])$/.exec(chord)?.[1] ?? /^M-([1-5])$/.exec(chord)?.[1];
    if (panel !== undefined) {
      const name = PANELS[chord.startsWith('f') ? Number(panel) - 2 : Number(panel) - 1] as PanelName;
      this.focus(desk.focus === name ? 'prompt' : name);
      return true;
    }
    switch (chord) {
      case 'f1':
        this.#help();
        return true;
      case 'f7':
        lines.run(['undo']);
        return true;
      case 'f8':
        lines.run(['redo']);
        return true;
      case 'f9':
        this.#options.page(panels[desk.focus === 'prompt' ? 'transcript' : desk.focus]);
        return true;
      case 'f10':
        this.#zoom();
        return true;
      case 'C-l':
        this.#options.repaint();
        return true;
      case 'C-z':
        this.#options.suspend();
        return true;
      case 'C-c':
        this.#interrupt(key);
        return true;
      case 'M-up':
        return panels.extents.move(-1);
      case 'M-down':
        return panels.extents.move(1);
      case 'M-v':
      case 'S-pageup':
        return panels.transcript.page(-1);
      case 'C-v':
      case 'S-pagedown':
        return panels.transcript.page(1);
    }
    if (desk.focus === 'prompt' && !prompt.open && (chord === 'pageup' || chord === 'pagedown')) {
      return this.#options.layout().shape === 'tiny'
        ? panels.transcript.page(chord === 'pageup' ? -1 : 1)
        : panels.extents.page(chord === 'pageup' ? -1 : 1);
    }
    return false;
  }

  #focused(key: Key, chord: string): void {
    const { desk, panels } = this.#options;
    const { focus } = desk;
    if (focus === 'prompt') {
      this.#prompt(key, chord);
      return;
    }
    if (desk.entry) {
      if (desk.entry.key(key) !== 'open') desk.answered();
      return;
    }
    const stroke = strokeOf(key);
    if (panels[focus].key(key)) return;
    if (chord === 'escape' || stroke === 'q') this.focus('prompt');
    else if (chord === 'tab' || chord === 'S-tab') this.#nextPanel(chord === 'tab' ? 1 : -1);
    else if (stroke === '?') this.#help();
    else if (stroke === 'y') this.#address();
    else if (stroke === 'e') this.#type('export map.svg');
    else if (chord === 'C-d') this.#leave();
    else {
      this.focus('prompt');
      this.#prompt(key, chord);
    }
  }

  #prompt(key: Key, chord: string): void {
    const { prompt, lines, desk } = this.#options;
    if (key.name === 'text' && key.text === '?' && prompt.text === '') {
      this.#help();
      return;
    }
    if (chord === 'escape' && !prompt.open) {
      // Out of the prompt there is nowhere to go; Escape on an empty line is no mistake either.
      prompt.key(key);
      return;
    }
    const event = prompt.key(key);
    if (!event || event.kind === 'unhandled') {
      if (!event) lines.typed();
      return;
    }
    if (event.kind === 'submit') lines.run(event.lines);
    else if (event.kind === 'eof') this.#leave();
    else desk.note = event.hadText ? '' : 'Ctrl-D leaves';
  }

  #leave(): void {
    const { lines, desk } = this.#options;
    desk.note = lines.leave('Ctrl-D') ?? '';
  }

  /** The command that runs, or the line that was being typed: never more. */
  #interrupt(key: Key): void {
    const { lines, prompt, desk } = this.#options;
    if (lines.running) {
      lines.cancel();
      desk.note = CANCELLING;
      return;
    }
    if (desk.focus !== 'prompt') {
      this.focus('prompt');
      return;
    }
    const event = prompt.key(key);
    if (event?.kind === 'interrupt' && !event.hadText) desk.note = 'nothing runs: Ctrl-D leaves';
  }

  #help(): void {
    const { help, desk, panels } = this.#options;
    help.show(desk.focus === 'prompt' ? undefined : panels[desk.focus]);
  }

  #zoom(): void {
    const { layout, zoom, desk } = this.#options;
    const now = layout();
    if (now.shape === 'tiny') return;
    if (now.zoomed) zoom(false);
    else zoom(true, desk.focus === 'prompt' ? now.shown : desk.focus);
  }

  #nextPanel(by: 1 | -1): void {
    const { desk } = this.#options;
    const at = PANELS.indexOf(desk.focus as PanelName);
    this.focus(PANELS[(at + by + PANELS.length) % PANELS.length] as PanelName);
  }

  #address(): void {
    const { desk, prompt } = this.#options;
    const { guest, host } = desk.place;
    const address = desk.focus === 'extents' ? (guest ?? host) : (host ?? guest);
    if (address === undefined) return;
    prompt.insert(`0x${address.toString(16)}`);
    this.focus('prompt');
  }

  #type(text: string): void {
    this.#options.prompt.clear();
    this.#options.prompt.insert(text);
    this.focus('prompt');
  }
}
