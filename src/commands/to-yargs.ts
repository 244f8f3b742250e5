/**
 * Help of the subcommands, by yargs. Loaded only for that: a command that is typed correctly is parsed by parse.ts,
 * from the same declarations.
 */
import yargs, { type Argv } from 'yargs';
import { PROGRAM_FLAGS } from './argv.ts';
import { CATALOG } from './catalog.ts';
import { type Command, detailsOf } from './command.ts';
import { described, wrapped } from './help.ts';
import type { Flags } from './params.ts';

const EPILOGUE = `Without a subcommand: platter [IMAGE] opens a prompt (or reads commands from a pipe), and
platter IMAGE -c 'map 0 1M' -c check runs commands and exits. 'help' at the prompt lists all commands.

Numbers: 65536, 0x10000, 64k, 1.5M. A name that begins with - goes after --; a file named like a command is ./map.

In-place conversion never risks the image: at every instant, power loss included, the file is a valid image of the
old or of the new format with the same guest contents. The only assumption: one aligned sector of 512 bytes is
written wholly or not at all.

Exit status: 0 done; 1 refused or failed, or steps were left uncommitted; check: 0 clean, 2 corruption, 3 leaked
space only, 63 the format has nothing to check; map: 2 when an entry is invalid.`;

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
    .wrap(100)
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

function commandHelp(command: Command): Argv {
  const shown = command.place === 'image' || command.place === 'files';
  let parser = base().usage(`platter ${shown ? signature(command) : '[IMAGE]'}\n\n${command.summary}`);
  if (!shown) parser = parser.usage(`At the prompt: ${command.name}`);
  for (const param of Object.values(command.params)) {
    parser = parser.positional(param.placeholder, { type: 'string', describe: described(param) });
  }
  parser = withFlags(withFlags(parser, command.flags), PROGRAM_FLAGS);
  for (const { line, image } of command.examples) {
    parser = parser.example(shown && image ? subcommandLine(line, image) : line, '');
  }
  const details = detailsOf(command);
  return details ? parser.epilogue(wrapped(details)) : parser;
}

/** `map 0 1M` on start.qcow2, as a subcommand. */
function subcommandLine(line: string, image: string): string {
  const [name, ...rest] = line.split(' ');
  return ['platter', name, `sample-images/${image}`, ...rest].join(' ');
}

function subcommands(): readonly Command[] {
  return CATALOG.filter(({ place }) => place === 'image' || place === 'files');
}

function signature({ name, place, params }: Command): string {
  const words = Object.values(params).map(({ placeholder, fallback }) =>
    fallback ? `[${placeholder}]` : `<${placeholder}>`,
  );
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
