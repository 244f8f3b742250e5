/**
 * Where lost pieces of a disk belong: by what their content says for itself (votes.ts), by which clusters file systems have
 * in use, by what was written right behind what (by-use.ts), and last by the order in the file (by-order.ts). Each
 * place that is found makes more of the disk readable, so the first three are asked again until they know no more.
 *
 *  1. A place is given once, and a piece has one place.
 *  2. Order alone is never more than `low`, unless what is known lies in order throughout, and the next best way is far worse.
 */
import type { Progress } from '../bytes/progress.ts';
import { byOrder, isOrdered } from './by-order.ts';
import { behindOthers, byUse } from './by-use.ts';
import type { Volume } from './disk.ts';
import { type Placement, type Puzzle, PuzzleDisk } from './puzzle.ts';
import { fitOf } from './use.ts';
import { ContentVotes } from './votes.ts';

const ROUNDS = 12;

export interface Placed {
  /** By ascending base. */
  readonly placements: readonly Placement[];
  /** File systems found, for people. */
  readonly found: readonly string[];
  /** Pieces that no place was found for. */
  readonly left: readonly number[];
}

export function* place(puzzle: Puzzle): Generator<Progress, Placed> {
  const state = new Solution(puzzle);
  const votes = yield* ContentVotes.of(puzzle);
  const isTables = puzzle.span > puzzle.clusterSize;
  let volumes: readonly Volume[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = state.count;
    const said = yield* votes.round(state);
    ({ volumes } = said);
    state.add(said.fresh);
    if (said.fresh.length > 0) continue;
    const fit = fitOf(puzzle, volumes);
    if (isTables) {
      state.add(yield* byUse(state, fit));
      state.add(onlySure(behindOthers(puzzle, state)));
    }
    // What is sure by order may be the very table that says what else is in use.
    if (state.count === before) state.add(onlySure(yield* byOrder(puzzle, state, fit, volumes)));
    if (state.count === before) break;
  }
  const fit = fitOf(puzzle, volumes);
  if (isTables && !isOrdered(puzzle, state)) state.add(behindOthers(puzzle, state));
  state.add(yield* byOrder(puzzle, state, fit, volumes));
  return {
    placements: [...state.placements].sort((a, b) => a.base - b.base),
    found: volumes.map(({ name, start }) => `${name} at guest 0x${start.toString(16)}`),
    left: state.left,
  };
}

function onlySure(placements: readonly Placement[]): Placement[] {
  return placements.filter(({ confidence }) => confidence === 'high');
}

/** What is placed so far. */
export class Solution {
  readonly disk: PuzzleDisk;
  readonly #puzzle: Puzzle;
  readonly #placed = new Map<number, Placement>();
  readonly #taken = new Map<number, number>();

  constructor(puzzle: Puzzle) {
    this.#puzzle = puzzle;
    this.disk = new PuzzleDisk(puzzle);
  }

  get count(): number {
    return this.#placed.size;
  }

  get placements(): readonly Placement[] {
    return [...this.#placed.values()];
  }

  /** Pieces without a place. */
  get left(): number[] {
    return this.#puzzle.pieces.map((_, i) => i).filter((i) => !this.#placed.has(i));
  }

  /** Bases without a piece, ascending. */
  get free(): number[] {
    return this.#puzzle.bases.filter((base) => !this.#taken.has(base));
  }

  has(piece: number): boolean {
    return this.#placed.has(piece);
  }

  isTaken(base: number): boolean {
    return this.#taken.has(base);
  }

  of(piece: number): Placement | undefined {
    return this.#placed.get(piece);
  }

  /** What is placed already, or where something is, is left as it is. */
  add(placements: readonly Placement[]): void {
    for (const placement of placements) {
      const { piece, base } = placement;
      if (this.#placed.has(piece) || this.#taken.has(base)) continue;
      this.#placed.set(piece, placement);
      this.#taken.set(base, piece);
      // What is only likely must not be read as if it were so.
      const its = this.#puzzle.pieces[piece];
      if (its && placement.confidence === 'high') this.disk.place(its, base);
    }
  }
}
