/** Lines typed before, found again: by their beginning (↑ ↓), or by any part (^R). */

/** The lines typed before; the owner keeps them, in a file where there is one. */
export interface PastLines {
  /** Oldest first. */
  readonly lines: readonly string[];
  add(line: string): void;
}

/** Walking through the lines that begin with `prefix`. */
export interface Recall {
  readonly prefix: string;
  /** Of the line shown; the count of lines: the prefix itself. */
  readonly index: number;
}

/** The next older (-1) or newer (1) line with the beginning, other than `text`; undefined when there is none. */
export function recalled(past: PastLines, from: Recall, by: -1 | 1, text: string): Recall | undefined {
  const { lines } = past;
  const { prefix } = from;
  for (let index = from.index + by; index >= 0 && index < lines.length; index += by) {
    const line = lines[index] as string;
    if (line !== text && line.startsWith(prefix)) return { prefix, index };
  }
  return by > 0 && from.index < lines.length ? { prefix, index: lines.length } : undefined;
}

/** The newest line that begins with `text` and goes on. */
export function ghostOf(past: PastLines, text: string): string | undefined {
  if (text === '' || text.includes('\n')) return undefined;
  return past.lines.findLast((line) => line.length > text.length && line.startsWith(text));
}

/** A search with ^R under way. */
export interface Search {
  readonly query: string;
  /** Of the line found last; the count of lines: nothing found yet. */
  readonly index: number;
  /** Nothing older (or newer) matches; what is shown is the last match. */
  readonly failed: boolean;
}

/** The match from `from` on, itself included, towards older (-1) or newer (1) lines. */
export function sought(past: PastLines, search: Search, from: number, by: -1 | 1): Search {
  const { lines } = past;
  const { query, index } = search;
  if (query === '') return { query, index: lines.length, failed: false };
  const shown = lines[index];
  for (let i = Math.min(from, lines.length - 1); i >= 0 && i < lines.length; i += by) {
    const line = lines[i] as string;
    if (line.includes(query) && (i === index || line !== shown)) return { query, index: i, failed: false };
  }
  return { query, index, failed: true };
}
