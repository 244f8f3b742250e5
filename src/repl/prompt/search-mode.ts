/** ^R: a line typed before, found by any part of it as the part is typed. */
import { previousBoundary } from './graphemes.ts';
import { chordOf, type Key } from './key.ts';
import { type LineState, moveTo, replaced } from './line-state.ts';
import { type PastLines, type Search, sought } from './recall.ts';

export class SearchMode {
  readonly #past: PastLines;
  readonly #before: LineState;
  readonly #lastQuery: string;
  #search: Search;

  /** `lastQuery`: what a second ^R looks for when nothing was typed. */
  constructor(past: PastLines, before: LineState, lastQuery: string) {
    this.#past = past;
    this.#before = before;
    this.#lastQuery = lastQuery;
    this.#search = { query: '', index: past.lines.length, failed: false };
  }

  get query(): string {
    return this.#search.query === '' ? this.#lastQuery : this.#search.query;
  }

  get label(): string {
    const { query, failed } = this.#search;
    return failed ? `nothing found for '${query}': ` : `search '${query}': `;
  }

  /** The line found, or the one that was being typed. */
  get text(): string {
    return this.#past.lines[this.#search.index] ?? this.#before.text;
  }

  /** Behind what was found. */
  get cursor(): number {
    const { found } = this;
    return found ? found.to : this.text === this.#before.text ? this.#before.cursor : this.text.length;
  }

  /** Where in `text` the query is: UTF-16 indices. */
  get found(): { readonly from: number; readonly to: number } | undefined {
    const { query, index } = this.#search;
    const from = this.#past.lines[index]?.indexOf(query) ?? -1;
    return from < 0 || query === '' ? undefined : { from, to: from + query.length };
  }

  /** The line with what was found in place of what was typed. */
  get line(): LineState {
    if (this.#past.lines[this.#search.index] === undefined) return this.#before;
    const line = replaced(this.#before, 0, this.#before.text.length, this.text);
    return moveTo(line, this.cursor);
  }

  /** Answers whether it was a key of the search. */
  key(key: Key): boolean {
    const { query, index } = this.#search;
    const newest = this.#past.lines.length - 1;
    if (key.name === 'text') {
      this.#search = sought(this.#past, { ...this.#search, query: query + key.text }, Math.min(index, newest), -1);
      return true;
    }
    switch (chordOf(key)) {
      case 'C-r':
        if (query === '') this.#seek(this.#lastQuery, newest, -1);
        else this.#seek(query, index - 1, -1);
        return true;
      case 'C-s':
        this.#seek(query, index + 1, 1);
        return true;
      case 'backspace':
        // What a shorter query finds may be newer.
        this.#search = { ...this.#search, index: newest + 1 };
        this.#seek(query.slice(0, previousBoundary(query, query.length)), newest, -1);
        return true;
      default:
        return false;
    }
  }

  #seek(query: string, from: number, by: -1 | 1): void {
    this.#search = sought(this.#past, { ...this.#search, query }, from, by);
  }
}
