/** All commands, and how a line finds its own. */
import { aioFlush, breakAt, removeBreak, resume, waitBreak } from './breakpoints.ts';
import { type Command, usageLine } from './command.ts';
import { TEXTS, type Text } from './command-texts.ts';
import { close, open, quit, reopenCommand } from './opening.ts';
import { abort, sigraise, sleep } from './process.ts';
import { aioRead, read, readv } from './read.ts';
import type { Shell } from './shell.ts';
import { alloc, discard, flush, info, length, map, truncate } from './sizes.ts';
import { aioWrite, write, writev } from './write.ts';

const help: Command = {
  name: 'help',
  alias: '?',
  least: 0,
  most: 1,
  needsNoFile: true,
  run({ voice }, [about]) {
    if (about === undefined) {
      for (const { name } of COMMANDS) voice.say(usageLine(name));
      voice.say("\nUse 'help commandname' for extended help.\n");
      return true;
    }
    const command = commandNamed(about);
    if (!command) {
      voice.say(`command ${about} not found\n`);
      return false;
    }
    voice.say(usageLine(command.name, about) + ((TEXTS[command.name] as Text).more ?? ''));
    return true;
  },
};

/** In the order of `help`. */
export const COMMANDS: readonly Command[] = [
  abort,
  aioFlush,
  aioRead,
  aioWrite,
  alloc,
  breakAt,
  close,
  discard,
  flush,
  help,
  info,
  length,
  map,
  open,
  quit,
  read,
  readv,
  removeBreak,
  reopenCommand,
  resume,
  sigraise,
  sleep,
  truncate,
  waitBreak,
  write,
  writev,
];

export function commandNamed(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name || command.alias === name);
}

/** Runs a line: words between spaces, without quotes or comments. Answers whether all went well. */
export function runLine(shell: Shell, line: string): boolean {
  const { voice } = shell;
  const [called, ...words] = line.split(' ').filter((word) => word !== '');
  if (called === undefined) return true;
  const command = commandNamed(called);
  if (!command) {
    voice.grumble(`command "${called}" not found\n`);
    return false;
  }
  if (!command.needsNoFile && !shell.isOpen) {
    voice.grumble("no file open, try 'help open'\n");
    return false;
  }
  const { least, most } = command;
  if (words.length < least || words.length > most) {
    const expected =
      most === Number.POSITIVE_INFINITY
        ? `at least ${least}`
        : least === most
          ? String(least)
          : `between ${least} and ${most}`;
    voice.grumble(`bad argument count ${words.length} to ${called}, expected ${expected} arguments\n`);
    return false;
  }
  if (command.writes && shell.volume.flags.readOnly) {
    voice.complain('Block node is read-only');
    return false;
  }
  return command.run(shell, words, called);
}
