/** The row under the prompt: how the command is used, with the argument under the cursor, and what is wrong so far. */
import { ImageError } from '../errors.ts';
import { type Role, rolesOf, wordAtCursor } from './at-cursor.ts';
import { CATALOG } from './catalog.ts';
import { argumentText, type Command } from './command.ts';
import { commandNamed, described, notFound } from './help.ts';
import { flagValue } from './parse.ts';

export interface HintPart {
  readonly text: string;
  /** The argument or flag that the cursor is on. */
  readonly current: boolean;
}

export interface Hint {
  /** The usage, in words to be joined by blanks; or the commands that begin as typed. */
  readonly parts: readonly HintPart[];
  /** What the argument under the cursor means, or what the command does. */
  readonly doc?: string;
  /** What is wrong with the line so far. */
  readonly problem?: string;
}

/** Undefined where there is nothing to say: an empty line, a comment. */
export function hintAt(line: string, cursor: number): Hint | undefined {
  const at = wordAtCursor(line, cursor);
  const name = at?.words[0]?.text;
  if (!at || name === undefined || name === '') return undefined;
  const command = commandNamed(CATALOG, name) ?? (at.index === 0 ? onlyOne(name) : undefined);
  if (!command) return at.piped ? undefined : unknown(name, at.index === 0);
  const texts = at.words.map(({ text }) => text);
  const roles = rolesOf(command, texts);
  const role = roles[at.index] as Role;
  return {
    parts: usageParts(command, role),
    doc: docOf(command, role),
    problem: problemIn(command, texts, roles, at.index),
  };
}

function onlyOne(start: string): Command | undefined {
  const found = CATALOG.filter(({ name }) => name.startsWith(start));
  return found.length === 1 ? found[0] : undefined;
}

function unknown(name: string, typing: boolean): Hint {
  const begun = typing ? CATALOG.filter((command) => command.name.startsWith(name)) : [];
  if (begun.length > 0) return { parts: begun.map((command) => ({ text: command.name, current: false })) };
  const { what, tryThis } = notFound(CATALOG, name);
  return { parts: [], problem: tryThis === undefined ? what : `${what}. Did you mean ${tryThis}?` };
}

function usageParts(command: Command, role: Role): HintPart[] {
  const on = role.kind === 'flag' || role.kind === 'value' ? role.flag?.name : undefined;
  const flags = Object.entries(command.flags).map(([name, { short, param }]) => ({
    text: `[${short ? `-${short}` : `--${name}`}${param ? ` ${param.placeholder}` : ''}]`,
    current: name === on,
  }));
  const params = Object.values(command.params).map((param) => ({
    text: argumentText(param),
    current: role.kind === 'argument' && role.param === param,
  }));
  return [{ text: command.name, current: false }, ...flags, ...params];
}

function docOf(command: Command, role: Role): string {
  if (role.kind === 'argument' && role.param) return described(role.param);
  if (role.kind === 'value') return described(role.param);
  if (role.kind === 'flag' && role.flag) return role.flag.flag.doc;
  return command.summary;
}

/** The first thing that is wrong, as far as it is typed. The word under the cursor may still become right. */
function problemIn(
  command: Command,
  texts: readonly string[],
  roles: readonly Role[],
  index: number,
): string | undefined {
  for (const [i, role] of roles.entries()) {
    const text = texts[i] as string;
    const typing = i === index;
    if (role.kind === 'flag' && !role.flag && text !== '--' && !(typing && mayBecomeFlag(command, text))) {
      return `${command.name}: there is no option ${text}`;
    }
    if (role.kind === 'argument' && text !== '') {
      if (!role.param) return tooMany(command);
      const problem = complaint(() => role.param?.parse(text));
      if (problem && !(typing && mayBecome(role.param.choices(), text))) return problem;
    }
    if (role.kind === 'value') {
      const value = text.slice(role.attached);
      const problem = complaint(() => flagValue(role.flag.flag, [value]));
      const unfinished = typing && (role.param.completes === 'option' || mayBecome(role.param.choices(), value));
      if (problem && !unfinished) return problem;
    }
  }
  return undefined;
}

function tooMany({ name, params }: Command): string {
  const most = Object.keys(params).length;
  return `${name} takes ${most === 0 ? 'no arguments' : most === 1 ? 'one argument' : `at most ${most} arguments`}`;
}

function mayBecomeFlag({ flags }: Command, text: string): boolean {
  return text === '-' || Object.keys(flags).some((name) => `--${name}`.startsWith(text));
}

function mayBecome(choices: readonly string[], text: string): boolean {
  return text === '' || text === '-' || /^0x$/i.test(text) || choices.some((choice) => choice.startsWith(text));
}

function complaint(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return error.what;
  }
}
