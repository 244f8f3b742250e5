/**
 * Which word of which command the cursor is on, in a line that may be half typed, and what that word is to the
 * command: a flag, a flag's value, or one of its arguments. For completion and for the usage hint.
 */
import { CATALOG } from './catalog.ts';
import type { Command } from './command.ts';
import { commandNamed } from './help.ts';
import { isBlank, readWord, shellCommand, type TypedWord } from './line.ts';
import type { Flag, Param } from './params.ts';

export interface AtCursor {
  /** Of the command under the cursor; where the cursor is on no word, an empty one stands for it. */
  readonly words: readonly TypedWord[];
  /** Which of them the cursor is on. */
  readonly index: number;
  /** The command stands behind `|`: it is one that takes a view, or the name is not finished. */
  readonly piped: boolean;
}

/** Undefined in a comment, and where a shell reads the line: after `!`, and behind `|` before a program. */
export function wordAtCursor(line: string, cursor: number): AtCursor | undefined {
  const all = typedStatements(line);
  const statement = all.findLast(({ from }) => from <= cursor);
  if (!statement || cursor > statement.to) return undefined;
  const { words, piped } = statement;
  const on = words.findIndex(({ from, to }) => from <= cursor && cursor <= to);
  if (on >= 0) return { words, index: on, piped };
  const before = words.filter(({ to }) => to < cursor);
  const gap: TypedWord = { text: '', from: cursor, to: cursor };
  return { words: [...before, gap, ...words.slice(before.length)], index: before.length, piped };
}

/** Where commands stand in the line: the first word of each statement. */
export function commandWords(line: string): TypedWord[] {
  return typedStatements(line).flatMap(({ words }) => words.slice(0, 1));
}

interface TypedStatement {
  readonly words: readonly TypedWord[];
  readonly piped: boolean;
  /** The part of the line that is this statement's: after the separator before it, up to the one that ends it. */
  readonly from: number;
  readonly to: number;
}

/** As `chains` in pipe.ts cuts a line, but for one that may be unfinished or wrong. */
function typedStatements(line: string): TypedStatement[] {
  if (shellCommand(line) !== undefined) return [];
  const found: TypedStatement[] = [];
  let words: TypedWord[] = [];
  let piped = false;
  let from = 0;
  let at = 0;
  while (at < line.length && line[at] !== '#') {
    const c = line[at] as string;
    if (c === ';' || c === '|') {
      found.push({ words, piped, from, to: at });
      // A pipe with nothing before it leads nowhere.
      if (c === '|' && words.length === 0) return found;
      words = [];
      piped = c === '|';
      from = ++at;
    } else if (isBlank(c)) at++;
    else {
      const word = readWord(line, at);
      // A program behind a pipe; the last word may still become a command.
      if (piped && words.length === 0 && !takesView(word.text) && word.to < line.length) return found;
      words.push(word);
      at = word.to;
    }
  }
  found.push({ words, piped, from, to: at });
  return found;
}

function takesView(name: string): boolean {
  return commandNamed(CATALOG, name)?.takes !== undefined;
}

/** What a word is to its command. */
export type Role =
  | { readonly kind: 'command' }
  | { readonly kind: 'flag'; readonly flag?: NamedFlag }
  /** The value of a flag. `attached`: how many characters of the word come before it: `--sort=`. */
  | { readonly kind: 'value'; readonly flag: NamedFlag; readonly param: Param<unknown>; readonly attached: number }
  /** `param` is absent where there is one argument too many. */
  | { readonly kind: 'argument'; readonly index: number; readonly param?: Param<unknown> };

export interface NamedFlag {
  readonly name: string;
  readonly flag: Flag<unknown>;
}

/** As parse.ts splits words, but for words that may be wrong or unfinished. One role a word. */
export function rolesOf(command: Command, words: readonly string[]): Role[] {
  const params = Object.values(command.params);
  const roles: Role[] = [{ kind: 'command' }];
  let count = 0;
  let waiting: NamedFlag | undefined;
  let flagsEnd = false;
  for (const text of words.slice(1)) {
    if (waiting?.flag.param) {
      roles.push({ kind: 'value', flag: waiting, param: waiting.flag.param, attached: 0 });
      waiting = undefined;
    } else if (!flagsEnd && text === '--') {
      flagsEnd = true;
      roles.push({ kind: 'flag' });
    } else if (!flagsEnd && text.startsWith('-') && text !== '-' && !/^-\.?\d/.test(text)) {
      const role = flagRole(command, text);
      roles.push(role);
      if (role.kind === 'flag' && role.flag?.flag.param) waiting = role.flag;
    } else {
      const last = params.at(-1);
      roles.push({ kind: 'argument', index: count, param: params[count] ?? (last?.rest ? last : undefined) });
      count++;
    }
  }
  return roles;
}

function flagRole(command: Command, text: string): Role {
  if (text.startsWith('--')) {
    const equals = text.indexOf('=');
    const flag = flagNamed(command, text.slice(2, equals < 0 ? undefined : equals));
    const param = flag?.flag.param;
    if (flag && param && equals >= 0) return { kind: 'value', flag, param, attached: equals + 1 };
    return { kind: 'flag', flag };
  }
  for (let at = 1; at < text.length; at++) {
    const flag = shortFlag(command, text[at] as string);
    if (!flag) return { kind: 'flag' };
    const { param } = flag.flag;
    if (!param && at + 1 < text.length) continue;
    const attached = text[at + 1] === '=' ? at + 2 : at + 1;
    return param && at + 1 < text.length ? { kind: 'value', flag, param, attached } : { kind: 'flag', flag };
  }
  return { kind: 'flag' };
}

function flagNamed({ flags }: Command, name: string): NamedFlag | undefined {
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
  return flag && { name, flag };
}

function shortFlag({ flags }: Command, letter: string): NamedFlag | undefined {
  const entry = Object.entries(flags).find(([, flag]) => flag.short === letter);
  return entry && { name: entry[0], flag: entry[1] };
}
