/**
 * The types of arguments. A type owns how a word is parsed, what completes it and what it means, so the prompt, the
 * subcommands, help, completion and the documentation all say the same.
 */
import { parseSize } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import { nearest } from './nearest.ts';

/** One argument, or the value of one flag. */
export interface Param<T> {
  /** As help shows it: `OFFSET`. */
  readonly placeholder: string;
  readonly doc: string;
  /** Throws ImageError with a sentence that names what was expected. */
  parse(word: string): T;
  /** Words that could stand here. Empty: no idea, or what `completes` says. */
  choices(): readonly string[];
  /** What could stand here besides, and depends on the machine, the image or the screen. */
  readonly completes?: Completes;
  /** Present: it takes all words that are left, of which there is one at least. Only the last argument can. */
  rest?(words: readonly string[]): T;
  /** Present: the argument may be left out, and this stands for it. */
  readonly fallback?: { readonly value: T };
}

/** `option`: keys of `-o`, separated by commas. `field`: a path as `print` takes it. `offset`: one seen on the screen. */
export type Completes = 'file' | 'field' | 'offset' | 'command' | 'step' | 'fork' | 'option' | 'proposal';

/** `--name` without a value (`param` absent), or `--name VALUE`. */
export interface Flag<T> {
  readonly short?: string;
  readonly doc: string;
  readonly param?: Param<T>;
  readonly fallback: T;
}

export type Params = Readonly<Record<string, Param<unknown>>>;
export type Flags = Readonly<Record<string, Flag<unknown>>>;

export type ValuesOf<P extends Params, F extends Flags> = {
  readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never;
} & { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** A byte count or offset, in qemu-io's syntax; refused in qemu-io's words. */
export function size(placeholder: string, doc: string): Param<number> {
  return { placeholder, doc, choices: () => [], parse: parseAsQemuIo };
}

/** A place in the disk or the file: as `size`, and Tab knows the places on the screen. */
export function offset(placeholder: string, doc: string): Param<number> {
  return { ...size(placeholder, doc), completes: 'offset' };
}

function parseAsQemuIo(word: string): number {
  try {
    return parseSize(word);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const what =
      error.code === 'number-too-large'
        ? `Parsing error: argument too large -- ${word}`
        : `Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- ${word}`;
    throw new ImageError({ code: error.code, what });
  }
}

export function text(placeholder: string, doc: string, choices: () => readonly string[] = () => []): Param<string> {
  return { placeholder, doc, choices, parse: (word) => word };
}

export function file(placeholder: string, doc: string): Param<string> {
  return { ...text(placeholder, doc), completes: 'file' };
}

/** What counts steps or files has no more of them. */
const MOST = 999_999_999;

/** A number from `least` to `most`, in plain digits; without `most` how many, or which one. */
export function count(placeholder: string, doc: string, least: number, most = MOST): Param<number> {
  return {
    placeholder,
    doc,
    choices: () => [],
    parse(word) {
      const value = Number(word);
      if (/^\d+$/.test(word) && value >= least && value <= most) return value;
      const expected = most === MOST ? `: expected ${least} or more` : ` from ${least} to ${most}`;
      throw new ImageError({ code: 'bad-number', what: `'${word}' is not a number${expected}` });
    },
  };
}

/** The value of a byte, as qemu-io takes a pattern: 0 to 255, or 0x… */
export function byte(placeholder: string, doc: string): Param<number> {
  return {
    placeholder,
    doc,
    choices: () => [],
    parse(word) {
      const value = /^(0x[\da-f]+|\d+)$/i.test(word) ? Number(word) : Number.NaN;
      if (value <= 255) return value;
      throw new ImageError({
        code: 'bad-number',
        what: `'${word}' is not the value of a byte: 0 to 255, or 0x00 to 0xff`,
      });
    },
  };
}

/** The name of a branch of the steps. */
export function forkName(placeholder: string, doc: string): Param<string> {
  return { ...text(placeholder, doc), completes: 'fork' };
}

/** The path of a field, as `print` takes it. */
export function field(placeholder: string, doc: string): Param<string> {
  return { ...text(placeholder, doc), completes: 'field' };
}

export function oneOf<T extends string>(
  placeholder: string,
  choices: readonly T[],
  doc: string,
  noun = placeholder.toLowerCase(),
): Param<T> {
  return {
    placeholder,
    doc,
    choices: () => choices,
    parse(word) {
      const found = choices.find((choice) => choice === word);
      if (found !== undefined) return found;
      throw new ImageError({
        code: 'bad-choice',
        what: `'${word}' is not a ${noun}: expected ${choices.join(', ')}`,
        tryThis: nearest(word, choices),
      });
    },
  };
}

/** `a=1,b=2`: a driver's options. The driver says which it knows. */
export function options(doc: string): Param<Readonly<Record<string, string>>> {
  return {
    placeholder: 'KEY=VALUE,…',
    doc,
    choices: () => [],
    completes: 'option',
    parse(word) {
      const pairs = word.split(',').filter((pair) => pair !== '');
      return Object.fromEntries(
        pairs.map((pair) => {
          const equals = pair.indexOf('=');
          if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
          throw new ImageError({ code: 'bad-option', what: `option '${pair}' has no value: expected KEY=VALUE` });
        }),
      );
    },
  };
}

/** `param`, or one word that means itself. */
export function orWord<T, W extends string>(word: W, param: Param<T>): Param<T | W> {
  return {
    ...param,
    choices: () => [word, ...param.choices()],
    parse: (text) => (text === word ? word : param.parse(text)),
  };
}

/** As many words as there are. */
export function list<T>(param: Param<T>): Param<readonly T[]> {
  return {
    ...param,
    parse: (word) => [param.parse(word)],
    rest: (words) => words.map(param.parse),
    fallback: undefined,
  };
}

/** Words that are one value, with or without quotes around them. */
export function joined<T>(param: Param<T>): Param<T> {
  return { ...param, rest: (words) => param.parse(words.join(' ')) };
}

export function optional<T, U>(param: Param<T>, value: U): Param<T | U> {
  return { ...param, fallback: { value } };
}

export function flag(doc: string, short?: string): Flag<boolean> {
  return { doc, short, fallback: false };
}

export function flagWith<T, U>(param: Param<T>, fallback: U, short?: string): Flag<T | U> {
  return { doc: param.doc, short, param: param as Param<T | U>, fallback };
}
