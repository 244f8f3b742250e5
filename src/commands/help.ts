/** Help, from the declarations. The list of commands comes in as a function, since help is in the list itself. */
import { ImageError } from '../errors.ts';
import { type Command, debuggerCommand, detailsOf, type Group, usage } from './command.ts';
import { nearest } from './nearest.ts';
import type { Flag, Param } from './params.ts';
import { optional, text } from './params.ts';
import { message, type View } from './view.ts';

export const GROUP_TITLES: Readonly<Record<Group, string>> = {
  image: 'Images',
  inspect: 'Looking',
  guest: 'Guest bytes',
  convert: 'Converting in place',
  session: 'Steps',
  help: 'Help',
};

export function helpCommand(catalog: () => readonly Command[]): Command {
  return debuggerCommand({
    name: 'help',
    aliases: ['?', 'h'],
    group: 'help',
    place: 'prompt',
    summary: 'List the commands, or explain one',
    params: {
      command: optional({ ...text('COMMAND', 'the command to explain'), completes: 'command' as const }, undefined),
    },
    flags: {},
    examples: [{ line: 'help' }, { line: 'help map' }],
    run(_host, { command }) {
      if (command === undefined) return overview(catalog());
      const found = commandNamed(catalog(), command);
      if (!found) throw notFound(catalog(), command);
      return explanation(found);
    },
  });
}

export function commandNamed(catalog: readonly Command[], name: string): Command | undefined {
  return catalog.find((command) => command.name === name || command.aliases?.includes(name));
}

/** qemu-io's words, and what was perhaps meant. */
export function notFound(catalog: readonly Command[], name: string): ImageError {
  const meant = nearest(
    name,
    catalog.map((command) => command.name),
  );
  return new ImageError({
    code: 'no-such-command',
    what: `command "${name}" not found`,
    tryThis: meant,
  });
}

function overview(catalog: readonly Command[]): View {
  const groups = [...new Set(catalog.map((command) => command.group))];
  const width = Math.max(...catalog.map((command) => command.name.length));
  const lines = groups.flatMap((group) => [
    `${GROUP_TITLES[group]}:`,
    ...catalog.filter((c) => c.group === group).map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`),
    '',
  ]);
  lines.push("Use 'help COMMAND' for extended help. Numbers: 65536, 0x10000, 64k, 1.5M.");
  const data = catalog.map((c) => ({ name: c.name, usage: usage(c), summary: c.summary }));
  return message(lines.join('\n'), { commands: data });
}

/** What to type comes first: the examples are run by the tests. */
function explanation(command: Command): View {
  const { name, summary, examples, aliases } = command;
  const width = Math.max(...examples.map(({ line }) => line.length));
  const tried = examples.map(({ line, image }) =>
    image ? `  ${line.padEnd(width)}    # on sample-images/${image}` : `  ${line}`,
  );
  const lines = [`${name}: ${summary}`, '', ...tried, '', wrapped(`Usage: ${usage(command)}`)];
  if (aliases?.length) lines.push(`Also: ${aliases.join(', ')}`);
  const details = detailsOf(command);
  if (details) lines.push('', wrapped(details));
  const rows = [
    ...Object.values(command.params).map((param) => [param.placeholder, described(param)] as const),
    ...Object.entries(command.flags).map(
      ([flag, given]) => [flagNames(flag, given), given.param ? described(given.param) : given.doc] as const,
    ),
  ];
  const first = rows.reduce((most, [word]) => Math.max(most, word.length), 0) + 4;
  const hanging = `\n${' '.repeat(first)}`;
  if (rows.length > 0) lines.push('');
  for (const [word, doc] of rows) {
    lines.push(`  ${word.padEnd(first - 2)}${wrapped(doc, WIDTH - first).replaceAll('\n', hanging)}`);
  }
  return message(lines.join('\n'), { name, usage: usage(command), summary, details, examples });
}

/** `-f, --format FORMAT`. */
export function flagNames(name: string, { short, param }: Flag<unknown>): string {
  const names = [...(short ? [`-${short}`] : []), ...(name.length > 1 ? [`--${name}`] : [])];
  return `${names.join(', ')}${param ? ` ${param.placeholder}` : ''}`;
}

/** The meaning of an argument, with the words it may be. */
export function described({ doc, choices }: Param<unknown>): string {
  const words = choices();
  return words.length > 0 ? `${doc} (${words.join(', ')})` : doc;
}

const WIDTH = 78;

/** Lines of at most `width` characters; line ends in the text stay. */
export function wrapped(text: string, width = WIDTH): string {
  const lines = text.split('\n').flatMap((line) => {
    const out = [''];
    for (const word of line.split(' ')) {
      const last = out[out.length - 1] as string;
      if (last !== '' && last.length + 1 + word.length > width) out.push(word);
      else out[out.length - 1] = last === '' ? word : `${last} ${word}`;
    }
    return out;
  });
  return lines.join('\n');
}
