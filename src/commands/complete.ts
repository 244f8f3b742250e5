/**
 * Tab at the prompt: what could stand at the cursor. Names of commands, their flags and the words an argument may be
 * come from the declarations; files from the folder; fields, steps and offsets from who asks.
 *
 * Invariant: an answer replaces one whole word up to the cursor, and reads back as `value` when the line is parsed.
 */
import { hex } from '../bytes/size.ts';
import { listFiles } from '../host/list-files.ts';
import type { Debugger } from '../session/debugger.ts';
import { targetFormats, targetOptions } from '../session/formats.ts';
import { listedProposals } from '../session/repair.ts';
import { type Role, rolesOf, wordAtCursor } from './at-cursor.ts';
import { CATALOG } from './catalog.ts';
import type { Command } from './command.ts';
import { commandNamed } from './help.ts';
import { asTyped } from './line.ts';
import type { Param } from './params.ts';

/** What only the session and the screen know. Asked when Tab is pressed. */
export interface CompletionContext {
  /** Paths of fields that begin so, as `print` takes them. */
  fields?(start: string): readonly string[];
  /** Places on the screen, the nearest to the cursor first. */
  offsets?(): readonly SeenOffset[];
  /** The steps taken. */
  steps?(): readonly { readonly number: number; readonly line: string }[];
  /** The names of their branches. */
  forks?(): readonly string[];
  /** What `repair` proposed last. */
  proposals?(): readonly { readonly change: string }[];
}

export interface SeenOffset {
  /** Bytes. */
  readonly offset: number;
  /** What is there: `guest`, `L2 table`. */
  readonly note?: string;
}

export interface CompletionItem {
  /** What stands in the line, quoted where it must be. */
  readonly text: string;
  /** The word it means. */
  readonly value: string;
  /** How a list shows it: the part that differs. */
  readonly label: string;
  readonly note?: string;
  /** The word goes on: a folder, `--sort=`. Otherwise a blank follows it. */
  readonly more: boolean;
}

export interface Completion {
  /** The part of the line that an item replaces: characters, end exclusive. */
  readonly from: number;
  readonly to: number;
  /** The word so far, as it is meant. */
  readonly typed: string;
  /** At most ITEM_LIMIT. */
  readonly items: readonly CompletionItem[];
}

const ITEM_LIMIT = 500;

/** A word that could stand there. */
export interface Found {
  readonly value: string;
  readonly label?: string;
  readonly note?: string;
  readonly more?: boolean;
}

/** What could stand before the cursor. Undefined where nothing is to be completed: a comment, a command nobody knows. */
export function completionAt(line: string, cursor: number, context: CompletionContext): Completion | undefined {
  const at = wordAtCursor(line.slice(0, cursor), cursor);
  const word = at?.words[at.index];
  if (!at || !word) return undefined;
  const found = at.index === 0 ? commands(word.text, at.piped) : inCommand(at.words, at.index, context);
  const items = found.slice(0, ITEM_LIMIT).map(({ value, label = value, note, more = false }) => {
    return { text: asTyped(value), value, label, note, more };
  });
  return { from: word.from, to: cursor, typed: word.text, items };
}

function inCommand(words: readonly { text: string }[], index: number, context: CompletionContext): readonly Found[] {
  const texts = words.map(({ text }) => text);
  const command = commandNamed(CATALOG, texts[0] as string);
  return command ? candidates(command, texts, index, context) : [];
}

/** What could stand in place of word `index` of a command; word 0 is its name. */
export function candidates(
  command: Command,
  texts: readonly string[],
  index: number,
  context: CompletionContext,
): readonly Found[] {
  const typed = texts[index] as string;
  const role = rolesOf(command, texts)[index] as Role;
  if (role.kind === 'value') {
    const before = typed.slice(0, role.attached);
    return values(role.param, typed.slice(role.attached), texts, context).map((found) => ({
      ...found,
      value: before + found.value,
      label: found.label ?? found.value,
    }));
  }
  if (role.kind === 'flag' || typed === '-') return flags(command, typed, texts);
  return role.kind === 'argument' && role.param ? values(role.param, typed, texts, context) : [];
}

/** Aliases are for those who know them: they complete only when nothing else does. */
function commands(typed: string, piped = false): Found[] {
  const all = piped ? CATALOG.filter(({ takes }) => takes !== undefined) : CATALOG;
  const named = all.filter(({ name }) => name.startsWith(typed));
  if (named.length > 0) return named.map(({ name, summary }) => ({ value: name, note: summary }));
  return all.flatMap(({ aliases = [], name }) =>
    aliases.filter((alias) => alias.startsWith(typed)).map((alias) => ({ value: alias, note: name })),
  );
}

/** Those not given yet. */
function flags(command: Command, typed: string, texts: readonly string[]): Found[] {
  const given = rolesOf(command, texts).flatMap((role) => ('flag' in role && role.flag ? [role.flag.name] : []));
  return Object.entries(command.flags)
    .filter(([name]) => !given.includes(name) || typed === `--${name}` || typed === `-${command.flags[name]?.short}`)
    .map(([name, { doc, param, short }]) => {
      const long = name.length > 1;
      if (!long || (short === typed[1] && typed.length === 2)) return { value: `-${short ?? name}`, note: doc };
      return { value: param ? `--${name}=` : `--${name}`, note: doc, more: param !== undefined };
    })
    .filter(({ value }) => value.startsWith(typed));
}

function values(
  param: Param<unknown>,
  typed: string,
  texts: readonly string[],
  context: CompletionContext,
): readonly Found[] {
  const choices = param
    .choices()
    .filter((choice) => choice.startsWith(typed))
    .map((value) => ({ value }));
  // Where a name or a file may stand, files come when no name does.
  if (choices.length > 0 && param.completes === 'file') return choices;
  return [...choices, ...dynamic(param, typed, texts, context)];
}

function dynamic(
  { completes }: Param<unknown>,
  typed: string,
  texts: readonly string[],
  context: CompletionContext,
): readonly Found[] {
  switch (completes) {
    case 'file':
      return listFiles(typed).map(({ path, name, folder }) =>
        folder ? { value: `${path}/`, label: `${name}/`, more: true } : { value: path, label: name },
      );
    case 'command':
      return commands(typed);
    case 'field':
      return starting(
        (context.fields?.(typed) ?? []).map((value) => ({ value, more: /[.[]$/.test(value) })),
        typed,
      );
    case 'offset':
      return starting(
        (context.offsets?.() ?? []).map(({ offset, note }) => ({ value: hex(offset), note })),
        typed,
      );
    case 'step':
      return starting(
        (context.steps?.() ?? []).map(({ number, line }) => ({ value: String(number), note: line })),
        typed,
      );
    case 'fork':
      return starting(
        (context.forks?.() ?? []).map((value) => ({ value })),
        typed,
      );
    case 'proposal':
      return proposals(typed, context);
    case 'option':
      return options(typed, texts);
    case undefined:
      return [];
  }
}

function starting(found: readonly Found[], typed: string): readonly Found[] {
  return found.filter(({ value }) => value.startsWith(typed));
}

/** Numbers of proposals; those before a comma stay. */
function proposals(typed: string, context: CompletionContext): readonly Found[] {
  const begun = typed.slice(0, typed.lastIndexOf(',') + 1);
  const given = begun.split(',');
  return (context.proposals?.() ?? [])
    .map(({ change }, i) => ({ value: `${begun}${i + 1}`, label: String(i + 1), note: change }))
    .filter(({ value, label }) => value.startsWith(typed) && !given.includes(label));
}

/** The keys of `-o` for the format the line names, or for all; those before a comma stay. */
function options(typed: string, texts: readonly string[]): Found[] {
  const begun = typed.slice(0, typed.lastIndexOf(',') + 1);
  const last = typed.slice(begun.length);
  const named = targetFormats().filter((format) => texts.includes(format));
  const known = (named.length > 0 ? named : targetFormats()).flatMap((format) => Object.entries(targetOptions(format)));
  const given = begun.split(',').map((pair) => pair.split('=')[0]);
  return [...new Map(known)]
    .filter(([key]) => key.startsWith(last) && !given.includes(key))
    .map(([key, note]) => ({ value: `${begun}${key}=`, label: `${key}=`, note, more: true }));
}

/** What the open image tells, whichever it is when Tab is pressed; the screen adds the offsets it shows. */
export function sessionContext(host: Debugger): CompletionContext {
  return {
    fields: (start) => host.session?.image.fieldNames(start) ?? [],
    steps: () => host.session?.steps ?? [],
    forks: () => host.session?.forks.map(({ name }) => name) ?? [],
    proposals: () => (host.session ? listedProposals(host.session) : []),
  };
}

/** As node:readline asks, for the line before the cursor. */
export function completions(line: string, context: CompletionContext = {}): [string[], string] {
  const { items, from, to } = completionAt(line, line.length, context) ?? { items: [], from: 0, to: 0 };
  return [items.map(({ text, more }) => (more ? text : `${text} `)), line.slice(from, to)];
}
