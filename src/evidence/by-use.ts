/** Tables placed by the pattern of the clusters they map, and by what was written right behind them. */
import type { Progress } from '../bytes/progress.ts';
import type { Solution } from './place.ts';
import { type Placement, type Puzzle, slotIndex } from './puzzle.ts';
import type { Use } from './use.ts';

/** How much better the best must be than the next, in natural logarithms. */
export const SURE = 8;
/** Pieces times bases that are compared. */
const MOST = 2 ** 22;

/**
 * Pieces that one base fits far better than any other base, and that fit it far better than any other piece does. Bases of
 * whose use nothing is known count as a draw.
 */
export function* byUse(solution: Solution, use: Use): Generator<Progress, Placement[]> {
  const { left, free } = solution;
  if (left.length * free.length > MOST || left.length === 0) return [];
  const bestOf = new Map<number, { first: number; second: number; piece: number }>();
  const choices: { piece: number; base: number; value: number; second: number }[] = [];
  for (const [i, piece] of left.entries()) {
    let base = -1;
    let value = Number.NEGATIVE_INFINITY;
    let second = Number.NEGATIVE_INFINITY;
    for (const candidate of free) {
      const match = use.match(piece, candidate);
      if (match > value) {
        second = value;
        value = match;
        base = candidate;
      } else if (match > second) second = match;
      const there = bestOf.get(candidate);
      if (!there) bestOf.set(candidate, { first: match, second: Number.NEGATIVE_INFINITY, piece });
      else if (match > there.first) bestOf.set(candidate, { first: match, second: there.first, piece });
      else if (match > there.second) there.second = match;
    }
    choices.push({ piece, base, value, second });
    if (i % 16 === 15) yield { what: 'comparing with what is in use', done: i, total: left.length };
  }
  return choices.flatMap(({ piece, base, value, second }): Placement[] => {
    const there = bestOf.get(base);
    if (value < SURE || value - second < SURE || there?.piece !== piece || there.first - there.second < SURE) return [];
    const evidence = ['its clusters are those that the file system has in use there, and nowhere else'];
    return [{ piece, base, confidence: 'high', evidence, alternatives: [] }];
  });
}

/** Pairs of known neighbours in the file that have to agree before one more is sure. */
const ENOUGH = 4;

/**
 * Pieces written right behind, or right before, one whose place is known: their bases are neighbours. How sure that is, what
 * is known already says: whether it holds of every such pair.
 */
export function behindOthers(puzzle: Puzzle, solution: Solution): Placement[] {
  const { pieces, span } = puzzle;
  const bases = new Set(puzzle.bases);
  const has = new Map(solution.placements.map((one) => [one.piece, one.base]));
  const sure = new Set(solution.placements.flatMap((one) => (one.confidence === 'high' ? [one.piece] : [])));
  const pairs = pieces.flatMap((_, i) => (i > 0 && follows(puzzle, i - 1, i) ? [i] : []));
  const known = pairs.filter((i) => sure.has(i - 1) && sure.has(i));
  const holds = known.filter((i) => has.get(i) === (has.get(i - 1) as number) + span).length;
  const isRule = known.length >= ENOUGH && holds === known.length;
  if (known.length > 0 && holds * 2 < known.length) return [];
  const found: Placement[] = [];
  const step = (from: number, to: number, distance: number): void => {
    const base = has.get(from);
    const there = base === undefined ? -1 : base + distance;
    if (there < 0 || has.has(to) || !bases.has(there) || solution.isTaken(there)) return;
    const words = distance > 0 ? 'behind' : 'before';
    const evidence = [
      `written right ${words} the table of guest 0x${(base ?? 0).toString(16)}, across the border of the two`,
      ...(isRule ? [`as ${known.length} others of which both places are known`] : []),
    ];
    has.set(to, there);
    found.push({
      piece: to,
      base: there,
      confidence: isRule && sure.has(from) ? 'high' : 'low',
      evidence,
      alternatives: [],
    });
  };
  for (const i of pairs) step(i - 1, i, span);
  for (const i of pairs.reverse()) step(i, i - 1, -span);
  return found;
}

/**
 * Whether the last cluster of one piece's span and the first of the next one's were allocated one right behind the other:
 * only the new table lies between them.
 */
export function follows({ pieces, span, clusterSize }: Puzzle, before: number, piece: number): boolean {
  const a = pieces[before];
  const b = pieces[piece];
  if (!a || !b || span === clusterSize) return false;
  const last = slotIndex(a.slots, span / clusterSize - 1);
  if (last < 0 || b.slots[0] !== 0) return false;
  const distance = (b.hosts[0] as number) - (a.hosts[last] as number);
  return (
    distance > 0 && distance <= 3 * clusterSize && b.host > (a.hosts[last] as number) && b.host < (b.hosts[0] as number)
  );
}
