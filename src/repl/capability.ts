/**
 * What the terminal can show, from the environment, the terminal and the options alone: how many colours, whether more
 * than ASCII, a dark or a light background, and whether the whole screen may be taken.
 *
 *  1. Options beat variables, NO_COLOR beats what forces colour, and what forces colour beats what the terminal says.
 *  2. Where in doubt: fewer colours, ASCII, no screen.
 *
 * The terminals are those that chalk's own detection knows, in its order (a test compares the two). It is not called,
 * since it reads the process once and for all, and has gaps: NO_COLOR, CLICOLOR_FORCE, COLORTERM=24bit, and terminals
 * of today such as foot and alacritty.
 */
import type { ColourDepth } from './paint/styles.ts';
import type { ThemeName } from './theme.ts';

export interface Capability {
  /** Bits; 0 is none. */
  readonly colour: ColourDepth;
  readonly unicode: boolean;
  /** May the alternate screen be used? */
  readonly screen: boolean;
  readonly theme: ThemeName;
  /** Why there is no screen, in a few words; '' when there is. */
  readonly reason: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface TerminalFlags {
  /** `--color`: auto, always, never, 16, 256, 24bit. */
  readonly color?: string;
  /** `--theme`: dark, light, mono. */
  readonly theme?: string;
  /** `--ascii`. */
  readonly ascii?: boolean;
  /** False: `--no-tui`. */
  readonly tui?: boolean;
}

export interface TerminalFacts {
  /** Of standard input and standard output. */
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Columns of the terminal, where it says. */
  readonly columns?: number;
}

/** Narrower than this nothing but lines can be read. */
const MIN_COLUMNS = 20;

export function capability(env: Environment, terminal: TerminalFacts, flags: TerminalFlags = {}): Capability {
  const colour = colourDepth(env, terminal.stdout, flags.color ?? 'auto');
  const reason = whyNoScreen(env, terminal, flags);
  return {
    colour,
    unicode: !flags.ascii && showsUnicode(env),
    screen: reason === '',
    theme: themeOf(env, colour, flags.theme),
    reason,
  };
}

/** `stdout` is where the colours go: that it is a terminal. */
export function colourDepth(env: Environment, stdout: boolean, color: string): ColourDepth {
  switch (color) {
    case 'never':
      return 0;
    case '16':
      return 4;
    case '256':
      return 8;
    case '24bit':
      return 24;
    case 'always':
      return atLeast(4, depthOf(env));
  }
  if (env['NO_COLOR']) return 0;
  const forced = forcedDepth(env);
  if (forced !== undefined) return forced;
  if (isOn(env['CLICOLOR_FORCE'])) return atLeast(4, depthOf(env));
  if (env['CLICOLOR'] === '0' || !stdout) return 0;
  return depthOf(env);
}

function atLeast(least: ColourDepth, depth: ColourDepth): ColourDepth {
  return depth > least ? depth : least;
}

/** FORCE_COLOR as Node and chalk read it: a number says how many colours, anything else that there are some. */
function forcedDepth(env: Environment): ColourDepth | undefined {
  const forced = env['FORCE_COLOR'];
  switch (forced) {
    case undefined:
      return undefined;
    case '0':
    case 'false':
      return 0;
    case '1':
      return 4;
    case '2':
      return 8;
    case '3':
      return 24;
    default:
      return atLeast(4, depthOf(env));
  }
}

const MILLIONS = /^(xterm-)?(kitty|ghostty)|^wezterm|^alacritty|^foot|^contour|-direct$/i;
const SIXTEEN = /^screen|^tmux|^xterm|^vt100|^vt220|^rxvt|color|ansi|cygwin|linux/i;

/** What the terminal says of itself. */
function depthOf(env: Environment): ColourDepth {
  const term = env['TERM'] ?? '';
  const said = env['COLORTERM'] ?? '';
  if (term === 'dumb') return 0;
  if (/^(truecolor|24bit)$/i.test(said) || MILLIONS.test(term) || env['WT_SESSION']) return 24;
  if (env['TERM_PROGRAM'] === 'iTerm.app') return Number.parseInt(env['TERM_PROGRAM_VERSION'] ?? '', 10) >= 3 ? 24 : 8;
  if (env['TERM_PROGRAM'] === 'Apple_Terminal' || /-256(color)?$/i.test(term)) return 8;
  return SIXTEEN.test(term) || said !== '' ? 4 : 0;
}

function showsUnicode(env: Environment): boolean {
  if (env['OS'] === 'Windows_NT') return Boolean(env['WT_SESSION'] || env['TERM_PROGRAM']);
  // The first that is set decides, as in C: an empty one is not set.
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale) && env['TERM'] !== 'linux' && env['TERM'] !== 'dumb';
}

function whyNoScreen(env: Environment, { stdin, stdout, columns }: TerminalFacts, { tui }: TerminalFlags): string {
  const term = env['TERM'] ?? '';
  if (tui === false) return '--no-tui';
  if (!stdin) return 'standard input is not a terminal';
  if (!stdout) return 'standard output is not a terminal';
  if (isOn(env['INK_SCREEN_READER'])) return 'a screen reader reads lines (INK_SCREEN_READER)';
  if (isOn(env['PLATTER_ACCESSIBLE'])) return 'lines are asked for (PLATTER_ACCESSIBLE)';
  if (term === 'dumb') return 'TERM is dumb';
  if (term === '' && !env['WT_SESSION'] && !env['TERM_PROGRAM']) return 'TERM is not set';
  if (columns !== undefined && columns < MIN_COLUMNS)
    return `the terminal has ${columns} columns, fewer than ${MIN_COLUMNS}`;
  return '';
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}

function themeOf(env: Environment, colour: ColourDepth, asked: string | undefined): ThemeName {
  if (colour === 0) return 'mono';
  if (asked === 'dark' || asked === 'light' || asked === 'mono') return asked;
  // `15;0`, or `0;default;15`: the background stands last. 7 and the bright ones but grey are light.
  const background = Number((env['COLORFGBG'] ?? '').split(';').at(-1) || Number.NaN);
  return background === 7 || (background >= 9 && background <= 15) ? 'light' : 'dark';
}
