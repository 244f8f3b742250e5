/**
 * A small seeded generator (mulberry32) for tests that build files with real programs: the same seed gives the same
 * image on every machine. PLATTER_SEED sets the first seed (`random`: by the clock), PLATTER_IMAGES scales how many.
 */
import { Seeded } from '../../src/bytes/seeded.ts';

export class Random extends Seeded {
  /** An integer, both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(0, from.length - 1)] as T;
  }
}

const wanted = process.env['PLATTER_SEED'];

/** The first seed of this run; tests count up from it. */
export const SEED: number = wanted === 'random' ? Date.now() % 1_000_000_000 : Number(wanted ?? 1);

/** `count` seeds, scaled by PLATTER_IMAGES (0.1 for a quick look, 10 for a night). */
export function seeds(count: number): number[] {
  const scaled = Math.max(1, Math.ceil(count * Number(process.env['PLATTER_IMAGES'] ?? 1)));
  return Array.from({ length: scaled }, (_, i) => SEED + i);
}

/** Splits `all` into pieces of at most `size`, so that a run of many images reports as several tests. */
export function pieces<T>(all: readonly T[], size: number): T[][] {
  const out: T[][] = [];
  for (let i = 0; i < all.length; i += size) out.push(all.slice(i, i + size));
  return out;
}

/** Runs `body` for one seed; a failure names the seed and how to run it alone. */
export function withSeed(seed: number, body: () => void): void {
  try {
    body();
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error));
    reason.message = `seed ${seed} (alone: PLATTER_SEED=${seed} PLATTER_IMAGES=0.001): ${reason.message}`;
    throw reason;
  }
}
