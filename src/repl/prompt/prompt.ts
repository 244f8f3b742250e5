/**
 * The prompt of the screen: keys go in, what the owner has to do comes out, and it paints itself as rows of text. No
 * terminal, no React: whoever owns the screen calls `key` and `paste`, and `paint`, `hint` and `menu` when it draws.
 *
 * Invariants:
 *  1. Nothing runs by being pasted: only Enter submits.
 *  2. A key costs little (well below 10 ms) at any length of the line: only what is visible is looked at.
 *  3. What is painted has no control characters but those the style adds.
 */
import type { Completion, CompletionContext } from '../../commands/complete.ts';
import { completionAt } from '../../commands/complete.ts';
import { asTyped } from '../../commands/line.ts';
import { edited, movedRow, rowEnd, rowStart } from './editor.ts';
import { hintRow } from './hint-row.ts';
import { chordOf, type Key } from './key.ts';
import { EMPTY_LINE, LINE_LIMIT, type LineState, nextLine, replaced, undone } from './line-state.ts';
import { commonStart, cycled, lineOf, type Menu, menuLines } from './menu.ts';
import { type Painted, paintPrompt } from './paint-prompt.ts';
import type { PromptStyle } from './prompt-style.ts';
import { ghostOf, type PastLines, type Recall, recalled } from './recall.ts';
import { SearchMode } from './search-mode.ts';
import { wordEnd } from './words.ts';

/** What the owner has to do after a key. */
export type PromptEvent =
  /** Run these, one after the other. One empty line: Enter was pressed on nothing. */
  | { readonly kind: 'submit'; readonly lines: readonly string[] }
  /** ^C. The line is dropped already; `hadText` tells whether there was any. */
  | { readonly kind: 'interrupt'; readonly hadText: boolean }
  /** ^D on an empty line. */
  | { readonly kind: 'eof' }
  /** No key of the prompt's: the owner may use it. */
  | { readonly kind: 'unhandled' };

/** Lines longer than this get no completion, hint and colours: they are data. */
const READ_LIMIT = 8192;

const UNHANDLED: PromptEvent = { kind: 'unhandled' };

export class Prompt {
  /** Before the line. */
  label = 'platter> ';
  /** The hint while the line is empty. */
  idle = '';
  /** Text shown as if it were typed next, as long as the line is its beginning; before what history would suggest. */
  suggestion = '';
  readonly #past: PastLines;
  #context: CompletionContext;
  #line: LineState = EMPTY_LINE;
  #recall: Recall | undefined;
  #search: SearchMode | undefined;
  #lastQuery = '';
  #menu: Menu | undefined;
  #notice: string | undefined;
  /** ^X was pressed: ^U means undo. */
  #prefix = false;
  /** Where the visible part of the cursor's line began, UTF-16 index in that line. */
  #from = 0;

  constructor(past: PastLines, context: CompletionContext = {}) {
    this.#past = past;
    this.#context = context;
  }

  get text(): string {
    return this.#line.text;
  }

  /** UTF-16 index. */
  get cursor(): number {
    return this.#line.cursor;
  }

  /** How many rows the text has: more than one after a paste. */
  get rows(): number {
    return this.#search ? 1 : this.#line.text.split('\n').length;
  }

  /** Whether a list or a search is open, which Esc closes. */
  get open(): boolean {
    return this.#menu !== undefined || this.#search !== undefined;
  }

  setContext(context: CompletionContext): void {
    this.#context = context;
  }

  /** Undefined: the prompt has used the key, and there is nothing to do but to draw. */
  key(key: Key): PromptEvent | undefined {
    this.#notice = undefined;
    if (this.#search && this.#searchKey(key)) return undefined;
    if (this.#menu && this.#menuKey(key)) return undefined;
    const chord = chordOf(key);
    const prefixed = this.#prefix;
    this.#prefix = chord === 'C-x';
    if (this.#prefix) return undefined;
    if (prefixed && chord === 'C-u') {
      this.#edit(undone(this.#line));
      return undefined;
    }
    if (chord === 'return' || chord === 'S-return') return this.#submit();
    if (chord === 'C-c') return this.#interrupt();
    if (chord === 'C-d' && this.#line.text === '') return { kind: 'eof' };
    return this.#command(chord) || this.#editKey(key) ? undefined : UNHANDLED;
  }

  /** Text of a bracketed paste; its lines stay lines, until Enter. */
  paste(text: string): void {
    this.#leaveModes();
    const clean = text.replace(/\r\n?/g, '\n').replaceAll('\t', ' ').replace(/\n+$/, '');
    const room = LINE_LIMIT - this.#line.text.length;
    this.#edit(replaced(this.#line, this.#line.cursor, this.#line.cursor, clean));
    if (clean.length > room) this.#notice = `the prompt holds ${LINE_LIMIT} characters: the rest was left out`;
  }

  /** A word put at the cursor, parted by a blank from what stands before it: an address, from a panel. */
  insert(word: string): void {
    this.#leaveModes();
    const { text, cursor } = this.#line;
    const parted = cursor === 0 || /[\s='"]/.test(text[cursor - 1] as string);
    this.#edit(replaced(this.#line, cursor, cursor, parted ? word : ` ${word}`));
  }

  /** The line dropped, whatever was going on. */
  clear(): void {
    this.#leaveModes();
    this.#edit(nextLine(this.#line));
    this.#from = 0;
  }

  /** The prompt's rows, at most `rows`, and where the cursor is in them. */
  paint(width: number, rows: number, style: PromptStyle): Painted {
    const painted = paintPrompt(
      {
        label: this.#search?.label ?? this.label,
        text: this.#search?.text ?? this.#line.text,
        cursor: this.#search?.cursor ?? this.#line.cursor,
        ghost: this.#ghost(),
        found: this.#search?.found,
        from: this.#from,
        readable: READ_LIMIT,
      },
      width,
      rows,
      style,
    );
    this.#from = painted.from;
    return painted;
  }

  /** One row under the prompt: usage, what is wrong, what the list or the search is about. */
  hint(width: number, style: PromptStyle): string {
    const { text, cursor } = this.#line;
    const start = rowStart(text, cursor);
    const row = text.slice(start, rowEnd(text, cursor));
    return hintRow(
      {
        notice: this.#notice,
        search: this.#search !== undefined,
        item: this.#menu?.items[this.#menu.chosen],
        lines: this.rows,
        idle: text === '' ? this.idle : undefined,
        row: row.length > READ_LIMIT ? '' : row,
        cursor: cursor - start,
      },
      width,
      style,
    );
  }

  /** The list that Tab opened, at most `rows` lines; none when it is closed. */
  menu(width: number, rows: number, style: PromptStyle): string[] {
    return this.#menu ? menuLines(this.#menu, width, rows, style) : [];
  }

  #edit(line: LineState): void {
    this.#line = line;
    this.#recall = undefined;
  }

  #submit(): PromptEvent {
    const lines = this.#line.text.split('\n').filter((line) => line.trim() !== '');
    for (const line of lines) this.#past.add(line);
    this.clear();
    return { kind: 'submit', lines: lines.length > 0 ? lines : [''] };
  }

  #interrupt(): PromptEvent {
    const hadText = this.#line.text !== '';
    this.clear();
    return { kind: 'interrupt', hadText };
  }

  /** Keys that are more than editing. Answers whether it was one. */
  #command(chord: string): boolean {
    switch (chord) {
      case 'up':
      case 'C-p':
        return this.#vertical(-1);
      case 'down':
      case 'C-n':
        return this.#vertical(1);
      case 'M-<':
        return this.#recallEnd(-1);
      case 'M->':
        return this.#recallEnd(1);
      case 'C-r':
        this.#search = new SearchMode(this.#past, this.#line, this.#lastQuery);
        return true;
      case 'tab':
        this.#complete();
        return true;
      case 'right':
      case 'C-f':
      case 'end':
      case 'C-e':
        return this.#takeGhost((ghost) => ghost.length);
      case 'M-f':
      case 'C-right':
      case 'M-right':
        return this.#takeGhost((ghost, text) => wordEnd(text + ghost, text.length) - text.length);
      default:
        return false;
    }
  }

  #editKey(key: Key): boolean {
    const line = edited(this.#line, key);
    if (!line) return false;
    this.#edit(line);
    return true;
  }

  /** Up and down in the text's own lines, and beyond them in those typed before. */
  #vertical(by: -1 | 1): boolean {
    const moved = this.#recall ? undefined : movedRow(this.#line, by);
    if (moved) this.#edit(moved);
    else this.#recallFrom(this.#recall ?? { prefix: this.#line.text, index: this.#past.lines.length }, by);
    return true;
  }

  #recallEnd(by: -1 | 1): boolean {
    const prefix = this.#recall?.prefix ?? this.#line.text;
    // One beyond the far end, so that the first step finds the line at the end.
    if (by < 0) this.#recallFrom({ prefix, index: -1 }, 1);
    else if (this.#recall) this.#show({ prefix, index: this.#past.lines.length });
    return true;
  }

  #recallFrom(from: Recall, by: -1 | 1): void {
    const next = recalled(this.#past, from, by, this.#line.text);
    if (next) this.#show(next);
  }

  #show(recall: Recall): void {
    const line = this.#past.lines[recall.index] ?? recall.prefix;
    this.#edit(replaced(this.#line, 0, this.#line.text.length, line));
    this.#recall = recall.index < this.#past.lines.length ? recall : undefined;
  }

  #ghost(): string {
    const { text, cursor } = this.#line;
    if (this.#menu || this.#search || cursor < text.length) return '';
    const { suggestion } = this;
    const whole = suggestion.length > text.length && suggestion.startsWith(text) ? suggestion : undefined;
    return (whole ?? ghostOf(this.#past, text) ?? '').slice(text.length);
  }

  #takeGhost(howMuch: (ghost: string, text: string) => number): boolean {
    const ghost = this.#ghost();
    if (ghost === '') return false;
    const { text, cursor } = this.#line;
    this.#edit(replaced(this.#line, cursor, cursor, ghost.slice(0, howMuch(ghost, text))));
    return true;
  }

  #complete(): void {
    const start = rowStart(this.#line.text, this.#line.cursor);
    const row = this.#line.text.slice(start, this.#line.cursor);
    const found = row.length > READ_LIMIT ? undefined : completionAt(row, row.length, this.#context);
    if (found && found.items.length > 0) this.#offer(found, start + found.from);
  }

  #offer({ items, typed }: Completion, from: number): void {
    const [only] = items;
    if (only && items.length === 1) {
      this.#edit(replaced(this.#line, from, this.#line.cursor, only.text + this.#blankAfter(only.more)));
      return;
    }
    const start = commonStart(items);
    if (start.length > typed.length) this.#edit(replaced(this.#line, from, this.#line.cursor, asTyped(start)));
    this.#menu = { items, line: this.#line, from, chosen: -1 };
  }

  #blankAfter(more: boolean): string {
    return more || /\s/.test(this.#line.text[this.#line.cursor] ?? '') ? '' : ' ';
  }

  /** Answers whether the list has used the key; any other key takes what is chosen and closes it. */
  #menuKey(key: Key): boolean {
    const menu = this.#menu as Menu;
    const chord = chordOf(key);
    if (chord === 'tab' || chord === 'down' || chord === 'S-tab' || chord === 'up') {
      this.#menu = cycled(menu, chord === 'tab' || chord === 'down' ? 1 : -1);
      this.#edit(lineOf(this.#menu));
      return true;
    }
    this.#menu = undefined;
    if (chord === 'escape' || chord === 'C-g') {
      this.#edit(menu.line);
      return true;
    }
    const item = menu.items[menu.chosen];
    if (chord !== 'return' || !item) return false;
    const { cursor } = this.#line;
    this.#edit(replaced(this.#line, cursor, cursor, this.#blankAfter(item.more)));
    return true;
  }

  /** Answers whether the search has used the key; any other key takes what was found. */
  #searchKey(key: Key): boolean {
    const search = this.#search as SearchMode;
    const chord = chordOf(key);
    if (search.key(key)) return true;
    this.#lastQuery = search.query;
    this.#search = undefined;
    if (chord === 'escape' || chord === 'C-g') return true;
    if (chord !== 'C-c') this.#edit(search.line);
    return false;
  }

  #leaveModes(): void {
    if (this.#search) this.#edit(this.#search.line);
    this.#search = undefined;
    this.#menu = undefined;
    this.#notice = undefined;
    this.#prefix = false;
  }
}
