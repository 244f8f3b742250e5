/** What a command is, and what all of them need: their options, their usage line, the request they wait for. */
import type { Request } from '../device/events.ts';
import { type CommandName, TEXTS, type Text } from './command-texts.ts';
import { errnoOf, strerror } from './errno.ts';
import { getopt } from './getopt.ts';
import type { Shell } from './shell.ts';
import type { Voice } from './voice.ts';

export interface Command {
  readonly name: CommandName;
  readonly alias?: string;
  /** How many words may follow its name. */
  readonly least: number;
  readonly most: number;
  /** Runs without an open file too. */
  readonly needsNoFile?: boolean;
  /** Is refused on what is open for reading only. */
  readonly writes?: boolean;
  /**
   * `words`: what follows its name; `called`: the name it was called by. Answers whether it did what was asked; what
   * went wrong has been said.
   */
  run(shell: Shell, words: readonly string[], called: string): boolean;
}

/** `read [-abCqv] … -- reads a number of bytes …` */
export function usageLine(name: CommandName, called: string = name): string {
  const { args, oneLine }: Text = TEXTS[name];
  return `${called}${args === undefined ? '' : ` ${args}`} -- ${oneLine}\n`;
}

/**
 * The words that are no options; undefined when something was complained of. `take` gets each option in its order, and
 * answers false when it has complained.
 */
export function optionsOf(
  voice: Voice,
  command: CommandName,
  called: string,
  words: readonly string[],
  letters: string,
  take: (option: string, argument: string) => boolean,
): readonly string[] | undefined {
  const { found, operands } = getopt(called, words, letters);
  for (const parsed of found) {
    if ('complaint' in parsed) {
      voice.grumble(`${parsed.complaint}\n`);
      voice.say(usageLine(command));
      return undefined;
    }
    if (!take(parsed.option, parsed.argument)) return undefined;
  }
  return operands;
}

/** How long a request took, in seconds, or the words for its error. */
export type Outcome = { readonly seconds: number; readonly error?: undefined } | { readonly error: string };

export function timed(shell: Shell, request: () => Request): Outcome {
  const start = process.hrtime();
  try {
    shell.requests.run(request());
    return { seconds: since(start) };
  } catch (error) {
    return { error: strerror(errnoOf(error)) };
  }
}

/** As `timed`, in seconds; where it failed that has been said, and undefined is answered. */
export function secondsOf(shell: Shell, name: CommandName, request: () => Request): number | undefined {
  const outcome = timed(shell, request);
  if (outcome.error === undefined) return outcome.seconds;
  shell.voice.say(`${name} failed: ${outcome.error}\n`);
  return undefined;
}

/** Seconds; never 0, so that there is a rate. */
export function since(start: readonly [number, number]): number {
  const [seconds, nanoseconds] = process.hrtime([start[0], start[1]]);
  return Math.max(seconds + nanoseconds / 1e9, 1e-9);
}
