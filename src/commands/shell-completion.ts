/**
 * Tab in the user's shell: `platter ma<Tab>`. The scripts of completion-scripts.ts ask for it with each Tab, so it
 * reads declarations and nothing else: no image is opened, and files are left to the shell, which knows its own
 * quoting.
 *
 * The answer is a line a word, `word`, a tab and what it means; `:files` in place of a word asks for file names as
 * well, and what follows it is the part of the word that comes before the name: `:files --rollback=`.
 */
import { headOf, PROGRAM_FLAGS } from './argv.ts';
import { rolesOf } from './at-cursor.ts';
import { CATALOG } from './catalog.ts';
import type { Command } from './command.ts';
import { candidates, type Found } from './complete.ts';
import { commandNamed } from './help.ts';
import { isBlank, readWord } from './line.ts';
import { file, optional, type Params } from './params.ts';

interface Answer {
  readonly found: readonly Found[];
  /** File names too, behind this part of the word. */
  readonly files?: string;
}

/** `words` after the program's name, the last one being typed. */
export function shellCompletion(words: readonly string[]): string[] {
  const { found, files } = answer(words);
  return [
    ...found.map(({ value, note }) => (note === undefined ? value : `${value}\t${note}`)),
    ...(files === undefined ? [] : [`:files ${files}`.trimEnd()]),
  ];
}

/**
 * For bash, which cuts words at = and : and replaces the piece: `line` up to the cursor, the program's name included,
 * and the `piece` that bash is going to replace.
 */
export function bashCompletion(line: string, piece: string): string[] {
  const words = shellWords(line).slice(1);
  const word = words.at(-1) ?? '';
  const cut = word.endsWith(piece) ? word.length - piece.length : 0;
  return shellCompletion(words).map((row) => (row.startsWith(':') ? row : row.slice(cut)));
}

/** The words of a shell's line, an empty one where the next would begin. */
function shellWords(line: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (isBlank(line[at] as string)) {
      at++;
      continue;
    }
    const word = readWord(line, at);
    words.push(word.text);
    // What is no word ends the command; a shell does not ask behind it.
    at = Math.max(word.to, at + 1);
  }
  return line === '' || isBlank(line[line.length - 1] as string) ? [...words, ''] : words;
}

function answer(words: readonly string[]): Answer {
  const before = words.slice(0, -1);
  const head = headOf(before);
  const command = head === undefined ? undefined : commandNamed(CATALOG, before[head] as string);
  if (command && !isSubcommand(command)) return { found: [] };
  const texts = ['platter', ...(command ? words.filter((_, i) => i !== head) : words)];
  const subject = asTyped(command);
  const role = rolesOf(subject, texts).at(-1);
  const typed = texts[texts.length - 1] as string;
  if (before.includes('--') && typed.startsWith('-')) return { found: [], files: '' };
  if (role?.kind === 'value' && role.param.completes === 'file') {
    return { found: [], files: typed.slice(0, role.attached) };
  }
  if (role?.kind === 'argument' && typed !== '-' && role.param?.completes === 'file') {
    return { found: head === undefined ? subcommands(typed) : [], files: '' };
  }
  return { found: candidates(subject, texts, texts.length - 1, {}) };
}

function isSubcommand({ place, name }: Command): boolean {
  return place === 'image' || place === 'files' || name === 'help';
}

function subcommands(typed: string): Found[] {
  return CATALOG.filter((command) => isSubcommand(command) && command.name.startsWith(typed)).map(
    ({ name, summary }) => ({ value: name, note: summary }),
  );
}

const IMAGE = optional(file('IMAGE', 'the image'), undefined);

/** A subcommand with what stands around it, or the program without one. */
function asTyped(command: Command | undefined): Command {
  const base = command ?? (commandNamed(CATALOG, 'help') as Command);
  const image: Params = !command || command.place === 'image' ? { image: IMAGE } : {};
  return {
    ...base,
    params: { ...image, ...(command?.params ?? {}) },
    flags: { ...command?.flags, ...PROGRAM_FLAGS },
  };
}
