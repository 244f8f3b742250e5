/** A declared example as a line for a shell: what the manual page and `platter COMMAND --help` show. */
import type { Command, Example } from './command.ts';
import { quoted } from './line.ts';

/** `platter map sample-images/start.qcow2 0 1M`; what only the prompt can do goes behind -c. */
export function shellLine({ name, place, aliases = [] }: Command, { line, image }: Example): string {
  const path = image === undefined ? undefined : `sample-images/${image}`;
  const [word = '', ...rest] = line.split(' ');
  const plain = !/[;|'"\\#]/.test(line) && (word === name || aliases.includes(word));
  if (plain && path !== undefined && place === 'image') return ['platter', word, path, ...rest].join(' ');
  if (plain && path === undefined && (place === 'files' || name === 'help')) return `platter ${line}`;
  const commands = line
    .replaceAll('IMAGE', path ?? 'IMAGE')
    .split(/ *; */)
    .map((part) => `-c ${quoted(part)}`);
  return ['platter', ...(path === undefined ? [] : [path]), ...commands].join(' ');
}
