/**
 * What may stand behind `|`: a command that takes what the one before it answers (`map | setmap`), or a program. A
 * command's name means the command; `./setmap` means the program.
 */
import { ImageError } from '../errors.ts';
import { CATALOG } from './catalog.ts';
import type { Command } from './command.ts';
import { commandNamed } from './help.ts';
import { type Statement, statements, type Word } from './line.ts';
import type { MapView, View } from './view.ts';

/**
 * The commands of a line, those together that hand a view on. Behind a command that takes a view the line is Platter's
 * own language again: `map | setmap; plan` is two commands, where `map | less; plan` is one with a shell's text.
 * Throws ImageError `unterminated-quote`.
 */
export function chains(line: string): Statement[][] {
  return statements(line).flatMap((statement) => {
    const { pipe } = statement;
    if (!pipe || !receiverBehind(pipe)) return [[statement]];
    const [next = [], ...others] = chains(pipe.text);
    return [[statement, ...next], ...others];
  });
}

/** The command behind the pipe, where it is one that takes a view; undefined: it is a program. */
export function receiverBehind({ text }: Word): Command | undefined {
  const command = commandNamed(CATALOG, firstWord(text));
  return command?.takes === undefined ? undefined : command;
}

/** The first word, where that is a plain name. */
function firstWord(program: string): string {
  return /^[\w-]+(?=$|[\s;|#])/.exec(program)?.[0] ?? '';
}

/** Throws ImageError `no-command` or `no-program` when there is nothing on one side of a pipe. */
export function checkPipe(words: readonly Word[], pipe: Word | undefined): void {
  if (words.length === 0) {
    throw new ImageError({ code: 'no-command', what: 'no command stands before the |', tryThis: 'map | less' });
  }
  if (pipe?.text !== '') return;
  throw new ImageError({
    code: 'no-program',
    what: 'nothing stands behind the |',
    tryThis: "a program, or setmap; '|' in quotes for the character itself",
  });
}

/** The view a receiver asked for. Throws ImageError `wrong-input`. */
export function checkInput(view: View, { name }: Command, receiver: Command): MapView {
  if (view.kind === 'map' && view.kind === receiver.takes) return view;
  throw new ImageError({
    code: 'wrong-input',
    what: `${receiver.name} takes a ${receiver.takes}, and ${name} answers none`,
    tryThis: `${receiver.takes} | ${receiver.name}`,
  });
}

/** Where commands run without a terminal or processes around them. */
export function noPrograms(): ImageError {
  return new ImageError({ code: 'no-programs', what: 'programs cannot be run from here' });
}

/** A program that was not found may have been meant as a command. */
export function notStarted(error: unknown, program: string | undefined): unknown {
  if (!(error instanceof ImageError) || program === undefined) return error;
  const command = commandNamed(CATALOG, firstWord(program));
  if (!command) return error;
  const { code, what } = error;
  return new ImageError({
    code,
    what: `${what}, and the command ${command.name} takes no input`,
    tryThis: '; between two commands',
  });
}
