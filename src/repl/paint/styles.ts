/**
 * Styles as opening and closing sequences, made with chalk at an explicit level: for the classes of the palette and
 * for the screen's own few colours, on a dark or a light background.
 */
import { Chalk, type ChalkInstance } from 'chalk';
import type { Look } from '../../commands/palette.ts';

/** Bits of colour a terminal shows: none, 16 colours, 256, millions. */
export type ColourDepth = 0 | 4 | 8 | 24;

/** Styles one string; `open` and `close` do the same to a run that is put together by hand. */
export interface Paint {
  (text: string): string;
  readonly open: string;
  readonly close: string;
}

export interface Marks {
  readonly bold?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
  /** Only where there is no colour. */
  readonly dim?: boolean;
}

/** Shapes that fill their cell, wholly or half: inverse they would be a hole. */
export const BLOCKS = '█▓▒▆▞▚';
/** What stands for them under the cursor: it leaves a frame of the cell. */
export const FRAMED = '■';

export type UiColour = 'border' | 'faint' | 'accent' | 'warn' | 'bad' | 'good' | 'odd' | 'even';

export interface Colours {
  /** For the glyph of a class. */
  look(look: Look, marks: Marks): Paint;
  /** For the glyph that stands for a block under the cursor: its frame is as light as the screen is dark. */
  framed(look: Look, marks: Marks): Paint;
  /** For words in the colour of a class: always as foreground, dark enough to read. */
  word(look: Look, marks: Marks): Paint;
  style(style: Marks & { readonly colour?: UiColour }): Paint;
}

interface Ink {
  readonly rgb: readonly [number, number, number];
  readonly ansi256: number;
  readonly ansi16: number;
}

const ink = (rgb: Ink['rgb'], ansi256: number, ansi16: number): Ink => ({ rgb, ansi256, ansi16 });

const ON_DARK: Readonly<Record<UiColour, Ink>> = {
  border: ink([108, 108, 108], 242, 90),
  faint: ink([148, 148, 148], 246, 90),
  accent: ink([102, 204, 238], 81, 96),
  warn: ink([204, 187, 68], 185, 93),
  bad: ink([238, 68, 51], 203, 91),
  good: ink([95, 190, 95], 71, 92),
  odd: ink([204, 187, 68], 185, 33),
  even: ink([153, 170, 221], 110, 94),
};

const ON_LIGHT: Readonly<Record<UiColour, Ink>> = {
  border: ink([138, 138, 138], 245, 90),
  faint: ink([98, 98, 98], 241, 90),
  accent: ink([0, 95, 135], 24, 34),
  warn: ink([135, 95, 0], 94, 33),
  bad: ink([175, 0, 0], 124, 31),
  good: ink([0, 95, 0], 22, 32),
  odd: ink([120, 85, 0], 94, 33),
  even: ink([51, 68, 136], 60, 34),
};

export const UNSTYLED: Paint = paintOf('', '');

/** `attributes` false: no sequence of any kind. */
export function coloursFor(depth: ColourDepth, light: boolean, attributes: boolean): Colours {
  if (!attributes) {
    return { look: () => UNSTYLED, framed: () => UNSTYLED, word: () => UNSTYLED, style: () => UNSTYLED };
  }
  // At level 0 chalk would leave out bold and inverse too.
  const chalk = new Chalk({ level: depth === 24 ? 3 : depth === 8 ? 2 : 1 });
  const inks = light ? ON_LIGHT : ON_DARK;
  return {
    look(look, marks) {
      return made(marked(lookOf(chalk, look, depth, light), marks));
    },
    framed(look, marks) {
      if (depth === 0) return made(marked(chalk, { ...marks, inverse: true }));
      const frame = light ? chalk.bgBlack : chalk.bgWhiteBright;
      return made(marked(foreground(frame, look, depth), marks));
    },
    word(look, marks) {
      return made(marked(wordOf(chalk, look, depth, light), marks));
    },
    style({ colour, dim, ...marks }) {
      const coloured = depth > 0 && colour !== undefined;
      const base = coloured ? foreground(chalk, inks[colour], depth) : dim ? chalk.dim : chalk;
      return made(marked(base, marks));
    },
  };
}

function lookOf(chalk: ChalkInstance, look: Look, depth: ColourDepth, light: boolean): ChalkInstance {
  if (depth === 0) return chalk;
  if (!light) return foreground(chalk, look, depth);
  // A block is drawn in its colour, on black so that the half-filled ones are seen on white.
  if (BLOCKS.includes(look.glyph)) return depth === 4 ? darkest(chalk, look) : foreground(chalk.bgBlack, look, depth);
  if (contrastOnWhite(look.rgb) >= READABLE) return depth === 4 ? darkest(chalk, look) : foreground(chalk, look, depth);
  return background(chalk.black, look, depth);
}

function wordOf(chalk: ChalkInstance, look: Look, depth: ColourDepth, light: boolean): ChalkInstance {
  if (depth === 0 || !light) return depth === 0 ? chalk : foreground(chalk, look, depth);
  return depth === 4 ? darkest(chalk, look) : chalk.rgb(...readable(look.rgb));
}

/** The colour, darkened until it can be read on white. */
function readable(rgb: Ink['rgb']): Ink['rgb'] {
  let [red, green, blue] = rgb;
  while (contrastOnWhite([red, green, blue]) < READABLE) {
    red = Math.floor(red * 0.9);
    green = Math.floor(green * 0.9);
    blue = Math.floor(blue * 0.9);
  }
  return [red, green, blue];
}

/** The contrast that accessibility guidelines ask of text. */
const READABLE = 4.5;

function contrastOnWhite(rgb: Ink['rgb']): number {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05);
}

const SIXTEEN = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;

function foreground(chalk: ChalkInstance, { rgb, ansi256, ansi16 }: Ink, depth: ColourDepth): ChalkInstance {
  if (depth === 24) return chalk.rgb(...rgb);
  if (depth === 8) return chalk.ansi256(ansi256);
  const name = SIXTEEN[ansi16 % 10] ?? 'white';
  if (ansi16 < 90) return chalk[name];
  return name === 'black' ? chalk.gray : chalk[`${name}Bright`];
}

/** The darker of a pair of the sixteen colours. */
function darkest(chalk: ChalkInstance, look: Ink): ChalkInstance {
  return foreground(chalk, look.ansi16 === 90 ? look : { ...look, ansi16: 30 + (look.ansi16 % 10) }, 4);
}

function background(chalk: ChalkInstance, { rgb, ansi256, ansi16 }: Ink, depth: ColourDepth): ChalkInstance {
  if (depth === 24) return chalk.bgRgb(...rgb);
  if (depth === 8) return chalk.bgAnsi256(ansi256);
  const name = SIXTEEN[ansi16 % 10] ?? 'white';
  return chalk[`bg${name.charAt(0).toUpperCase()}${name.slice(1)}` as 'bgRed'];
}

function marked(chalk: ChalkInstance, { bold, underline, inverse }: Marks): ChalkInstance {
  let result = chalk;
  if (bold) result = result.bold;
  if (underline) result = result.underline;
  if (inverse) result = result.inverse;
  return result;
}

function made(chalk: ChalkInstance): Paint {
  const [open = '', close = ''] = chalk('\0').split('\0');
  return paintOf(open, close);
}

function paintOf(open: string, close: string): Paint {
  const paint = (text: string): string => (text === '' ? '' : `${open}${text}${close}`);
  return Object.assign(paint, { open, close });
}
