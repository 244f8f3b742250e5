/** Paints again only when what the painting shows has changed: a flush asks every canvas, after every key. */
import type { Painting } from './screen.ts';

/** Values that decide what is painted, compared one by one. */
export type Facts = readonly unknown[];

export class Remembered {
  #facts: Facts = [];
  #width = 0;
  #height = 0;
  #painting: Painting | undefined;

  /** The painting of before when size and facts are as they were; else what `paint` makes. */
  of(width: number, height: number, facts: Facts, paint: () => Painting): Painting {
    const same =
      this.#painting !== undefined &&
      width === this.#width &&
      height === this.#height &&
      facts.length === this.#facts.length &&
      facts.every((fact, i) => Object.is(fact, this.#facts[i]));
    if (same) return this.#painting as Painting;
    this.#facts = facts;
    this.#width = width;
    this.#height = height;
    this.#painting = paint();
    return this.#painting;
  }

  /** The last painting, when it has this size: for the time in which what it shows must not be looked at. */
  last(width: number, height: number): Painting | undefined {
    return width === this.#width && height === this.#height ? this.#painting : undefined;
  }
}
