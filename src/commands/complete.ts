/** Tab at the prompt: names of commands, then the flags and words that the command's declaration knows. */
import { CATALOG } from './catalog.ts';
import { commandNamed } from './help.ts';

/** As node:readline asks: what could stand there, and the part of the line it would replace. */
export function completions(line: string): [string[], string] {
  const statement = line.slice(line.lastIndexOf(';') + 1).trimStart();
  const words = statement.split(/\s+/);
  const last = words[words.length - 1] ?? '';
  if (words.length < 2)
    return [
      startingWith(
        CATALOG.map((c) => c.name),
        last,
      ),
      last,
    ];
  const command = commandNamed(CATALOG, words[0] as string);
  if (!command) return [[], last];
  if (last.startsWith('-')) {
    const flags = Object.entries(command.flags).flatMap(([name, { param }]) => {
      const long = `--${name}`;
      if (!param) return [long];
      return param.choices().length > 0 ? param.choices().map((choice) => `${long}=${choice}`) : [`${long}=`];
    });
    return [startingWith(flags, last), last];
  }
  const position = words.slice(1, -1).filter((word) => !word.startsWith('-')).length;
  const choices =
    command.name === 'help' ? CATALOG.map((c) => c.name) : (Object.values(command.params)[position]?.choices() ?? []);
  return [startingWith(choices, last), last];
}

function startingWith(all: readonly string[], start: string): string[] {
  return all.filter((word) => word.startsWith(start));
}
