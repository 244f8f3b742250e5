/**
 * From words to typed values, by a command's declaration. The prompt and the subcommands use the same function, so
 * that a command means the same in both.
 */
import { ImageError } from '../errors.ts';
import { type Command, usage } from './command.ts';
import { nearest } from './nearest.ts';
import type { Flag, Flags, Param } from './params.ts';

export type Values = Readonly<Record<string, unknown>>;

/** What the words say, split into flags and the rest; nothing parsed yet. */
export interface Split {
  readonly positional: readonly string[];
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

/** Throws ImageError `bad-flag` or `bad-argument-count`, or what an argument's own parse throws. */
export function parse(command: Command, words: readonly string[]): Values {
  return valuesOf(command, split(command.flags, words, command.name));
}

/** Throws ImageError `bad-argument-count`, or what an argument's own parse throws. */
export function valuesOf(command: Command, { positional, flags }: Split): Values {
  checkCount(command, positional.length);
  const values: Record<string, unknown> = {};
  Object.entries(command.params).forEach(([name, param], i) => {
    const word = positional[i];
    if (word === undefined) values[name] = param.fallback?.value;
    else values[name] = param.rest ? param.rest(positional.slice(i)) : param.parse(word);
  });
  for (const [name, flag] of Object.entries(command.flags)) values[name] = flagValue(flag, flags.get(name));
  return values;
}

/** The last value given wins. */
export function flagValue(flag: Flag<unknown>, given: readonly string[] | undefined): unknown {
  const last = given?.[given.length - 1];
  if (last === undefined) return flag.fallback;
  return flag.param ? flag.param.parse(last) : true;
}

/** In qemu-io's words. */
function checkCount(command: Command, count: number): void {
  const params: readonly Param<unknown>[] = Object.values(command.params);
  const least = params.filter((p) => !p.fallback).length;
  const most = params.at(-1)?.rest ? Number.POSITIVE_INFINITY : params.length;
  if (count >= least && count <= most) return;
  const range = least === most ? `${most}` : `between ${least} and ${most}`;
  const expected = most === Number.POSITIVE_INFINITY ? `at least ${least}` : range;
  throw new ImageError({
    code: 'bad-argument-count',
    what: `bad argument count ${count} to ${command.name}, expected ${expected} arguments`,
    tryThis: usage(command),
  });
}

/**
 * Flags may stand anywhere; `--name=value`, `--name value`, `-n value`, `-nvalue`, and `-xy` for two flags without
 * values. A word that reads as a negative number is not a flag; everything after `--` is not a flag either.
 */
export function split(flags: Flags, words: readonly string[], of: string): Split {
  const positional: string[] = [];
  const found = new Map<string, string[]>();
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      positional.push(...queue);
      break;
    }
    if (!word.startsWith('-') || word === '-' || /^-\.?\d/.test(word)) positional.push(word);
    else for (const [name, value] of readFlag(flags, word, queue, of)) add(found, name, value);
  }
  return { positional, flags: found };
}

function add(found: Map<string, string[]>, name: string, value: string): void {
  found.set(name, [...(found.get(name) ?? []), value]);
}

function readFlag(flags: Flags, word: string, queue: string[], of: string): [string, string][] {
  if (word.startsWith('--')) return [readLongFlag(flags, word, queue, of)];
  const found: [string, string][] = [];
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] as string;
    const entry = Object.entries(flags).find(([, flag]) => flag.short === letter);
    if (!entry) throw unknownFlag(`-${letter}`, flags, of);
    const [name, flag] = entry;
    if (!flag.param) {
      found.push([name, '']);
      continue;
    }
    const attached = word.slice(at + 1).replace(/^=/, '');
    found.push([name, attached === '' ? nextWord(queue, `-${letter}`, flag.param, of) : attached]);
    break;
  }
  return found;
}

function readLongFlag(flags: Flags, word: string, queue: string[], of: string): [string, string] {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
  if (!flag) throw unknownFlag(`--${name}`, flags, of);
  if (!flag.param) {
    if (equals < 0) return [name, ''];
    throw new ImageError({
      code: 'bad-flag',
      what: `${of}: --${name} takes no value, got '${word.slice(equals + 1)}'`,
    });
  }
  return [name, equals < 0 ? nextWord(queue, `--${name}`, flag.param, of) : word.slice(equals + 1)];
}

function nextWord(queue: string[], flag: string, param: Param<unknown>, of: string): string {
  const word = queue.shift();
  if (word !== undefined) return word;
  throw new ImageError({ code: 'bad-flag', what: `${of}: ${flag} needs a value: ${flag} ${param.placeholder}` });
}

function unknownFlag(flag: string, flags: Flags, of: string): ImageError {
  const known = Object.keys(flags).map((name) => (name.length === 1 ? `-${name}` : `--${name}`));
  return new ImageError({
    code: 'bad-flag',
    what: `${of}: there is no option ${flag}`,
    tryThis: nearest(flag, known) ?? (known.length > 0 ? known.join(', ') : undefined),
  });
}
