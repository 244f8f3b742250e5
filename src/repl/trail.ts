/** Where the cursor came from: jumps can be taken back, as in a browser; the oldest are forgotten. */
import type { Hop } from '../bytes/field.ts';
import type { Side } from '../session/panels.ts';
import type { Focus, Place } from './desk.ts';

/** A walk from a guest byte through the tables to its host byte, one stop at a time. */
export interface Walk {
  readonly side: Side;
  readonly guest: number;
  readonly hops: readonly Hop[];
  /** Index of the stop that the cursor is on. */
  readonly at: number;
}

export interface Stop {
  readonly place: Place;
  readonly walk: Walk | undefined;
  readonly focus: Focus;
}

const LONGEST = 200;

export class Trail {
  readonly #stops: Stop[] = [];

  push(stop: Stop): void {
    this.#stops.push(stop);
    if (this.#stops.length > LONGEST) this.#stops.shift();
  }

  pop(): Stop | undefined {
    return this.#stops.pop();
  }

  /** The places stay. */
  forgetWalks(): void {
    for (const [i, stop] of this.#stops.entries()) this.#stops[i] = { ...stop, walk: undefined };
  }

  clear(): void {
    this.#stops.length = 0;
  }
}
