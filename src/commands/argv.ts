/**
 * What the program was asked to do, from its arguments. Options may stand before or after the image; what follows
 * `--` is never an option. The first word is a subcommand when a command has that name (`./map` names a file).
 */
import { ImageError } from '../errors.ts';
import { FOLLOW_POLICIES, type FollowPolicy } from '../session/follow.ts';
import { FORMAT_NAMES } from '../session/formats.ts';
import { CATALOG } from './catalog.ts';
import { type Command, usage } from './command.ts';
import { commandNamed, notFound } from './help.ts';
import { type Flags, flag, flagWith, oneOf, text } from './params.ts';
import { flagValue, type Split, split, type Values, valuesOf } from './parse.ts';

export const OUTPUTS = ['human', 'json'] as const;
/** When to colour, or how many colours the terminal has. */
export const COLOR_CHOICES = ['auto', 'always', 'never', '16', '256', '24bit'] as const;
export const THEMES = ['dark', 'light', 'mono'] as const;
export type ColorChoice = (typeof COLOR_CHOICES)[number];
export type Theme = (typeof THEMES)[number];

/** Options of the program itself, valid with every subcommand. */
export const PROGRAM_FLAGS = {
  format: flagWith(
    text('FORMAT', 'the format of the image: no probing', () => FORMAT_NAMES),
    undefined,
    'f',
  ),
  broken: flag('open an image that is refused too, as far as its header can be read: to look at and mend'),
  output: flagWith(oneOf('OUTPUT', OUTPUTS, 'lines for people, or JSON'), 'human'),
  follow: flagWith(
    oneOf('POLICY', FOLLOW_POLICIES, 'which files named inside an image may be opened: none unless asked'),
    'none',
  ),
  object: flagWith(
    text('SECRET', 'a passphrase: secret,id=NAME,file=FILE or data=TEXT[,format=base64]; may be given again'),
    undefined,
  ),
  'key-secret': flagWith(text('NAME', 'the id of the secret that unlocks an encrypted image'), undefined),
  cmd: flagWith(
    { ...text('COMMAND', 'run this command and exit; may be given again'), completes: 'command' },
    undefined,
    'c',
  ),
  color: flagWith(
    oneOf('WHEN', COLOR_CHOICES, 'colours: where the terminal has them, always, never, or that many', 'way to colour'),
    'auto',
  ),
  theme: flagWith(oneOf('NAME', THEMES, 'colours for a dark or a light background, or none', 'theme'), undefined),
  ascii: flag('no characters beyond ASCII on the screen'),
  'no-tui': flag('the line prompt in place of the screen'),
  'no-pager': flag('no pager for output that is longer than the terminal'),
  help: flag('show help', 'h'),
  version: flag('show the version', 'V'),
} as const satisfies Flags;

/** What holds however the program was called. */
export interface Settings {
  readonly format: string | undefined;
  readonly broken: boolean;
  readonly json: boolean;
  readonly follow: FollowPolicy;
  /** As `--object` has them, not looked into. */
  readonly objects: readonly string[];
  /** The id of the secret that unlocks images. */
  readonly keySecret: string | undefined;
  readonly color: ColorChoice;
  /** Undefined: as the environment has it. */
  readonly theme: Theme | undefined;
  readonly ascii: boolean;
  /** False: the line prompt, even where the screen could be. */
  readonly tui: boolean;
  readonly pager: boolean;
}

export type Invocation = { readonly settings: Settings } & (
  | { readonly mode: 'version' }
  | { readonly mode: 'help'; readonly command?: string }
  /** A subcommand: `image` is opened first where the command is one on an image. */
  | { readonly mode: 'once'; readonly command: Command; readonly image?: string; readonly values: Values }
  /** `-c` lines, then the end. */
  | { readonly mode: 'script'; readonly image?: string; readonly lines: readonly string[] }
  /** Lines from standard input. */
  | { readonly mode: 'prompt'; readonly image?: string }
);

/** Throws ImageError for usage that cannot be understood. */
export function invocation(argv: readonly string[]): Invocation {
  const head = headOf(argv);
  const command = head === undefined ? undefined : commandNamed(CATALOG, argv[head] as string);
  const words = command ? argv.filter((_, i) => i !== head) : argv;
  const given = split({ ...PROGRAM_FLAGS, ...command?.flags }, words, command?.name ?? 'platter');
  const settings = settingsOf(given);
  if (given.flags.has('version')) return { mode: 'version', settings };
  if (given.flags.has('help')) return { mode: 'help', command: command?.name, settings };
  if (command?.name === 'help') return { mode: 'help', command: given.positional[0], settings };
  if (command) return { ...once(command, given), settings };
  const [image, extra] = given.positional;
  if (extra !== undefined) throw tooMany(image as string, extra);
  const lines = given.flags.get('cmd');
  return lines ? { mode: 'script', image, lines, settings } : { mode: 'prompt', image, settings };
}

/** The index of the first word that is neither an option nor an option's value. */
export function headOf(argv: readonly string[]): number | undefined {
  const takesValue = Object.entries(PROGRAM_FLAGS).flatMap(([name, f]) =>
    'param' in f && f.param ? [`--${name}`, ...('short' in f && f.short ? [`-${f.short}`] : [])] : [],
  );
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (word === '--') return undefined;
    if (takesValue.includes(word)) i++;
    else if (!word.startsWith('-')) return i;
  }
  return undefined;
}

function settingsOf({ flags }: Split): Settings {
  const value = (name: keyof typeof PROGRAM_FLAGS): unknown => flagValue(PROGRAM_FLAGS[name], flags.get(name));
  return {
    format: value('format') as string | undefined,
    broken: value('broken') as boolean,
    json: value('output') === 'json',
    follow: value('follow') as FollowPolicy,
    objects: flags.get('object') ?? [],
    keySecret: value('key-secret') as string | undefined,
    color: value('color') as ColorChoice,
    theme: value('theme') as Theme | undefined,
    ascii: value('ascii') as boolean,
    tui: !value('no-tui'),
    pager: !value('no-pager'),
  };
}

function once(command: Command, given: Split): { mode: 'once'; command: Command; image?: string; values: Values } {
  if (given.flags.has('cmd')) {
    throw new ImageError({ code: 'bad-flag', what: `platter ${command.name} is one command; -c goes without it` });
  }
  if (command.place === 'prompt' || command.place === 'steps') throw promptOnly(command);
  if (command.place === 'files') return { mode: 'once', command, values: valuesOf(command, given) };
  const [image, ...positional] = given.positional;
  if (image !== undefined) {
    return { mode: 'once', command, image, values: valuesOf(command, { positional, flags: given.flags }) };
  }
  throw new ImageError({
    code: 'bad-argument-count',
    what: `${command.name}: no image given`,
    tryThis: subcommandUsage(command),
  });
}

/** `platter map [--sort COLUMN] IMAGE [OFFSET] [LENGTH]` */
export function subcommandUsage(command: Command): string {
  const words = usage(command).split(' ');
  if (command.place !== 'image') return `platter ${words.join(' ')}`;
  const params = Object.keys(command.params).length;
  words.splice(words.length - params, 0, 'IMAGE');
  return `platter ${words.join(' ')}`;
}

function promptOnly({ name, place }: Command): ImageError {
  return new ImageError({
    code: 'prompt-only',
    what: `${name} is a command of the prompt${place === 'steps' ? ': what it stages ends with the program' : ''}`,
    tryThis: place === 'steps' ? `platter IMAGE -c '…' -c ${name} -c commit` : `platter, and then ${name}`,
  });
}

function tooMany(first: string, second: string): ImageError {
  const { code, what, tryThis } = notFound(CATALOG, first);
  return new ImageError({
    code,
    what: `${what}, and one image is all that platter opens: '${first}' or '${second}'`,
    tryThis: tryThis ?? 'platter --help',
  });
}
