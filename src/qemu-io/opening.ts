/** open, close, reopen, quit. */
import type { Command } from './command.ts';
import { optionsOf } from './command.ts';
import { type Dict, parseDict, Refused } from './dict.ts';
import { type Flags, flagOf } from './flags.ts';
import { openVolume } from './open.ts';
import { usage } from './read.ts';
import { reopen } from './reopen.ts';
import type { Shell } from './shell.ts';

/** Opens and takes it; says why not. `name`: binary, undefined where the options tell. */
export function openInto(shell: Shell, name: string | undefined, dict: Dict, flags: Flags): boolean {
  const { voice } = shell;
  if (shell.isOpen) {
    voice.complain("file open already, try 'help close'");
    return false;
  }
  if (flags.forceShare && (dict.get('force-share') ?? 'on') !== 'on') {
    voice.complain('-U conflicts with image options');
    return false;
  }
  try {
    shell.take(openVolume(shell, name, dict, flags));
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    voice.complain(`can't open${name === undefined ? '' : ` device ${name}`}: ${error.message}`);
    return false;
  }
}

export const open: Command = {
  name: 'open',
  alias: 'o',
  least: 1,
  most: Number.POSITIVE_INFINITY,
  needsNoFile: true,
  run(shell, words, called) {
    const { voice } = shell;
    let flags: Flags = shell.plain;
    let dict: Dict = new Map();
    const operands = optionsOf(voice, 'open', called, words, 'snCro:ki:t:d:U', (option, argument) => {
      if (option === 'o') {
        if (shell.imageOptions) {
          voice.say("--image-opts and 'open -o' are mutually exclusive\n");
          return false;
        }
        // A second -o adds to the first.
        dict = new Map([...dict, ...parseDict(voice, argument)]);
        return true;
      }
      const change = flagOf(option, argument);
      if (typeof change === 'string') voice.complain(change);
      else flags = { ...flags, ...change };
      return typeof change !== 'string';
    });
    if (!operands) return false;
    if (operands.length > 1) return usage(voice, 'open');
    const [name] = operands;
    if (shell.imageOptions && name !== undefined) return openInto(shell, undefined, parseDict(voice, name), flags);
    return openInto(shell, name, dict, flags);
  },
};

export const close: Command = {
  name: 'close',
  alias: 'c',
  least: 0,
  most: 0,
  run(shell) {
    shell.close();
    return true;
  },
};

export const quit: Command = {
  name: 'quit',
  alias: 'q',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  needsNoFile: true,
  run(shell) {
    shell.leaving = true;
    return true;
  },
};

export const reopenCommand: Command = {
  name: 'reopen',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  run(shell, words, called) {
    const { voice } = shell;
    let flags: Flags = shell.volume.flags;
    let access: 'r' | 'w' | undefined;
    let hasCache = false;
    let dict: Dict = new Map();
    const operands = optionsOf(voice, 'reopen', called, words, 'c:o:rw', (option, argument) => {
      if (option === 'o') {
        dict = new Map([...dict, ...parseDict(voice, argument)]);
        return true;
      }
      if (option === 'c') {
        hasCache = true;
        const change = flagOf('t', argument);
        if (typeof change === 'string') voice.complain(change);
        else flags = { ...flags, ...change };
        return typeof change !== 'string';
      }
      if (access !== undefined) {
        voice.complain('Only one -r/-w option may be given');
        return false;
      }
      access = option as 'r' | 'w';
      flags = { ...flags, readOnly: option === 'r' };
      return true;
    });
    if (!operands) return false;
    if (operands.length > 0) return usage(voice, 'reopen');
    if (dict.has('read-only') && access !== undefined) {
      voice.complain("Cannot set both -r/-w and 'read-only'");
      return false;
    }
    if ((dict.has('cache.direct') || dict.has('cache.no-flush')) && hasCache) {
      voice.complain('Cannot set both -c and the cache options');
      return false;
    }
    return reopen(shell, dict, flags);
  },
};
