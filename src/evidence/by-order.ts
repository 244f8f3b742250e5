/** What is left, placed by the order in which pieces lie in the file, as far as what is known lies in order too. */
import type { Progress } from '../bytes/progress.ts';
import { follows, SURE } from './by-use.ts';
import type { Volume } from './disk.ts';
import { type InOrderAnswer, inOrder, LARGEST } from './in-order.ts';
import type { Solution } from './place.ts';
import type { Placement, Puzzle } from './puzzle.ts';
import type { Use } from './use.ts';

/** Neighbours that must be known before their order means anything. */
const ENOUGH_PAIRS = 4;
/** What leaving out a piece costs: a cluster may be no part of the disk at all. */
const SKIP = { cluster: 8, table: 1000 } as const;
/** How much worse the next best way must be for a cluster: one place that is in use and would stay empty. */
const SURE_CLUSTER = 2.4;
/** Pieces put into places at a time; of more than that the first half is kept, and the rest tried again. */
const WINDOW = 1024;

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
  const isTables = puzzle.span > puzzle.clusterSize;
  for (const segment of segmentsOf(puzzle, solution, trust === 'none' ? [] : longestAscending(anchors))) {
    const fill = trust === 'none' ? byLikeness : inTheirOrder;
    placements.push(...fill(puzzle, segment, use, trust, volumes));
    yield { what: 'placing', done: placements.length, total: puzzle.pieces.length };
  }
  if (isTables && trust !== 'none') {
    // Those that do not lie in the order of the others.
    const done = new Set(placements.map(({ piece }) => piece));
    const taken = new Set(placements.map(({ base }) => base));
    const pieces = solution.left.filter((piece) => !done.has(piece));
    const bases = solution.free.filter((base) => !taken.has(base));
    placements.push(...byLikeness(puzzle, { pieces, bases, isHeld: false }, use));
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

function trustIn(puzzle: Puzzle, anchors: readonly (readonly [number, number])[]): Trust {
  let { pairs, ascending } = puzzle.order;
  for (let i = 1; i < anchors.length; i++) {
    pairs++;
    if ((anchors[i]?.[1] as number) > (anchors[i - 1]?.[1] as number)) ascending++;
  }
  const share = pairs === 0 ? 1 : ascending / pairs;
  const least = puzzle.span > puzzle.clusterSize ? 0.95 : 0.8;
  return pairs >= ENOUGH_PAIRS && share > 0.99 ? 'sure' : share >= least ? 'likely' : 'none';
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
  if (places.length === 0) return [];
  const isOnly = pieces.length === bases.length && (isHeld || pieces.length === 1);
  const gain = (i: number, j: number): number => use.gain(pieces[i] as number, places[j] as number);
  // Where next to nothing is known of the use of the places, order says nothing either.
  const known = isTables ? pieces.length : places.filter((_, j) => gain(0, j) > 0).length;
  if (!isOnly && known * 2 < pieces.length) return [];
  const answer = windows(puzzle, pieces, places, gain);
  const sure = isTables ? SURE : SURE_CLUSTER;
  // As many clusters as the file system has in use in all the places there are for them.
  const inUse = isTables ? 0 : places.filter((_, j) => gain(0, j) > 1).length;
  const fitsExactly = inUse === pieces.length;
  return pieces.flatMap((piece, i): Placement[] => {
    const at = answer.place[i] as number;
    const base = places[at];
    const says = base === undefined ? 0 : gain(i, at);
    // Where nothing is known of the use of places, one is as good as another for a cluster.
    if (base === undefined || (!isTables && !isOnly && says <= 0)) return [];
    const isSure = ((answer.margin[i] as number) >= sure && trust === 'sure' && (isTables || fitsExactly)) || isOnly;
    const other = places[answer.second[i] as number];
    const evidence = [
      ...(isOnly ? ['exactly as many as free places between two that are known'] : []),
      ...(says > 0 ? [`${volumes[0]?.name ?? 'the file system'} has this place in use`] : []),
      `${puzzle.noun}s lie in the file in the order of the disk`,
    ];
    const alternatives = other === undefined || isSure ? [] : [other];
    return [{ piece, base, confidence: isSure ? 'high' : 'low', evidence, alternatives }];
  });
}

/** As `inOrder`, a window of pieces and places after the other where all at once would be too much. */
function windows(
  puzzle: Puzzle,
  pieces: readonly number[],
  places: readonly number[],
  gain: (i: number, j: number) => number,
): Omit<InOrderAnswer, 'pieces'> {
  const skip = puzzle.span > puzzle.clusterSize ? SKIP.table : SKIP.cluster;
  const place = new Int32Array(pieces.length).fill(-1);
  const second = new Int32Array(pieces.length).fill(-1);
  const margin = new Float64Array(pieces.length);
  for (let from = 0, low = 0; from < pieces.length && low < places.length; ) {
    const isAll = (pieces.length - from) * (places.length - low) <= LARGEST;
    const count = isAll ? pieces.length - from : Math.min(WINDOW, pieces.length - from);
    const width = isAll ? places.length - low : Math.min(places.length - low, LARGEST / WINDOW);
    const start = from;
    const answer = inOrder({
      pieces: count,
      places: width,
      gain: (i, j) => gain(start + i, low + j),
      joins: (i) => joins(puzzle, pieces[start + i - 1] as number, pieces[start + i] as number),
      skip,
    });
    const kept = isAll ? count : Math.ceil(count / 2);
    let next = low;
    for (let i = 0; i < kept; i++) {
      const at = answer.place[i] as number;
      margin[from + i] = answer.margin[i] as number;
      second[from + i] = (answer.second[i] as number) < 0 ? -1 : low + (answer.second[i] as number);
      if (at < 0) continue;
      place[from + i] = low + at;
      next = low + at + 1;
    }
    from += kept;
    low = next;
  }
  return { place, second, margin };
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
