/** Lists of places as runs: what a target keeps in its state of tables and blocks that mostly follow each other. */
import type { PlacedRun } from '../driver.ts';

/** Places in ascending order of their numbers, `size` bytes each, joined where they follow each other. */
export function runsOf(places: Iterable<readonly [index: number, offset: number]>, size: number): PlacedRun[] {
  const runs: { index: number; offset: number; count: number }[] = [];
  for (const [index, offset] of places) {
    const last = runs.at(-1);
    if (last && last.index + last.count === index && last.offset + last.count * size === offset) last.count++;
    else runs.push({ index, offset, count: 1 });
  }
  return runs;
}

/** Where number `index` stands; undefined when no run has it. */
export function placeIn(runs: readonly PlacedRun[], size: number, index: number): number | undefined {
  const run = runs.find((some) => index >= some.index && index < some.index + some.count);
  return run && run.offset + (index - run.index) * size;
}

export function* placesIn(
  runs: readonly PlacedRun[],
  size: number,
): Generator<readonly [index: number, offset: number]> {
  for (const { index, offset, count } of runs) {
    for (let i = 0; i < count; i++) yield [index + i, offset + i * size];
  }
}
