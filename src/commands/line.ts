/**
 * The prompt's line, cut into words as a shell does: blanks separate, '…' and "…" quote, backslash takes the next
 * character as it is, # at the start of a word begins a comment, ; ends a command. Everything behind the first
 * unquoted | is kept as it stands, to the end of the line: it is a shell's to read (run.ts). A line that begins
 * with ! is a shell's as a whole.
 *
 * Words keep where they stood, for completion and for pointing at a mistake.
 */
import { ImageError } from '../errors.ts';

export interface Word {
  readonly text: string;
  /** Where it stands in the line: characters, end exclusive, quotes included. */
  readonly from: number;
  readonly to: number;
}

/** One command of a line. */
export interface Statement {
  readonly words: readonly Word[];
  /** The statement's own text without its pipe, for the list of steps. */
  readonly text: string;
  /** What stands behind `|`, blanks around it cut off; it may be empty, and so may `words` be before it. */
  readonly pipe?: Word;
}

/** The command of a line that begins with !, for a shell; undefined: the line is Platter's own. */
export function shellCommand(line: string): string | undefined {
  return /^\s*!(.*)$/s.exec(line)?.[1]?.trim();
}

/** Throws ImageError `unterminated-quote`. */
export function statements(line: string): Statement[] {
  const found: Statement[] = [];
  let words: Word[] = [];
  const finish = (pipe?: Word): void => {
    const first = words[0];
    const last = words[words.length - 1];
    const text = first && last ? line.slice(first.from, last.to) : '';
    if (pipe) found.push({ words, text, pipe });
    else if (first) found.push({ words, text });
    words = [];
  };
  let at = 0;
  while (at < line.length) {
    const c = line[at] as string;
    if (isBlank(c)) at++;
    else if (c === '#') break;
    else if (c === ';') {
      finish();
      at++;
    } else if (c === '|') {
      finish(restOf(line, at + 1));
      return found;
    } else {
      const word = readWord(line, at);
      if (word.open !== undefined) throw unterminated(line, word.open);
      words.push(word);
      at = word.to;
    }
  }
  finish();
  return found;
}

/** All that follows, without the blanks around it. */
function restOf(line: string, from: number): Word {
  const text = line.slice(from).trim();
  const start = text === '' ? line.length : line.indexOf(text, from);
  return { text, from: start, to: start + text.length };
}

/** A word that may still be being typed. */
export interface TypedWord extends Word {
  /** Where a quote stands that nothing closes. */
  readonly open?: number;
}

/** The word that begins at `from`; it ends before a blank, `;` or `|`, or where the line ends. */
export function readWord(line: string, from: number): TypedWord {
  let text = '';
  let at = from;
  while (at < line.length) {
    const c = line[at] as string;
    if (isBlank(c) || c === ';' || c === '|') break;
    if (c === '\\' && at + 1 < line.length) {
      text += line[at + 1];
      at += 2;
    } else if (c === "'" || c === '"') {
      const end = closingQuote(line, at);
      const inside = line.slice(at + 1, end);
      text += c === '"' ? inside.replace(/\\(["\\])/g, '$1') : inside;
      if (end === undefined) return { text, from, to: line.length, open: at };
      at = end + 1;
    } else {
      text += c;
      at++;
    }
  }
  return { text, from, to: at };
}

/** Index of the quote that closes the one at `open`, if any; inside "…" a backslash protects the next character. */
function closingQuote(line: string, open: number): number | undefined {
  const quote = line[open];
  for (let at = open + 1; at < line.length; at++) {
    if (quote === '"' && line[at] === '\\') at++;
    else if (line[at] === quote) return at;
  }
  return undefined;
}

function unterminated(line: string, open: number): ImageError {
  return new ImageError({
    code: 'unterminated-quote',
    what: `the quote ${line[open]} at character ${open + 1} is never closed`,
    tryThis: 'put a backslash before it to take it as a character',
  });
}

export function isBlank(c: string): boolean {
  return c === ' ' || c === '\t' || c === '\n' || c === '\r';
}

/** A word as it must be typed at the prompt to be read back as itself: letters of any script and brackets stay bare. */
export function asTyped(text: string): string {
  return /^[\p{L}\p{M}\p{N}_@%+=:,./[\]~-]+$/u.test(text) ? text : quoted(text);
}

/** A word as it must be typed, at the prompt or in a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
