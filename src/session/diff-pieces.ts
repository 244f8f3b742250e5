/**
 * Which structure names which bytes of a diff. Four images may claim them: after and before the change, and of both the
 * target that is being built. The later moment names what it knows, the earlier what only it knew.
 *
 * Invariant: pieces are in host order and disjoint.
 */
import type { Progress } from '../bytes/progress.ts';
import type { Range, Ranges } from '../bytes/ranges.ts';
import type { Region } from '../drivers/driver.ts';
import type { DiffSide } from './diff-side.ts';

export interface Piece {
  /** Bytes of the file; the part of the region that this structure names. */
  readonly from: number;
  readonly to: number;
  readonly region: Region;
  readonly side: DiffSide;
  /** Whose terms: of the later moment, or of the earlier. */
  readonly moment: 'after' | 'before';
  /** The structure is there at both moments. */
  readonly isKept: boolean;
}

/** What a moment has: its image first, then the target. */
export type Sides = readonly DiffSide[];

/** The pieces of `among`. `after` and `before` as sides of the two moments. */
export function* piecesOf(after: Sides, before: Sides, among: Ranges): Generator<Progress, readonly Piece[]> {
  const found = { after: [] as Found[], before: [] as Found[] };
  for (const [moment, sides] of [
    ['after', after],
    ['before', before],
  ] as const) {
    for (const side of sides) found[moment].push({ side, regions: yield* side.structures(among) });
  }
  const keys = { after: keysOf(found.after), before: keysOf(found.before) };
  let pieces: readonly Piece[] = [];
  for (const moment of ['after', 'before'] as const) {
    const others = keys[moment === 'after' ? 'before' : 'after'];
    for (const { side, regions } of found[moment]) {
      pieces = under(
        pieces,
        regions.map((region) => {
          const { offset: from, length } = region;
          return { from, to: from + length, region, side, moment, isKept: others.has(keyOf(side, region)) };
        }),
      );
    }
  }
  return pieces;
}

interface Found {
  readonly side: DiffSide;
  readonly regions: readonly Region[];
}

function keysOf(found: readonly Found[]): ReadonlySet<string> {
  return new Set(found.flatMap(({ side, regions }) => regions.map((region) => keyOf(side, region))));
}

/** A target's table is the same one after the header was copied. */
function keyOf({ format }: DiffSide, { role, label = '', offset }: Region): string {
  return `${format} ${role} ${label} ${offset}`;
}

/** Both lists in one, `lower` only where `upper` has nothing. */
function under(upper: readonly Piece[], lower: readonly Piece[]): readonly Piece[] {
  if (upper.length === 0) return lower;
  const all: Piece[] = [];
  let i = 0;
  let covered = 0;
  for (const piece of lower) {
    let from = Math.max(piece.from, covered);
    for (; i < upper.length && (upper[i] as Piece).from < piece.to; i++) {
      const above = upper[i] as Piece;
      if (above.from > from) all.push({ ...piece, from, to: above.from });
      all.push(above);
      covered = above.to;
      from = Math.max(from, covered);
    }
    if (from < piece.to) all.push({ ...piece, from });
  }
  for (; i < upper.length; i++) all.push(upper[i] as Piece);
  return all;
}

/** The parts of `ranges` in `from` .. `to` - 1. */
export function* clip(ranges: Ranges, from: number, to: number): Generator<Range> {
  for (let at = from; at < to; ) {
    const next = ranges.overlapping(at, to - at);
    if (!next) return;
    const offset = Math.max(next.offset, at);
    const end = Math.min(next.offset + next.length, to);
    yield { offset, length: end - offset };
    at = end;
  }
}
