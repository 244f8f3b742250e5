/** One cell of the terminal as plain data: what stands in it and how it looks. */
import type { IBufferCell } from '@xterm/headless';

/** A number is an index of the palette of 256 colours. */
export type Colour = 'default' | number | readonly [red: number, green: number, blue: number];

export interface ScreenCell {
  /** A character with what combines with it; empty in the second half of a wide one. */
  readonly text: string;
  /** Columns: 2 for a wide character, 0 for its second half. */
  readonly width: number;
  readonly colour: Colour;
  readonly background: Colour;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
  readonly struck: boolean;
}

export function cellOf(cell: IBufferCell): ScreenCell {
  return {
    text: cell.getWidth() === 0 ? '' : cell.getChars() || ' ',
    width: cell.getWidth(),
    colour: colour(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor()),
    background: colour(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor()),
    bold: cell.isBold() !== 0,
    dim: cell.isDim() !== 0,
    italic: cell.isItalic() !== 0,
    underline: cell.isUnderline() !== 0,
    inverse: cell.isInverse() !== 0,
    struck: cell.isStrikethrough() !== 0,
  };
}

function colour(isDefault: boolean, isRgb: boolean, value: number): Colour {
  if (isDefault) return 'default';
  return isRgb ? [value >> 16, (value >> 8) & 255, value & 255] : value;
}

/** Whether anything but the default colours stands in a cell. */
export function isColoured({ colour, background }: ScreenCell): boolean {
  return colour !== 'default' || background !== 'default';
}
