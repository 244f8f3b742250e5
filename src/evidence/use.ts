/** What file systems say of the use of each place, against what a piece would put there. */
import type { Volume } from './disk.ts';
import type { Puzzle } from './puzzle.ts';

/** Natural logarithms: a mapped cluster where something is in use, may be, or is free; and one in use that is not mapped. */
const USED = 3;
const MAYBE = 0.5;
const FREE = -4;
const MISSING = -2;

export interface Use {
  /** What speaks for a piece at a base, against the place staying empty. -Infinity: it cannot be there. */
  gain(piece: number, base: number): number;
  /** The same, with what a full place would hold and the piece does not: for comparing bases. */
  match(piece: number, base: number): number;
}

export function fitOf(puzzle: Puzzle, volumes: readonly Volume[]): Use {
  const { clusterSize, span, disk } = puzzle;
  const slots = span / clusterSize;
  const known = new Map<number, { readonly each: Float32Array; readonly missing: number }>();
  // Read once for each place, when first asked for.
  const at = (base: number): { readonly each: Float32Array; readonly missing: number } => {
    const before = known.get(base);
    if (before) return before;
    const each = new Float32Array(slots);
    let used = 0;
    for (let slot = 0; slot < slots && base + slot * clusterSize < disk.size; slot++) {
      const from = base + slot * clusterSize;
      const volume = volumes.find(({ start, length }) => from < start + length && from + clusterSize > start);
      if (!volume) continue;
      const { start, length } = volume;
      const usage = volume.usage(Math.max(from, start), Math.min(from + clusterSize, start + length));
      if (usage === 'used') used++;
      each[slot] = usage === 'used' ? USED : usage === 'free' ? FREE : usage === 'maybe' ? MAYBE : 0;
    }
    const its = { each, missing: used * MISSING };
    known.set(base, its);
    return its;
  };
  const gain = (piece: number, base: number): number => {
    const { slots: mapped } = puzzle.pieces[piece] as (typeof puzzle.pieces)[number];
    if (base + (mapped.at(-1) ?? 0) * clusterSize >= disk.size) return Number.NEGATIVE_INFINITY;
    if (volumes.length === 0) return 0;
    const { each } = at(base);
    let sum = 0;
    for (const slot of mapped) sum += each[slot] as number;
    return sum;
  };
  const match = (piece: number, base: number): number => {
    const its = gain(piece, base);
    if (its === Number.NEGATIVE_INFINITY || volumes.length === 0) return its;
    const { each, missing } = at(base);
    let there = 0;
    for (const slot of (puzzle.pieces[piece] as (typeof puzzle.pieces)[number]).slots) if (each[slot] === USED) there++;
    return its + missing - there * MISSING;
  };
  return { gain, match };
}
