/** How parts of a text are set off from one another. */
import type { Extent } from '../bytes/extents.ts';
import type { Look } from './palette.ts';

/** Functions that may add colour. */
export interface Style {
  /** Prose is broken into lines of this many columns. */
  readonly columns: number;
  heading(text: string): string;
  faint(text: string): string;
  bad(text: string): string;
  kind(text: string, kind: Extent['kind']): string;
  underline(text: string): string;
  /** In the colour of a look. */
  look(text: string, look: Pick<Look, 'ansi256'>): string;
}

const same = (text: string): string => text;
/** Columns of prose where nobody knows better. */
export const PROSE_COLUMNS = 78;

export const PLAIN: Style = {
  columns: PROSE_COLUMNS,
  heading: same,
  faint: same,
  bad: same,
  kind: same,
  underline: same,
  look: same,
};
