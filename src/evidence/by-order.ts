/** What is left, placed by the order in which pieces lie in the file, as far as what is known lies in order too. */
import type { Progress } from '../bytes/progress.ts';
import { follows, SURE } from './by-use.ts';
import type { Volume } from './disk.ts';
import { inOrder, LARGEST } from './in-order.ts';
import type { Solution } from './place.ts';
import type { Placement, Puzzle } from './puzzle.ts';
import type { Use } from './use.ts';

/** Neighbours that must be known before their order means anything. */
const ENOUGH_PAIRS = 4;
/** What leaving out a piece costs: a cluster may be no part of the disk at all. */
const SKIP = { cluster: 4, table: 1000 } as const;

/** Pieces between two that are known, and the free bases between those. */
interface Segment {
  readonly pieces: readonly number[];
  readonly bases: readonly number[];
  /** Known pieces on both sides. */
  readonly isHeld: boolean;
}

type Trust = 'sure' | 'likely' | 'none';

export function* byOrder(
  puzzle: Puzzle,
  solution: Solution,
  use: Use,
  volumes: readonly Volume[],
): Generator<Progress, Placement[]> {
  const anchors = anchorsOf(solution);
  const trust = trustIn(puzzle, anchors);
  const placements: Placement[] = [];
  for (const segment of segmentsOf(puzzle, solution, trust === 'none' ? [] : longestAscending(anchors))) {
    const fill = trust === 'none' ? byLikeness : inTheirOrder;
    placements.push(...fill(puzzle, segment, use, trust, volumes));
    yield { what: 'placing', done: placements.length, total: puzzle.pieces.length };
  }
  return placements;
}

function anchorsOf({ placements }: Solution): (readonly [number, number])[] {
  return placements.map(({ piece, base }) => [piece, base] as const).sort((a, b) => a[0] - b[0]);
}

/** Whether what is known lies in the file in the order of the disk, more or less. */
export function isOrdered(puzzle: Puzzle, solution: Solution): boolean {
  return trustIn(puzzle, anchorsOf(solution)) !== 'none';
}

function trustIn({ order }: Puzzle, anchors: readonly (readonly [number, number])[]): Trust {
  let { pairs, ascending } = order;
  for (let i = 1; i < anchors.length; i++) {
    pairs++;
    if ((anchors[i]?.[1] as number) > (anchors[i - 1]?.[1] as number)) ascending++;
  }
  const share = pairs === 0 ? 1 : ascending / pairs;
  return pairs >= ENOUGH_PAIRS && share > 0.99 ? 'sure' : share >= 0.8 ? 'likely' : 'none';
}

function segmentsOf(puzzle: Puzzle, solution: Solution, frame: readonly (readonly [number, number])[]): Segment[] {
  const { free } = solution;
  const segments: Segment[] = [];
  let from = 0;
  let low = -1;
  for (const [piece, base] of [...frame, [puzzle.pieces.length, Number.POSITIVE_INFINITY] as const]) {
    const pieces: number[] = [];
    for (let i = from; i < piece; i++) if (!solution.has(i)) pieces.push(i);
    const bases = free.filter((place) => place > low && place < base);
    if (pieces.length > 0 && bases.length > 0) {
      segments.push({ pieces, bases, isHeld: low >= 0 && base < Number.POSITIVE_INFINITY });
    }
    from = piece + 1;
    low = base;
  }
  return segments;
}

/** The most anchors that ascend in file and disk alike. */
function longestAscending(anchors: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const tails: number[] = [];
  const before = new Int32Array(anchors.length).fill(-1);
  for (const [i, [, base]] of anchors.entries()) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((anchors[tails[middle] as number]?.[1] as number) < base) low = middle + 1;
      else high = middle;
    }
    before[i] = low > 0 ? (tails[low - 1] as number) : -1;
    tails[low] = i;
  }
  const chain: (readonly [number, number])[] = [];
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i] as number)
    chain.unshift(anchors[i] as readonly [number, number]);
  return chain;
}

function inTheirOrder(
  puzzle: Puzzle,
  { pieces, bases, isHeld }: Segment,
  use: Use,
  trust: Trust,
  volumes: readonly Volume[],
): Placement[] {
  const isTables = puzzle.span > puzzle.clusterSize;
  // Places that nothing is in are left out first: they only make the work larger.
  const places = isTables ? bases : bases.filter((base) => use.gain(pieces[0] as number, base) >= 0);
  if (places.length === 0 || pieces.length * places.length > LARGEST) return [];
  const isOnly = pieces.length === bases.length && (isHeld || pieces.length === 1);
  const gain = (i: number, j: number): number => use.gain(pieces[i] as number, places[j] as number);
  const answer = inOrder({
    pieces: pieces.length,
    places: places.length,
    gain,
    joins: (i) => joins(puzzle, pieces[i - 1] as number, pieces[i] as number),
    skip: isTables ? SKIP.table : SKIP.cluster,
  });
  return pieces.flatMap((piece, i): Placement[] => {
    const at = answer.place[i] as number;
    const base = places[at];
    if (base === undefined) return [];
    const isSure = ((answer.margin[i] as number) >= SURE && trust === 'sure') || isOnly;
    const other = places[answer.second[i] as number];
    const evidence = [
      ...(isOnly ? ['exactly as many as free places between two that are known'] : []),
      ...(gain(i, at) > 0 ? [`${volumes[0]?.name ?? 'the file system'} has this place in use`] : []),
      `${puzzle.noun}s lie in the file in the order of the disk`,
    ];
    const alternatives = other === undefined || isSure ? [] : [other];
    return [{ piece, base, confidence: isSure ? 'high' : 'low', evidence, alternatives }];
  });
}

/** Without an order: the base that fits best of those still free, the clearest cases first. Tables only. */
function byLikeness(puzzle: Puzzle, { pieces, bases }: Segment, use: Use): Placement[] {
  if (puzzle.span === puzzle.clusterSize || pieces.length * bases.length > LARGEST) return [];
  const taken = new Set<number>();
  const left = new Set(pieces);
  const placements: Placement[] = [];
  const rank = (piece: number): { piece: number; order: number[]; margin: number } => {
    const order = bases
      .filter((base) => !taken.has(base))
      .sort((a, b) => use.match(piece, b) - use.match(piece, a) || a - b);
    const [first, second] = order;
    const margin = first === undefined || second === undefined ? 0 : use.match(piece, first) - use.match(piece, second);
    return { piece, order, margin };
  };
  for (const { piece } of pieces.map(rank).sort((a, b) => b.margin - a.margin || a.piece - b.piece)) {
    if (!left.has(piece)) continue;
    const { order } = rank(piece);
    const [base, other] = order;
    if (base === undefined || use.match(piece, base) === Number.NEGATIVE_INFINITY) continue;
    // With it go those that were written right behind it.
    for (
      let next = piece, at = base;
      left.has(next) && bases.includes(at) && !taken.has(at);
      next++, at += puzzle.span
    ) {
      if (next !== piece && !follows(puzzle, next - 1, next)) break;
      left.delete(next);
      taken.add(at);
      const evidence = [
        next === piece
          ? 'of the free places this fits best what is in use'
          : 'written right behind the table before it',
      ];
      placements.push({
        piece: next,
        base: at,
        confidence: 'low',
        evidence,
        alternatives: other === undefined ? [] : [other],
      });
    }
  }
  return placements;
}

function joins(puzzle: Puzzle, before: number, piece: number): number {
  if (puzzle.span > puzzle.clusterSize) return follows(puzzle, before, piece) ? 4 : 0;
  const a = puzzle.pieces[before];
  const b = puzzle.pieces[piece];
  return a && b && b.host === a.host + puzzle.clusterSize ? 0.5 : 0;
}
