/** read, readv, aio_read: guest bytes, verified against a pattern or dumped where that is asked for. */
import type { Strtosz } from '../bytes/strtosz.ts';
import { type Command, optionsOf, secondsOf, since, usageLine } from './command.ts';
import { errnoOf, strerror } from './errno.ts';
import { LONGEST_REQUEST, lengthArguments, patternArgument, SECTOR, sizeArgument } from './numbers.ts';
import { dump, report } from './report.ts';
import type { Shell } from './shell.ts';
import type { Voice } from './voice.ts';

interface Wishes {
  forMachines: boolean;
  quiet: boolean;
  dumped: boolean;
  pattern: number | undefined;
}

const wishes = (): Wishes => ({ forMachines: false, quiet: false, dumped: false, pattern: undefined });

/** The options that all three have. False: complained of. */
function takeWish(voice: Voice, wished: Wishes, option: string, argument: string): boolean {
  if (option === 'C') wished.forMachines = true;
  else if (option === 'q') wished.quiet = true;
  else if (option === 'v') wished.dumped = true;
  else if (option === 'P') {
    wished.pattern = patternArgument(voice, argument);
    return wished.pattern !== undefined;
  }
  return true;
}

/** Whether all bytes from `offset` on are the pattern; says where it looked if not. */
function verified(voice: Voice, bytes: Uint8Array, pattern: number, from: number, to: number, offset: string): boolean {
  for (let at = from; at < to; at++) {
    if (bytes[at] === pattern) continue;
    voice.say(`Pattern verification failed at offset ${offset}, ${to - from} bytes\n`);
    return false;
  }
  return true;
}

function tell(voice: Voice, wished: Wishes, offset: Strtosz, bytes: Uint8Array, seconds: number): void {
  if (wished.quiet) return;
  if (wished.dumped) dump(voice, offset.exact, bytes);
  const { length } = bytes;
  const { forMachines } = wished;
  report(voice, { verb: 'read', offset: offset.exact, asked: length, done: length, forMachines, seconds });
}

export const read: Command = {
  name: 'read',
  alias: 'r',
  least: 2,
  most: Number.POSITIVE_INFINITY,
  run(shell, words, called) {
    const { voice } = shell;
    const wished = wishes();
    let fromVmState = false;
    let start: Strtosz | undefined;
    let count: Strtosz | undefined;
    const operands = optionsOf(voice, 'read', called, words, 'bCl:pP:qs:v', (option, argument) => {
      if (option === 'b') fromVmState = true;
      else if (option === 's') {
        start = sizeArgument(voice, argument);
        return start !== undefined;
      } else if (option === 'l') {
        count = sizeArgument(voice, argument);
        return count !== undefined;
      } else return takeWish(voice, wished, option, argument);
      return true;
    });
    if (!operands) return false;
    if (operands.length !== 2) return usage(voice, 'read');
    const offset = sizeArgument(voice, operands[0] as string);
    const length = offset && sizeArgument(voice, operands[1] as string);
    if (!length) return false;
    if (length.value > LONGEST_REQUEST) {
      voice.say(`length cannot exceed ${LONGEST_REQUEST}, given ${operands[1]}\n`);
      return false;
    }
    if (wished.pattern === undefined && (start || count)) return usage(voice, 'read');
    const from = start?.value ?? 0;
    const verify = count?.value ?? length.value - from;
    if (verify < 0 || from + verify > length.value) {
      voice.say('pattern verification range exceeds end of read data\n');
      return false;
    }
    if (fromVmState && !areSectors(voice, offset, length)) return false;
    const bytes = shell.scratch(length.value);
    const seconds = secondsOf(shell, 'read', () =>
      fromVmState ? shell.volume.readVmState(offset.value, bytes) : shell.volume.read(offset.value, bytes),
    );
    if (seconds === undefined) return false;
    const { pattern } = wished;
    const place = String(offset.value + from);
    const good = pattern === undefined || verified(voice, bytes, pattern, from, from + verify, place);
    tell(voice, wished, offset, bytes, seconds);
    return good;
  },
};

/** The VM state is read and written in sectors; says which of the two is none. */
export function areSectors(voice: Voice, offset: Strtosz, length: Strtosz): boolean {
  for (const [name, { value, exact }] of [
    ['offset', offset],
    ['count', length],
  ] as const) {
    if (value % SECTOR === 0) continue;
    voice.say(`${exact} is not a sector-aligned value for '${name}'\n`);
    return false;
  }
  return true;
}

export const readv: Command = {
  name: 'readv',
  least: 2,
  most: Number.POSITIVE_INFINITY,
  run(shell, words, called) {
    const { voice } = shell;
    const wished = wishes();
    const operands = optionsOf(voice, 'readv', called, words, 'CP:qv', (option, argument) =>
      takeWish(voice, wished, option, argument),
    );
    const range = operands && rangeOf(voice, 'readv', operands);
    if (!range) return false;
    const bytes = shell.scratch(range.length);
    const seconds = secondsOf(shell, 'readv', () => shell.volume.read(range.offset.value, bytes));
    if (seconds === undefined) return false;
    const good =
      wished.pattern === undefined || verified(voice, bytes, wished.pattern, 0, bytes.length, range.offset.exact);
    tell(voice, wished, range.offset, bytes, seconds);
    return good;
  },
};

export const aioRead: Command = {
  name: 'aio_read',
  least: 2,
  most: Number.POSITIVE_INFINITY,
  run(shell, words, called) {
    const { voice } = shell;
    const wished = wishes();
    let invalid = false;
    const operands = optionsOf(voice, 'aio_read', called, words, 'CP:iqv', (option, argument) => {
      if (option !== 'i') return takeWish(voice, wished, option, argument);
      // Only QEMU's statistics would show it.
      voice.say('injecting invalid read request\n');
      invalid = true;
      return false;
    });
    if (invalid) return true;
    const range = operands && rangeOf(voice, 'aio_read', operands);
    if (!range) return false;
    startReading(shell, wished, range);
    return true;
  },
};

function startReading({ voice, requests, volume }: Shell, wished: Wishes, { offset, length }: IoRange): void {
  const bytes = new Uint8Array(length);
  const start = process.hrtime();
  requests.start(volume.read(offset.value, bytes), (error) => {
    if (error) {
      voice.say(`readv failed: ${strerror(errnoOf(error))}\n`);
      return;
    }
    if (wished.pattern !== undefined) verified(voice, bytes, wished.pattern, 0, bytes.length, offset.exact);
    tell(voice, wished, offset, bytes, since(start));
  });
}

export interface IoRange {
  readonly offset: Strtosz;
  /** Bytes. */
  readonly length: number;
}

/** `off len [len..]`; undefined when complained of. */
export function rangeOf(voice: Voice, name: Command['name'], operands: readonly string[]): IoRange | undefined {
  if (operands.length < 2) {
    usage(voice, name);
    return undefined;
  }
  const [where, ...lengths] = operands;
  const offset = sizeArgument(voice, where as string);
  const length = offset && lengthArguments(voice, lengths);
  return length === undefined ? undefined : { offset: offset as Strtosz, length };
}

/** Says how it is used. */
export function usage(voice: Voice, name: Command['name']): false {
  voice.say(usageLine(name));
  return false;
}
