/**
 * Pieces that lie in the file in the order in which they lie on the disk, put into places: which piece goes where is
 * found as the best of all ways to do it in order, and how sure each is, as how much worse the best way without it is.
 *
 * Bound: pieces times places; who asks keeps that below `LARGEST`.
 */

/** Pieces times places. */
export const LARGEST = 2 ** 22;

export interface InOrder {
  readonly pieces: number;
  readonly places: number;
  /** What speaks for the piece at the place, in natural logarithms; -Infinity where it cannot be. */
  gain(piece: number, place: number): number;
  /** What speaks for the piece to stand in the place right behind that of the piece before it. */
  joins(piece: number): number;
  /** What leaving the piece out costs. */
  readonly skip: number;
}

export interface InOrderAnswer {
  /** Of each piece: its place, or -1. */
  readonly place: Int32Array;
  /** How much worse all is with the piece anywhere else. */
  readonly margin: Float64Array;
  /** The next best place; -1: none, or left out. */
  readonly second: Int32Array;
}

export function inOrder(task: InOrder): InOrderAnswer {
  const { pieces, places } = task;
  const forward = table(task, false);
  const backward = table(task, true);
  const place = new Int32Array(pieces).fill(-1);
  const second = new Int32Array(pieces).fill(-1);
  const margin = new Float64Array(pieces);
  const width = places + 1;
  let last = -1;
  for (let i = 0; i < pieces; i++) {
    let best = Number.NEGATIVE_INFINITY;
    let next = Number.NEGATIVE_INFINITY;
    const consider = (value: number, at: number): void => {
      // Of equals the first wins that keeps the order of what is placed already.
      if (value > best + 1e-6 && (at < 0 || at > last)) {
        if (best > next) {
          next = best;
          second[i] = place[i] as number;
        }
        best = value;
        place[i] = at;
      } else if (value > next) {
        next = value;
        second[i] = at;
      }
    };
    for (let j = 0; j < places; j++) {
      // Placed here: the best before it, and the best behind it.
      const before = forward.at[i * width + j] as number;
      if (before === Number.NEGATIVE_INFINITY) continue;
      const mirror = (pieces - 1 - i) * width + (places - 1 - j);
      const behind = backward.at[mirror] as number;
      consider(before + behind - task.gain(i, j), j);
    }
    let skipped = Number.NEGATIVE_INFINITY;
    for (let j = 0; j <= places; j++) {
      const sum =
        (forward.best[i * width + j] as number) +
        (backward.best[(pieces - 1 - i) * width + (places - j)] as number) -
        task.skip;
      if (sum > skipped) skipped = sum;
    }
    consider(skipped, -1);
    margin[i] = best - next;
    if ((place[i] as number) >= 0) last = place[i] as number;
  }
  return { place, margin, second };
}

interface Tables {
  /** [i][j]: the best with piece i at place j, and pieces before it in places before it. */
  readonly at: Float32Array;
  /** [i][j]: the best with the first i pieces in the first j places. */
  readonly best: Float32Array;
}

/** From the front, or from the end with pieces and places turned round. */
function table({ pieces, places, gain, joins, skip }: InOrder, isTurned: boolean): Tables {
  const width = places + 1;
  const best = new Float32Array((pieces + 1) * width);
  const at = new Float32Array(pieces * width).fill(Number.NEGATIVE_INFINITY);
  for (let i = 1; i <= pieces; i++) {
    const piece = isTurned ? pieces - i : i - 1;
    // The join is between this piece and the one before it in the walk.
    const join = i === 1 ? 0 : joins(isTurned ? piece + 1 : piece);
    best[i * width] = (best[(i - 1) * width] as number) - skip;
    for (let j = 1; j <= places; j++) {
      const place = isTurned ? places - j : j - 1;
      const its = gain(piece, place);
      const before = best[(i - 1) * width + j - 1] as number;
      const beside = i > 1 && j > 1 ? (at[(i - 2) * width + j - 2] as number) + join : Number.NEGATIVE_INFINITY;
      const here = its + Math.max(before, beside);
      at[(i - 1) * width + j - 1] = here;
      best[i * width + j] = Math.max(
        here,
        best[i * width + j - 1] as number,
        (best[(i - 1) * width + j] as number) - skip,
      );
    }
  }
  return { at, best };
}
