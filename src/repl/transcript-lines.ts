/**
 * What the commands have said, as lines for the transcript panel: text arrives in chunks of any size, cut anywhere, and
 * becomes lines that each carry their own styles and nothing else that a terminal would act on.
 *
 *  1. At most `limit` lines are kept, the oldest go first; a line is at most LINE_MAX characters, then a new one begins.
 *  2. A kept line holds styles (SGR) and printable text only; every style is closed at its end.
 *  3. The work for a chunk is linear in its length, whatever is in it, and bounded by what can be kept.
 *  4. Line numbers count from the start of the session and never change: `first` grows, `end` grows.
 */
import { printable } from '../commands/printable.ts';
import { Sgr } from './paint/sgr.ts';

const LINE_MAX = 8192;
/** A sequence that is not finished within this many characters is text. */
const SEQUENCE_MAX = 4096;
const TAB = 8;

/** Styles; other control sequences; strings for the terminal (titles, links); two-character escapes; what is not yet whole. */
const SEQUENCE =
  /\x1b\[([0-9:;]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\-~]/y;
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?$/;
const PLAIN = /[^\x00-\x1f\x7f]+/y;

export class TranscriptLines {
  readonly limit: number;
  /** The kept lines, as a ring: line n is at n modulo `limit`. */
  readonly #ring: string[] = [];
  #end = 0;
  /** The line that has no end yet. */
  #open = '';
  #openLength = 0;
  #hasOpen = false;
  /** A lone carriage return: the next text begins the line again. */
  #returned = false;
  #pending = '';
  readonly #styles = new Sgr();
  #versions = 0;

  constructor(limit = 10_000) {
    this.limit = Math.max(1, limit);
  }

  /** Number of the oldest line kept. */
  get first(): number {
    return Math.max(0, this.end - this.limit);
  }

  /** One more than the number of the newest line, finished or not. */
  get end(): number {
    return this.#end + (this.#hasOpen ? 1 : 0);
  }

  /** Grows with every change. */
  get version(): number {
    return this.#versions;
  }

  /** Line `number`, styled; '' for one that is not kept. */
  at(number: number): string {
    if (number < this.first || number >= this.end) return '';
    return number === this.#end ? this.#closed() : (this.#ring[number % this.limit] as string);
  }

  append(chunk: string): void {
    this.#versions++;
    let text = this.#pending + chunk;
    this.#pending = '';
    const unfinished = UNFINISHED.exec(text.slice(-SEQUENCE_MAX));
    if (unfinished) {
      this.#pending = unfinished[0];
      text = text.slice(0, text.length - unfinished[0].length);
    }
    this.#take(this.#kept(text));
  }

  /** The end of a very long chunk: what would be dropped at once is not looked at. */
  #kept(text: string): string {
    const most = this.limit * 1024;
    if (text.length <= most) return text;
    let at = text.length;
    for (let lines = 0; lines <= this.limit && at > 0; lines++) at = text.lastIndexOf('\n', at - 1);
    return at <= 0 ? text : text.slice(at + 1);
  }

  #take(text: string): void {
    let at = 0;
    while (at < text.length) {
      PLAIN.lastIndex = at;
      const plain = PLAIN.exec(text);
      if (plain) {
        this.#text(plain[0]);
        at += plain[0].length;
        continue;
      }
      at = this.#control(text, at);
    }
  }

  /** Takes the control character at `at`, or the sequence it begins; answers where the text goes on. */
  #control(text: string, at: number): number {
    switch (text.charAt(at)) {
      case '\n':
        this.#finish();
        return at + 1;
      case '\r':
        if (text.charAt(at + 1) === '\n') return at + 1;
        this.#returned = true;
        return at + 1;
      case '\t':
        this.#text(' '.repeat(TAB - (this.#openLength % TAB)));
        return at + 1;
      case '\x1b':
        return this.#sequence(text, at);
      default:
        // The bell and its kind say nothing on paper.
        return at + 1;
    }
  }

  #sequence(text: string, at: number): number {
    SEQUENCE.lastIndex = at;
    const found = SEQUENCE.exec(text);
    if (!found) return at + 1;
    if (found[1] !== undefined) {
      const before = this.#styles.open;
      this.#styles.take(found[0]);
      // Only what changes the styles is kept, and as the whole of them: no line grows by styles alone.
      if (this.#styles.open !== before && this.#hasOpen) this.#styled = true;
    }
    return at + found[0].length;
  }

  /** Styles changed since the last text of the open line. */
  #styled = false;

  #text(text: string): void {
    if (this.#returned) {
      this.#open = '';
      this.#openLength = 0;
      this.#returned = false;
      this.#styled = false;
    }
    let rest = text;
    while (rest !== '') {
      if (!this.#hasOpen || this.#openLength === 0) this.#open = this.#styles.open;
      else if (this.#styled) this.#open += `\x1b[0m${this.#styles.open}`;
      this.#styled = false;
      this.#hasOpen = true;
      const part = whole(rest, LINE_MAX - this.#openLength);
      this.#open += printable(part);
      this.#openLength += part.length;
      rest = rest.slice(part.length);
      if (this.#openLength >= LINE_MAX) this.#finish();
    }
  }

  #finish(): void {
    this.#ring[this.#end % this.limit] = this.#closed();
    this.#end++;
    this.#open = '';
    this.#openLength = 0;
    this.#hasOpen = false;
    this.#returned = false;
    this.#styled = false;
  }

  #closed(): string {
    return this.#open.includes('\x1b') ? `${this.#open}\x1b[0m` : this.#open;
  }
}

/** At most `length` code units (at least 1), no character pair cut in two. */
function whole(text: string, length: number): string {
  if (text.length <= length) return text;
  const code = text.charCodeAt(length - 1);
  return text.slice(0, code >= 0xd800 && code < 0xdc00 && length > 1 ? length - 1 : length);
}
