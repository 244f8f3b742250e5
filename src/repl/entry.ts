/** A few characters typed into a panel: an offset to jump to, a filter. Enter takes it, Escape drops it. */
export type EntryEnd = 'taken' | 'dropped' | 'open';

export class Entry {
  readonly label: string;
  text: string;
  readonly #take: (text: string) => void;

  constructor(label: string, text: string, take: (text: string) => void) {
    this.label = label;
    this.text = text;
    this.#take = take;
  }

  /** As a panel's frame shows it. */
  get shown(): string {
    return `${this.label}: ${this.text}_`;
  }

  /** `name` and `text` of a key. */
  key({ name, text, ctrl }: { readonly name?: string; readonly text?: string; readonly ctrl?: boolean }): EntryEnd {
    if (name === 'return' || name === 'enter') {
      this.#take(this.text);
      return 'taken';
    }
    if (name === 'escape' || (ctrl && (name === 'c' || name === 'g'))) return 'dropped';
    if (name === 'backspace') this.text = this.text.slice(0, -1);
    else if (ctrl && name === 'u') this.text = '';
    else if (!ctrl && text && this.text.length < LONGEST) this.text += text;
    return 'open';
  }
}

const LONGEST = 80;
