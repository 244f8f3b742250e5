/**
 * Help of the subcommands, by yargs. Loaded only for that: a command that is typed correctly is parsed by parse.ts,
 * from the same declarations.
 */
import yargs, { type Argv } from 'yargs';
import { PROGRAM_FLAGS, subcommandUsage } from './argv.ts';
import { CATALOG } from './catalog.ts';
import { type Command, detailsOf, usage } from './command.ts';
import { shellLine } from './examples.ts';
import { described, wrapped } from './help.ts';
import { CALLS, EXIT_STATUS, NUMBERS, PROMISE } from './manual.ts';
import type { Flags } from './params.ts';

const WIDTH = 100;

const EPILOGUE = [
  CALLS,
  NUMBERS,
  PROMISE,
  `Exit status: ${EXIT_STATUS.map(([status, meaning]) => `${status} ${meaning}`).join('; ')}.`,
]
  .map((paragraph) => wrapped(paragraph, WIDTH))
  .join('\n\n');

/** Help of the program, or of one subcommand. */
export async function showHelp(name: string | undefined, write: (text: string) => void): Promise<void> {
  const command = CATALOG.find((c) => c.name === name || c.aliases?.includes(name ?? ''));
  const parser = command ? commandHelp(command) : programHelp();
  write(`${await parser.getHelp()}\n`);
}

function base(): Argv {
  return yargs([])
    .scriptName('platter')
    .locale('en')
    .exitProcess(false)
    .version(false)
    .help(false)
    .wrap(WIDTH)
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'greedy-arrays': false,
    });
}

function programHelp(): Argv {
  let parser = withFlags(
    base().usage('platter COMMAND [OPTIONS] IMAGE [ARGUMENTS]\nplatter [OPTIONS] [IMAGE]'),
    PROGRAM_FLAGS,
  );
  for (const command of subcommands()) {
    parser = parser.command(signature(command), command.summary, (y) => withFlags(y, command.flags));
  }
  return parser.epilogue(EPILOGUE);
}

/** What to type comes first. */
function commandHelp(command: Command): Argv {
  const { name, summary, params, flags, examples, place } = command;
  const tried = examples.map((example) => `  ${shellLine(command, example)}`).join('\n');
  const outside = place === 'image' || place === 'files';
  const call = outside ? subcommandUsage(command) : `at the prompt: ${usage(command)}`;
  let parser = base().usage(`${name}: ${summary}\n\n${tried}\n\nUsage: ${call}`);
  for (const param of Object.values(params)) {
    parser = parser.positional(param.placeholder, { type: 'string', describe: described(param) });
  }
  parser = withFlags(withFlags(parser, flags), PROGRAM_FLAGS);
  const details = detailsOf(command);
  return details ? parser.epilogue(wrapped(details)) : parser;
}

function subcommands(): readonly Command[] {
  return CATALOG.filter(({ place }) => place === 'image' || place === 'files');
}

function signature({ name, place, params }: Command): string {
  const words = Object.values(params).map(({ placeholder, fallback, rest }) => {
    const word = rest ? `${placeholder}…` : placeholder;
    return fallback ? `[${word}]` : `<${word}>`;
  });
  return [name, ...(place === 'image' ? ['<IMAGE>'] : []), ...words].join(' ');
}

function withFlags(parser: Argv, flags: Flags): Argv {
  return Object.entries(flags).reduce((y, [name, { short, doc, param }]) => {
    const type = param ? ('string' as const) : ('boolean' as const);
    const choices = param && param.choices().length > 0 ? param.choices() : undefined;
    return y.option(name, {
      alias: short === name ? undefined : short,
      type,
      describe: doc,
      choices,
      nargs: param ? 1 : 0,
    });
  }, parser);
}
