/**
 * Where the cursor has been, as in a browser: back, and forward again; the oldest places are forgotten. Commands and
 * the screen walk the same trail: who moves the cursor says so here, and who shows it looks whether it was moved.
 *
 *  1. `here` is the place of the cursor; going anywhere but back makes what was forward unreachable.
 *  2. At most LONGEST places are kept on either side.
 */

/** A byte, as far as it is known on either side. */
export interface Spot {
  /** Absent: whichever side is looked at. */
  readonly side?: 'source' | 'target';
  /** Bytes. */
  readonly guest?: number;
  readonly host?: number;
}

export interface Stop {
  readonly place: Spot;
  /** What a screen keeps with it. */
  readonly kept?: unknown;
}

const LONGEST = 200;

export class Trail {
  /** Where the cursor is. The screen replaces it whenever the cursor moves; nothing is remembered by that. */
  here: Stop | undefined;
  #past: Stop[] = [];
  #future: Stop[] = [];

  /** The cursor jumps: `back` leads to where it was. To where it is already is no jump. */
  go(place: Spot): void {
    if (this.here && isSame(this.here.place, place)) return;
    if (this.here) this.push(this.here);
    this.here = { place };
  }

  /** Remembers a place as one that was left. */
  push(stop: Stop): void {
    this.#past.push(stop);
    if (this.#past.length > LONGEST) this.#past.shift();
    this.#future = [];
  }

  /** To where the last jump came from; undefined: there was none. */
  back(): Stop | undefined {
    return this.#walk(this.#past, this.#future);
  }

  /** To where `back` came from. */
  forward(): Stop | undefined {
    return this.#walk(this.#future, this.#past);
  }

  /** How many places there are behind, and ahead. */
  get behind(): number {
    return this.#past.length;
  }

  get ahead(): number {
    return this.#future.length;
  }

  /** Changes what is kept with each place; the places stay. */
  rekeep(change: (kept: unknown) => unknown): void {
    const changed = (stops: readonly Stop[]): Stop[] => stops.map(({ place, kept }) => ({ place, kept: change(kept) }));
    this.#past = changed(this.#past);
    this.#future = changed(this.#future);
  }

  clear(): void {
    this.#past = [];
    this.#future = [];
  }

  #walk(from: Stop[], to: Stop[]): Stop | undefined {
    const next = from.pop();
    if (!next) return undefined;
    if (this.here) to.push(this.here);
    this.here = next;
    return next;
  }
}

function isSame(a: Spot, b: Spot): boolean {
  return a.guest === b.guest && a.host === b.host && (a.side ?? b.side) === (b.side ?? a.side);
}
