/** How parts of a text are set off from one another. */
import type { Extent } from '../bytes/extents.ts';

/** Functions that may add colour. */
export interface Style {
  heading(text: string): string;
  faint(text: string): string;
  bad(text: string): string;
  kind(text: string, kind: Extent['kind']): string;
}

const same = (text: string): string => text;
export const PLAIN: Style = { heading: same, faint: same, bad: same, kind: same };
