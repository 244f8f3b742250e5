/**
 * How everything on the screen looks, made once for a terminal: a style and a glyph for each owner of file bytes, each
 * kind of extent and each share, and the styles of the screen itself. Painters take a Theme and never see chalk.
 *
 *  1. Colour says the class and nothing else says it alone: every class has a glyph of its own, and so have the marks.
 *  2. Bold, underline and inverse say the state (changed, under the cursor), so they also work without colours.
 *  3. Styles are opening and closing sequences made beforehand: painting a cell calls no library.
 */
import { KIND_LOOKS, type Look, ROLE_LOOKS, SHARE_LOOKS } from '../commands/palette.ts';
import { printable } from '../commands/printable.ts';
import { foldToAscii } from './paint/fold.ts';
import { ASCII_GLYPHS, type Glyphs, UNICODE_GLYPHS } from './paint/glyphs.ts';
import {
  BLOCKS,
  type ColourDepth,
  type Colours,
  coloursFor,
  FRAMED,
  type Marks,
  type Paint,
  UNSTYLED,
} from './paint/styles.ts';

export type ThemeName = 'dark' | 'light' | 'mono';

/** State of a cell or a word, as an index into `Swatch.states`. */
export const CHANGED = 1;
export const CURSOR = 2;

/** How one class looks. */
export interface Swatch {
  /** One column wide; `changedGlyph` where the stretch changed: an underline is not seen below a block. */
  readonly glyph: string;
  readonly changedGlyph: string;
  /** Under the cursor. */
  readonly cursorGlyph: string;
  readonly name: string;
  /** The lower, the graver. */
  readonly weight: number;
  readonly paint: Paint;
  /** For words that stand for the class. */
  readonly word: Paint;
  /** By state: plain, CHANGED, CURSOR, CHANGED | CURSOR. */
  readonly states: readonly Paint[];
}

export type UiStyle =
  | 'plain'
  | 'title'
  | 'border'
  | 'borderFocused'
  | 'faint'
  | 'heading'
  | 'selected'
  | 'changed'
  | 'current'
  | 'warn'
  | 'bad'
  | 'good'
  | 'key'
  | 'command'
  | 'ghost'
  /** Of the fields of a table, by turns. */
  | 'odd'
  | 'even'
  | 'bar';

export interface Theme {
  readonly name: ThemeName;
  /** Bits: 0 is no colour. */
  readonly colour: ColourDepth;
  readonly unicode: boolean;
  readonly roles: Readonly<Record<keyof typeof ROLE_LOOKS, Swatch>>;
  readonly kinds: Readonly<Record<keyof typeof KIND_LOOKS, Swatch>>;
  readonly shares: Readonly<Record<keyof typeof SHARE_LOOKS, Swatch>>;
  readonly ui: Readonly<Record<UiStyle, Paint>>;
  readonly glyphs: Glyphs;
  /** A name or a sentence as it may reach this terminal: no control characters, and ASCII where only that is safe. */
  text(foreign: string): string;
}

export interface ThemeOptions {
  readonly colour: ColourDepth;
  readonly unicode: boolean;
  readonly theme: ThemeName;
  /** False: not even bold, underline and inverse. For pictures as text, and for tests. True when absent. */
  readonly attributes?: boolean;
}

export function themeFor({ colour, unicode, theme, attributes = true }: ThemeOptions): Theme {
  const name = colour === 0 ? 'mono' : theme;
  const depth = name === 'mono' ? 0 : colour;
  const colours = coloursFor(depth, name === 'light', attributes);
  return {
    name,
    colour: depth,
    unicode,
    roles: swatches(ROLE_LOOKS, colours, unicode),
    kinds: swatches(KIND_LOOKS, colours, unicode),
    shares: swatches(SHARE_LOOKS, colours, unicode),
    ui: uiStyles(colours),
    glyphs: unicode ? UNICODE_GLYPHS : ASCII_GLYPHS,
    text: unicode ? wellFormed : (foreign) => foldToAscii(wellFormed(foreign)),
  };
}

/** Half a character pair cannot be written as UTF-8. */
function wellFormed(foreign: string): string {
  const text = printable(foreign);
  return /[\ud800-\udfff]/.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text;
}

function swatches<K extends string>(looks: Readonly<Record<K, Look>>, colours: Colours, unicode: boolean) {
  const all = {} as Record<K, Swatch>;
  for (const key of Object.keys(looks) as K[]) all[key] = swatch(looks[key], colours, unicode);
  return all;
}

/** Blocks as they look where something changed. */
const NOTCHED: Readonly<Record<string, string>> = { '█': '▆', '▓': '▞', '▒': '▚' };

function swatch(look: Look, colours: Colours, unicode: boolean): Swatch {
  const grave = look.weight === 1;
  const paint = colours.look(look, { inverse: grave, bold: grave });
  const glyph = unicode ? look.glyph : look.ascii;
  const isBlock = BLOCKS.includes(glyph);
  const underCursor = (marks: Marks): Paint =>
    isBlock ? colours.framed(look, marks) : colours.look(look, { ...marks, inverse: !grave });
  return {
    glyph,
    changedGlyph: NOTCHED[glyph] ?? glyph,
    cursorGlyph: isBlock ? FRAMED : glyph,
    name: look.name,
    weight: look.weight,
    paint,
    word: colours.word(look, { bold: grave }),
    // The gravest is inverse by itself: under the cursor it is upright, so that the cursor is seen there too. A block
    // gets smaller under it, and its cell a frame.
    states: [
      paint,
      colours.look(look, { inverse: grave, bold: true, underline: true }),
      underCursor({ bold: grave }),
      underCursor({ bold: true, underline: true }),
    ],
  };
}

function uiStyles(colours: Colours): Record<UiStyle, Paint> {
  const { style } = colours;
  return {
    plain: UNSTYLED,
    title: style({ bold: true }),
    border: style({ colour: 'border', dim: true }),
    borderFocused: style({ colour: 'accent', bold: true }),
    faint: style({ colour: 'faint', dim: true }),
    heading: style({ bold: true }),
    selected: style({ inverse: true }),
    changed: style({ bold: true, underline: true }),
    current: style({ bold: true, inverse: true }),
    warn: style({ colour: 'warn' }),
    bad: style({ colour: 'bad', bold: true }),
    good: style({ colour: 'good' }),
    key: style({ colour: 'accent', bold: true }),
    command: style({ colour: 'accent', bold: true }),
    ghost: style({ colour: 'faint', dim: true }),
    odd: style({ colour: 'odd' }),
    even: style({ colour: 'even' }),
    bar: style({ inverse: true }),
  };
}

/** No escape sequence at all, ASCII only. */
export const BARE: Theme = themeFor({ colour: 0, unicode: false, theme: 'mono', attributes: false });
