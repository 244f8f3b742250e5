/** What the screen keeps with each place of the trail: the walk it was a stop of, and who had the keys. */
import type { Hop } from '../bytes/field.ts';
import type { Side } from '../session/panels.ts';
import type { Focus } from './desk.ts';

/** A walk from a guest byte through the tables to its host byte, one stop at a time. */
export interface Walk {
  readonly side: Side;
  readonly guest: number;
  readonly hops: readonly Hop[];
  /** Index of the stop that the cursor is on. */
  readonly at: number;
}

export interface Kept {
  readonly walk: Walk | undefined;
  readonly focus: Focus;
}
