/**
 * A run of spoilt images through everything that reads one. Parts of a run stand in files of their own, so that they run
 * beside each other; together they are the whole run.
 */
import { driverNamed } from '../../src/drivers/registry.ts';
import { countAllocations } from '../support/allocated.ts';
import { type Change, Corruptor, fewest, recipe, spoilt } from '../support/corruptor.ts';
import { exercise, type Work } from '../support/exercise.ts';
import { Random } from '../support/random.ts';
import { samples } from '../support/samples.ts';

export interface FuzzRun {
  readonly format: 'qcow2' | 'qed';
  readonly images: number;
  readonly seed: number;
}

export interface Tally {
  images: number;
  opened: number;
  /** The dearest of each kind of work. */
  worst: Work;
  /** By wall clock, for people: milliseconds. */
  slowest: { ms: number; recipe: string };
}

/** A failure that names the image: the fewest changes that still show it, and its seed. */
export class FuzzFailure extends Error {}

let counting = false;

/** Throws FuzzFailure at the first image that something is wrong with. */
export function fuzz({ format, images, seed }: FuzzRun, progress?: (done: number) => void): Tally {
  if (!counting) countAllocations();
  counting = true;
  const bases = corruptorsOf(format);
  const tally: Tally = {
    images: 0,
    opened: 0,
    worst: { opened: false, reads: 0, bytesRead: 0, allocated: 0, largest: 0, steps: 0 },
    slowest: { ms: 0, recipe: '' },
  };
  for (let i = 0; i < images; i++) {
    const random = new Random(seed * 1_000_003 + i);
    const corruptor = random.pick(bases);
    const changes = corruptor.changes(random);
    const begun = performance.now();
    const work = one(corruptor, changes, seed, i);
    const ms = performance.now() - begun;
    tally.images++;
    if (work.opened) tally.opened++;
    for (const key of ['reads', 'bytesRead', 'allocated', 'largest', 'steps'] as const) {
      tally.worst[key] = Math.max(tally.worst[key], work[key]);
    }
    if (ms > tally.slowest.ms) tally.slowest = { ms, recipe: recipe(corruptor.name, changes) };
    if (i % 1000 === 999) progress?.(i + 1);
  }
  return tally;
}

/** One for each sample of the format. */
export function corruptorsOf(format: string): Corruptor[] {
  const driver = driverNamed(format);
  return samples()
    .filter(({ image }) => image.format === format)
    .map(({ name, bytes }) => new Corruptor(driver, name, bytes));
}

function one(corruptor: Corruptor, changes: readonly Change[], seed: number, i: number): Work {
  const { base, driver, name } = corruptor;
  const run = (bytes: Uint8Array): Work => exercise(driver, bytes, new Random(i));
  try {
    return run(spoilt(base, changes));
  } catch (error) {
    const few = fewest(base, changes, (bytes) => {
      try {
        run(bytes);
        return false;
      } catch {
        return true;
      }
    });
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new FuzzFailure(`seed ${seed}, image ${i}: ${recipe(name, few)}\n${why}`);
  }
}
