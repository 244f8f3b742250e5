/** The glyphs the screen is drawn with beside those of the palette: one set for Unicode, one for ASCII. */

export interface Box {
  readonly horizontal: string;
  readonly vertical: string;
  readonly topLeft: string;
  readonly topRight: string;
  readonly bottomLeft: string;
  readonly bottomRight: string;
}

/** All one column wide but `arrow` and `ellipsis`, which stand in sentences only. */
export interface Glyphs {
  readonly box: Box;
  /** The frame of the panel that has the keys. */
  readonly boxFocused: Box;
  readonly thumb: string;
  readonly arrow: string;
  readonly dash: string;
  readonly ellipsis: string;
  /** Where something was cut off. */
  readonly cut: string;
  readonly dot: string;
  readonly up: string;
  readonly down: string;
  readonly good: string;
  readonly bad: string;
  /** Before the row the cursor is on. */
  readonly pointer: string;
  /** A byte that is no printable character. */
  readonly hole: string;
  /** About: before a rounded number. */
  readonly about: string;
  /** Filled and empty parts of a bar. */
  readonly full: string;
  readonly empty: string;
}

function box(glyphs: string): Box {
  const [horizontal = '', vertical = '', topLeft = '', topRight = '', bottomLeft = '', bottomRight = ''] = glyphs;
  return { horizontal, vertical, topLeft, topRight, bottomLeft, bottomRight };
}

export const UNICODE_GLYPHS: Glyphs = {
  box: box('─│┌┐└┘'),
  boxFocused: box('━┃┏┓┗┛'),
  thumb: '█',
  arrow: '→',
  dash: '—',
  ellipsis: '…',
  cut: '…',
  dot: '·',
  up: '▲',
  down: '▼',
  good: '✔',
  bad: '✖',
  pointer: '>',
  hole: '·',
  about: '≈',
  full: '█',
  empty: '░',
};

export const ASCII_GLYPHS: Glyphs = {
  box: box('-|++++'),
  boxFocused: box('=|####'),
  thumb: '#',
  arrow: '->',
  dash: '-',
  ellipsis: '...',
  cut: '~',
  dot: '-',
  up: '^',
  down: 'v',
  good: '+',
  bad: 'X',
  pointer: '>',
  hole: '.',
  about: '~',
  full: '#',
  empty: '.',
};
