/** write, writev, aio_write: guest bytes from a pattern, a file or nothing (zeros), in all the ways there are. */
import type { Strtosz } from '../bytes/strtosz.ts';
import type { Request } from '../device/events.ts';
import { readPattern } from '../host/pattern-file.ts';
import { type Command, optionsOf, secondsOf, since } from './command.ts';
import { errnoOf, strerror } from './errno.ts';
import { LONGEST_REQUEST, lengthArguments, patternArgument, sizeArgument } from './numbers.ts';
import { areSectors, rangeOf, usage } from './read.ts';
import { report } from './report.ts';
import type { Shell } from './shell.ts';
import { fromBinary, type Voice } from './voice.ts';
import type { Volume } from './volume.ts';

/** What is written where nothing else is asked for. */
const FILL = 0xcd;

interface Wishes {
  pattern: number;
  hasPattern: boolean;
  file: string | undefined;
  zeroes: boolean;
  mayUnmap: boolean;
  noFallback: boolean;
  throughCaches: boolean;
  compressed: boolean;
  toVmState: boolean;
  forMachines: boolean;
  quiet: boolean;
  invalid: boolean;
}

const FLAGS: Readonly<Record<string, keyof Wishes>> = {
  z: 'zeroes',
  u: 'mayUnmap',
  n: 'noFallback',
  f: 'throughCaches',
  c: 'compressed',
  b: 'toVmState',
  C: 'forMachines',
  q: 'quiet',
};

function wishes(): Wishes {
  return {
    pattern: FILL,
    hasPattern: false,
    file: undefined,
    zeroes: false,
    mayUnmap: false,
    noFallback: false,
    throughCaches: false,
    compressed: false,
    toVmState: false,
    forMachines: false,
    quiet: false,
    invalid: false,
  };
}

function takeWish(voice: Voice, wished: Wishes, option: string, argument: string): boolean {
  const flag = FLAGS[option];
  if (flag) Object.assign(wished, { [flag]: true });
  else if (option === 's') wished.file = argument;
  else if (option === 'P') {
    const pattern = patternArgument(voice, argument);
    if (pattern === undefined) return false;
    wished.pattern = pattern;
    wished.hasPattern = true;
  }
  return true;
}

/** The first thing that does not go together, in QEMU's order and words. */
function contradiction(wished: Wishes): string | undefined {
  const { toVmState, zeroes, throughCaches, compressed, noFallback, mayUnmap, hasPattern, file } = wished;
  if (toVmState && zeroes) return '-b and -z cannot be specified at the same time';
  if (throughCaches && (toVmState || compressed)) return '-f and -b or -c cannot be specified at the same time';
  if (noFallback && !zeroes) return '-n requires -z to be specified';
  if (mayUnmap && !zeroes) return '-u requires -z to be specified';
  if (Number(zeroes) + Number(hasPattern) + Number(file !== undefined) > 1)
    return 'Only one of -z, -P, and -s can be specified at the same time';
  return undefined;
}

export const write: Command = {
  name: 'write',
  alias: 'w',
  least: 2,
  most: Number.POSITIVE_INFINITY,
  writes: true,
  run(shell, words, called) {
    const { voice } = shell;
    const wished = wishes();
    const operands = optionsOf(voice, 'write', called, words, 'bcCfnpP:qs:uz', (option, argument) =>
      takeWish(voice, wished, option, argument),
    );
    if (!operands) return false;
    if (operands.length !== 2) return usage(voice, 'write');
    const wrong = contradiction(wished);
    if (wrong !== undefined) {
      voice.say(`${wrong}\n`);
      return false;
    }
    const offset = sizeArgument(voice, operands[0] as string);
    const length = offset && sizeArgument(voice, operands[1] as string);
    if (!length) return false;
    if (length.value > LONGEST_REQUEST && !wished.noFallback) {
      voice.say(`length cannot exceed ${LONGEST_REQUEST} without -n, given ${operands[1]}\n`);
      return false;
    }
    if ((wished.toVmState || wished.compressed) && !areSectors(voice, offset, length)) return false;
    const bytes = wished.zeroes ? new Uint8Array(0) : contents(shell, wished, length.value);
    if (!bytes) return false;
    const seconds = secondsOf(shell, 'write', () => requestOf(shell.volume, wished, offset.value, length.value, bytes));
    if (seconds === undefined) return false;
    tell(voice, wished, offset, length.value, seconds);
    return true;
  },
};

function requestOf(volume: Volume, wished: Wishes, offset: number, length: number, bytes: Uint8Array): Request {
  const { throughCaches, mayUnmap, noFallback } = wished;
  if (wished.toVmState) return volume.writeVmState(offset, bytes);
  if (wished.zeroes) return volume.writeZeroes(offset, length, { mayUnmap, noFallback }, throughCaches);
  if (wished.compressed) return volume.writeCompressed(offset, bytes);
  return volume.write(offset, bytes, throughCaches);
}

/** `length` bytes of the pattern or of the file, over and over; undefined when complained of. */
function contents(shell: Shell, wished: Wishes, length: number): Uint8Array | undefined {
  const { voice } = shell;
  const bytes = shell.scratch(length);
  if (wished.file === undefined) return bytes.fill(wished.pattern);
  const answer = readPattern(fromBinary(wished.file), bytes);
  if (typeof answer === 'object') {
    voice.grumble(`${wished.file}: ${strerror(answer.errno)}\n`);
    return undefined;
  }
  if (answer === 0) {
    voice.grumble(`${wished.file}: file is empty\n`);
    return undefined;
  }
  for (let done = answer; done < length; done *= 2) bytes.copyWithin(done, 0, Math.min(done, length - done));
  return bytes;
}

function tell(voice: Voice, wished: Wishes, offset: Strtosz, length: number, seconds: number): void {
  if (wished.quiet) return;
  const { forMachines } = wished;
  report(voice, { verb: 'wrote', offset: offset.exact, asked: length, done: length, forMachines, seconds });
}

export const writev: Command = {
  name: 'writev',
  least: 2,
  most: Number.POSITIVE_INFINITY,
  writes: true,
  run(shell, words, called) {
    const { voice } = shell;
    const wished = wishes();
    const operands = optionsOf(voice, 'writev', called, words, 'CfqP:', (option, argument) =>
      takeWish(voice, wished, option, argument),
    );
    const range = operands && rangeOf(voice, 'writev', operands);
    if (!range) return false;
    const { offset, length } = range;
    const bytes = shell.scratch(length).fill(wished.pattern);
    const seconds = secondsOf(shell, 'writev', () => shell.volume.write(offset.value, bytes, wished.throughCaches));
    if (seconds === undefined) return false;
    tell(voice, wished, offset, length, seconds);
    return true;
  },
};

export const aioWrite: Command = {
  name: 'aio_write',
  least: 2,
  most: Number.POSITIVE_INFINITY,
  writes: true,
  run(shell, words, called) {
    const { voice } = shell;
    const wished = wishes();
    const operands = optionsOf(voice, 'aio_write', called, words, 'CfiP:quz', (option, argument) => {
      if (option !== 'i') return takeWish(voice, wished, option, argument);
      // Only QEMU's statistics would show it.
      voice.say('injecting invalid write request\n');
      wished.invalid = true;
      return false;
    });
    if (wished.invalid) return true;
    if (!operands) return false;
    if (operands.length < 2) return usage(voice, 'aio_write');
    if (wished.zeroes && operands.length !== 2) {
      voice.say('-z supports only a single length parameter\n');
      return false;
    }
    if (wished.mayUnmap && !wished.zeroes) {
      voice.say('-u requires -z to be specified\n');
      return false;
    }
    const offset = sizeArgument(voice, operands[0] as string);
    if (!offset) return false;
    const length = wished.zeroes
      ? sizeArgument(voice, operands[1] as string)?.value
      : lengthArguments(voice, operands.slice(1));
    if (length === undefined) return false;
    startWriting(shell, wished, offset, length);
    return true;
  },
};

function startWriting({ voice, requests, volume }: Shell, wished: Wishes, offset: Strtosz, length: number): void {
  const bytes = wished.zeroes ? new Uint8Array(0) : new Uint8Array(length).fill(wished.pattern);
  const start = process.hrtime();
  requests.start(requestOf(volume, wished, offset.value, length, bytes), (error) => {
    if (error) voice.say(`aio_write failed: ${strerror(errnoOf(error))}\n`);
    else tell(voice, wished, offset, length, since(start));
  });
}
