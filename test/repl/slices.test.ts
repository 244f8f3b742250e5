/** Long work in slices: others get their turn, it can be dropped, and what it throws is told. */
import { describe, expect, it } from 'vitest';
import type { Progress } from '../../src/bytes/progress.ts';
import { Slices } from '../../src/repl/slices.ts';
import { pause } from './running.ts';

interface Work {
  ended: string;
  steps: number;
}

/** `steps` steps of so many milliseconds each. */
function* working(work: Work, steps: number, milliseconds: number): Generator<Progress, void> {
  try {
    for (let done = 0; done < steps; done++) {
      const until = performance.now() + milliseconds;
      while (performance.now() < until);
      work.steps++;
      yield { what: 'mapping', done, total: steps };
    }
    work.ended = 'done';
  } finally {
    if (work.ended === '') work.ended = 'dropped';
  }
}

function sliced(): { slices: Slices; told: (Progress | undefined)[]; failed: unknown[] } {
  const told: (Progress | undefined)[] = [];
  const failed: unknown[] = [];
  return {
    slices: new Slices(
      (progress) => told.push(progress),
      (error) => failed.push(error),
    ),
    told,
    failed,
  };
}

describe('work in slices', () => {
  it('does what is small at once', () => {
    const work = { ended: '', steps: 0 };
    const { slices, told } = sliced();
    slices.start(working(work, 3, 0));
    expect(work).toEqual({ ended: 'done', steps: 3 });
    expect(slices.busy).toBe(false);
    expect(told).toEqual([undefined]);
  });

  it('gives others their turn while it goes on', async () => {
    const work = { ended: '', steps: 0 };
    const { slices, told } = sliced();
    slices.start(working(work, 10, 3));
    expect(slices.busy).toBe(true);
    const seen = work.steps;
    expect(seen).toBeLessThan(10);
    await new Promise(setImmediate);
    expect(work.steps).toBeGreaterThan(seen);
    while (slices.busy) await pause(1);
    expect(work).toEqual({ ended: 'done', steps: 10 });
    expect(told.at(-1)).toBeUndefined();
    expect(told.length).toBeGreaterThan(2);
  });

  it('is dropped, cleanly, and says nothing more', async () => {
    const work = { ended: '', steps: 0 };
    const { slices, told } = sliced();
    slices.start(working(work, 100, 3));
    slices.stop();
    slices.stop();
    expect(work.ended).toBe('dropped');
    const { length } = told;
    await pause(20);
    expect(told).toHaveLength(length);
  });

  it('makes room for other work', async () => {
    const [one, two] = [
      { ended: '', steps: 0 },
      { ended: '', steps: 0 },
    ];
    const { slices } = sliced();
    slices.start(working(one, 100, 3));
    slices.start(working(two, 5, 3));
    expect(one.ended).toBe('dropped');
    while (slices.busy) await pause(1);
    expect(two.ended).toBe('done');
  });

  it.each([0, 20])('tells what the work throws, %s ms in', async (after) => {
    const { slices, failed, told } = sliced();
    const error = new Error('broken');
    slices.start(
      (function* () {
        yield* working({ ended: '', steps: 0 }, after / 4, 4);
        throw error;
      })(),
    );
    while (slices.busy) await pause(1);
    expect(failed).toEqual([error]);
    expect(told).not.toContain(undefined);
  });
});
