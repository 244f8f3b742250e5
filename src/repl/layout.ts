/**
 * Which panels stand where, by the terminal's size. Pure: the app turns it into boxes.
 *
 *  1. The rows add up to no more than the terminal has, whatever its size and whatever asks for room.
 *  2. The panel that has the keys is on the screen.
 */

/** In the order of their numbers on the screen. */
export const PANELS = ['extents', 'clusters', 'transcript', 'inspector', 'steps'] as const;
export type PanelName = (typeof PANELS)[number];

/**
 * `tiny`: title, transcript (or the panel that has the keys), prompt. `small` (80x24): one panel at a time over the transcript. `medium` (120x40): all
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
  /** From top to bottom; they add up to `rows`. 0: not there. */
  readonly titleRows: number;
  readonly bodyRows: number;
  readonly promptRows: number;
  readonly menuRows: number;
  readonly hintRows: number;
  /** Of the body, for the transcript below the one panel of the small shape. */
  readonly transcriptRows: number;
  /** The keys of the focused panel stand over everything but the prompt. */
  readonly help: boolean;
}

/** What is asked of a layout. */
export interface Wish {
  readonly columns: number;
  readonly rows: number;
  readonly shown: PanelName;
  readonly zoomed: boolean;
  readonly focus: PanelName | 'prompt';
  /** Rows that the prompt's text fills. */
  readonly promptRows: number;
  /** Rows that the list of completions fills when it may have `most` of them. */
  menuRows(most: number): number;
  readonly help: boolean;
}

const SMALL = { columns: 60, rows: 16 };
const MEDIUM = { columns: 100, rows: 30 };
const WIDE_COLUMNS = 180;

/** Rows of a pasted text in the prompt, and of the list of completions, at most. */
const PROMPT_ROWS = 6;
const MENU_ROWS = 8;
/** Rows that the panels keep before the prompt and its list get more. */
const BODY_ROWS = 3;
/** With fewer rows than this there is no second panel below the first. */
const ROWS_OF_TWO = 9;

export function shapeOf(columns: number, rows: number): Shape {
  if (columns < SMALL.columns || rows < SMALL.rows) return 'tiny';
  if (columns < MEDIUM.columns || rows < MEDIUM.rows) return 'small';
  return columns < WIDE_COLUMNS ? 'medium' : 'wide';
}

export function layoutFor(wish: Wish): Layout {
  const { columns, rows, zoomed, focus, help } = wish;
  const shape = shapeOf(columns, rows);
  const titleRows = rows >= 3 ? 1 : 0;
  // Usage or what is going on, then keys where there is room for both.
  const hintRows = shape === 'tiny' ? (rows >= 6 ? 1 : 0) : 2;
  const left = rows - titleRows - hintRows;
  const promptRows = clamp(wish.promptRows, Math.min(PROMPT_ROWS, left - BODY_ROWS));
  const most = Math.max(0, Math.min(MENU_ROWS, left - promptRows - BODY_ROWS));
  const menuRows = most === 0 ? 0 : Math.min(most, wish.menuRows(most));
  const bodyRows = Math.max(0, left - promptRows - menuRows);
  const transcriptRows = bodyRows < ROWS_OF_TWO ? 0 : Math.floor(bodyRows * 0.45);
  const heights = { titleRows, bodyRows, promptRows, menuRows, hintRows, transcriptRows };
  const layout = { columns, rows, shape, shown: wish.shown, zoomed, ...heights, help };
  if (shape === 'tiny') return { ...layout, shown: focus === 'prompt' ? 'transcript' : focus };
  return focus === 'prompt' || panelsOf(layout).includes(focus) ? layout : { ...layout, shown: focus };
}

/** Panels that are on the screen. */
export function panelsOf({ shape, shown, zoomed, transcriptRows }: Layout): readonly PanelName[] {
  if (shape === 'tiny' || zoomed) return [shown];
  if (shape === 'small') return shown === 'transcript' || transcriptRows === 0 ? [shown] : [shown, 'transcript'];
  return PANELS;
}

function clamp(wanted: number, most: number): number {
  return Math.max(1, Math.min(wanted, most));
}
