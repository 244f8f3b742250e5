/**
 * What a lesson's text may run. A lesson may come from a stranger: its lines look at the practice copy and change it,
 * and reach no other file and no other program.
 *
 * Invariants:
 *  1. Only commands named here, with arguments that parse.
 *  2. No argument names a file; no character leads out of Platter.
 */
import { ImageError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { commandNamed } from '../help.ts';
import { statements } from '../line.ts';
import { parse, type Values } from '../parse.ts';

/** They stage nothing and write nothing. */
export const LOOKING: ReadonlySet<string> = new Set([
  'alloc',
  'check',
  'diff',
  'explain',
  'forks',
  'getopts',
  'info',
  'length',
  'map',
  'plan',
  'print',
  'status',
  'steps',
  'whois',
  'x',
]);

/** They stage, or write to the practice copy. */
export const CHANGING: ReadonlySet<string> = new Set([
  'commit',
  'convert',
  'convert-inplace',
  'copy',
  'copy-header',
  'discard',
  'finish',
  'fork',
  'goto',
  'next',
  'open-target',
  'redo',
  'repair',
  'set',
  'setmap',
  'step',
  'switch',
  'undo',
  'until',
]);

/** Pipes, other programs, redirection, and line ends. */
const LEADS_OUT = /[|!<>`$\u0000-\u001f]/;

/** Whether a command that went well may have changed the copy. */
export function isChange(name: string): boolean {
  return CHANGING.has(name);
}

/** One command of a script's line, parsed. */
export interface Parsed {
  readonly command: Command;
  readonly values: Values;
  readonly text: string;
  /** It has no arguments at all. */
  readonly bare: boolean;
}

export type Catalog = () => readonly Command[];

/**
 * What a line may hold: commands that only look; those that change the copy too; or also the bare name of one, which
 * stands for it with whatever arguments.
 */
export type LineKind = 'looking' | 'any' | 'named';

/** The commands of a line. Throws ImageError `lesson-line`, or what parsing the arguments throws. */
export function parsedLine(line: string, kind: LineKind, catalog: Catalog): Parsed[] {
  const bad = LEADS_OUT.exec(line);
  if (bad) throw refused(`the character ${JSON.stringify(bad[0])} may not stand in a lesson's line`);
  const found = statements(line).map(({ words, text }) => {
    const [name, ...rest] = words.map((word) => word.text);
    const command = commandNamed(catalog(), name as string);
    if (!command) throw refused(`there is no command '${name}'`);
    const { name: known } = command;
    if (!LOOKING.has(known) && (kind === 'looking' || !CHANGING.has(known))) {
      throw refused(
        kind === 'looking' ? `'${known}' is no command that only looks` : `'${known}' may not be used here`,
      );
    }
    const bare = rest.length === 0;
    const values = bare && kind === 'named' ? {} : parse(command, rest);
    refuseFiles(command, values);
    return { command, values, text, bare };
  });
  if (found.length === 0) throw refused('there is no command');
  return found;
}

function refuseFiles({ name, params, flags }: Command, values: Values): void {
  const named = [
    ...Object.entries(params).map(([key, param]) => [key, param] as const),
    ...Object.entries(flags).map(([key, flag]) => [key, flag.param] as const),
  ].filter(
    ([key, param]) => param && /^(FILE|IMAGE|PATH-OF-FILE)$/.test(param.placeholder) && values[key] !== undefined,
  );
  if (named.length > 0) throw refused(`${name} may not name a file`);
}

function refused(what: string): ImageError {
  return new ImageError({ code: 'lesson-line', what });
}
