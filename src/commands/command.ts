/**
 * A command, declared once. From the declaration come the prompt's parsing, help, completion, the subcommand and its
 * help, and docs/commands.md; its examples run as tests.
 *
 * Invariants: a command answers a View; it does not print, colour, or catch ImageError; it does not know which
 * format it works on.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Debugger } from '../session/debugger.ts';
import type { Session } from '../session/session.ts';
import type { Flags, Param, Params, ValuesOf } from './params.ts';
import { needGuest } from './refusal.ts';
import type { MapView, View } from './view.ts';

/** A command at work: it tells how far it has come, and answers a view. What takes no time answers at once. */
export type Work = Generator<Progress, View> | View;

export interface Example {
  /** As typed at the prompt; a pipe of commands may prepare it: `open-target qed; setmap --all`. */
  readonly line: string;
  /** A file of sample-images; absent: nothing is open. */
  readonly image?: string;
}

export type Group = 'image' | 'inspect' | 'guest' | 'convert' | 'session' | 'help';

/** What is the same for every command. */
interface Declaration<P extends Params, F extends Flags> {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly group: Group;
  /** One line, no full stop. */
  readonly summary: string;
  /** Paragraphs for extended help; a function where the text has to be gathered. */
  readonly details?: string | (() => string);
  readonly params: P;
  readonly flags: F;
  readonly examples: readonly [Example, ...Example[]];
  /** The kind of view it can be given behind a pipe: `map | setmap`. */
  readonly takes?: MapView['kind'];
  /** As `onRefused`, and as a subcommand it opens such an image by itself. */
  readonly opensRefused?: true;
  /** A question to ask on a terminal before it runs as a subcommand; undefined: none is needed. */
  confirm?(values: Readonly<Record<string, unknown>>, image: string): string | undefined;
}

/**
 * Where a command can stand: `image` at the prompt on the open image and as a subcommand `platter NAME IMAGE`;
 * `steps` only at the prompt, on the open image, because what it stages would be gone with the program; `files` in
 * both places, with file names of its own; `prompt` only at the prompt, whether an image is open or not.
 */
export type Place = 'image' | 'steps' | 'files' | 'prompt';

/** The declaration with its types rubbed out: what the runner and the writers of help see. */
export interface Command extends Declaration<Params, Flags> {
  readonly place: Place;
  readonly run: (host: Debugger, values: Readonly<Record<string, unknown>>, line: string, input?: MapView) => Work;
  /** How it runs as a subcommand, where that differs: straight to the file, nothing staged. */
  readonly runOnce?: (host: Debugger, values: Readonly<Record<string, unknown>>) => Work;
}

interface OnImage<P extends Params, F extends Flags> extends Declaration<P, F> {
  readonly place: 'image' | 'steps';
  /** It needs no guest: it works on an image that its driver refuses too. So do all of the group `session`. */
  readonly onRefused?: true;
  /** `line` is the command as typed, for the list of steps; `input` what stood before the pipe. */
  run(session: Session, values: ValuesOf<P, F>, line: string, input?: MapView): Work;
  runOnce?(session: Session, values: ValuesOf<P, F>): Work;
}

interface OnDebugger<P extends Params, F extends Flags> extends Declaration<P, F> {
  readonly place: 'files' | 'prompt';
  run(host: Debugger, values: ValuesOf<P, F>): Work;
}

/** A command on the open image. Run without one, it is refused as qemu-io refuses it. */
export function imageCommand<const P extends Params, const F extends Flags>(declared: OnImage<P, F>): Command {
  const { run, runOnce, onRefused, ...rest } = declared;
  const sessionOf = (host: Debugger): Session => {
    const session = host.current();
    if (!onRefused && !declared.opensRefused && declared.group !== 'session') needGuest(session, declared.name);
    return session;
  };
  return {
    ...rest,
    run: (host, values, line, input) => run(sessionOf(host), values as ValuesOf<P, F>, line, input),
    runOnce: runOnce && ((host, values) => runOnce(sessionOf(host), values as ValuesOf<P, F>)),
  };
}

/** A command on the debugger itself: files, help, the end. */
export function debuggerCommand<const P extends Params, const F extends Flags>(declared: OnDebugger<P, F>): Command {
  const { run, ...rest } = declared;
  return { ...rest, run: (host, values) => run(host, values as ValuesOf<P, F>) };
}

/** `alloc OFFSET [LENGTH]`: one line of usage, as at the prompt. */
export function usage(command: Command): string {
  const flags = Object.entries(command.flags).map(([name, flag]) => {
    const value = flag.param ? ` ${flag.param.placeholder}` : '';
    return `[${flag.short ? `-${flag.short}` : `--${name}`}${value}]`;
  });
  return [command.name, ...flags, ...Object.values(command.params).map(argumentText)].join(' ');
}

/** `OFFSET`, `[LENGTH]`, `VALUE…`: an argument in a line of usage. */
export function argumentText({ placeholder, fallback, rest }: Param<unknown>): string {
  const words = rest ? `${placeholder}…` : placeholder;
  return fallback ? `[${words}]` : words;
}

export function detailsOf({ details }: Command): string | undefined {
  return typeof details === 'function' ? details() : details;
}
