/** Which panels stand where, by the terminal's size. Pure: the app turns it into boxes. */

/** In the order of their numbers on the screen. */
export const PANELS = ['extents', 'clusters', 'transcript', 'inspector', 'steps'] as const;
export type PanelName = (typeof PANELS)[number];

/**
 * `tiny`: title, transcript, prompt. `small` (80x24): one panel at a time over the transcript. `medium` (120x40): all
 * panels in two columns. `wide` (180 columns on): the inspector has a column of its own.
 */
export type Shape = 'tiny' | 'small' | 'medium' | 'wide';

export interface Layout {
  readonly columns: number;
  readonly rows: number;
  readonly shape: Shape;
  /** The panel that is shown where only one has room. */
  readonly shown: PanelName;
  /** One panel has all the room. */
  readonly zoomed: boolean;
  /** Rows of the prompt, of the menu of completions below it, and of hints. */
  readonly promptRows: number;
  readonly menuRows: number;
  readonly hintRows: number;
  /** The keys of the focused panel stand over everything but the prompt. */
  readonly help: boolean;
}

const SMALL = { columns: 60, rows: 16 };
const MEDIUM = { columns: 100, rows: 30 };
const WIDE_COLUMNS = 180;

export function shapeOf(columns: number, rows: number): Shape {
  if (columns < SMALL.columns || rows < SMALL.rows) return 'tiny';
  if (columns < MEDIUM.columns || rows < MEDIUM.rows) return 'small';
  return columns < WIDE_COLUMNS ? 'medium' : 'wide';
}

/** Rows of hints below the prompt: usage, and keys where there is room for both. */
export function hintRowsOf(shape: Shape): number {
  return shape === 'tiny' ? 0 : 2;
}

/** Panels that are on the screen and can have the focus. */
export function panelsOf({ shape, shown, zoomed }: Layout): readonly PanelName[] {
  if (shape === 'tiny') return ['transcript'];
  if (zoomed) return [shown];
  if (shape === 'small') return shown === 'transcript' ? ['transcript'] : [shown, 'transcript'];
  return PANELS;
}

/** Rows for the transcript below the one panel of the small shape. */
export function transcriptRows(rows: number): number {
  return Math.max(6, Math.floor(rows * 0.38));
}
