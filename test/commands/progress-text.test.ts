/** Rate and estimate, with the clock in hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProgressLine } from '../../src/commands/progress-line.ts';
import { durationText, PaceKeeper, paceText } from '../../src/commands/progress-text.ts';
import { MemorySink } from '../../src/commands/sink.ts';

const GIB = 2 ** 30;

/** Steady work: `rate` a second, told every 100 ms up to `seconds`. */
function steadily(seconds: number, rate: number, total: number, unit?: 'bytes'): string {
  const keeper = new PaceKeeper();
  let text = '';
  for (let ms = 0; ms <= seconds * 1000; ms += 100) {
    text = paceText(keeper.add({ what: 'mapping', done: (rate * ms) / 1000, total, unit }, ms));
  }
  return text;
}

describe('pace', () => {
  it('steady work', () => {
    expect(steadily(0, GIB, 100 * GIB, 'bytes')).toBe('mapping 0 %');
    expect(steadily(0.9, GIB, 100 * GIB, 'bytes')).toBe('mapping 0 %');
    expect(steadily(43, GIB, 100 * GIB, 'bytes')).toBe('mapping 43 % · 1 GiB/s · 57 s left');
    expect(steadily(10, 512 * GIB, 2 ** 44, 'bytes')).toBe('mapping 31 % · 512 GiB/s · 22 s left');
    expect(steadily(10, 1234567, 1e9, 'bytes')).toBe('mapping 1 % · 1.180 MiB/s · 13 min 20 s left');
    expect(steadily(100, GIB, 100 * GIB, 'bytes')).toBe('mapping 100 % · 1 GiB/s');
  });

  it('what is not bytes has no rate, and what has no total no share and no end', () => {
    expect(steadily(10, 10, 1000)).toBe('mapping 10 % · 1 min 30 s left');
    expect(steadily(10, GIB, 0, 'bytes')).toBe('mapping · 1 GiB/s');
    expect(steadily(10, 0, 1000)).toBe('mapping 0 %');
  });

  it('begins anew with other work, and follows a change of speed', () => {
    const keeper = new PaceKeeper();
    let done = 0;
    for (let ms = 0; ms <= 5000; ms += 100, done += 10) keeper.add({ what: 'mapping', done, total: 1e6 }, ms);
    done -= 10;
    expect(keeper.add({ what: 'mapping', done, total: 1e6 }, 5000).rate).toBeCloseTo(100);
    for (let ms = 5100; ms <= 20_000; ms += 100, done++) keeper.add({ what: 'mapping', done, total: 1e6 }, ms);
    expect(keeper.add({ what: 'mapping', done, total: 1e6 }, 20_000).rate).toBeLessThan(12);
    expect(keeper.add({ what: 'verifying', done: 5, total: 10 }, 20_100)).toEqual({
      what: 'verifying',
      percent: 50,
      rate: undefined,
      bytes: false,
      secondsLeft: undefined,
    });
  });

  it('never says what is not finite, whatever it is told', () => {
    const told = fc.record({ what: fc.constantFrom('a', 'b'), done: fc.nat(), total: fc.nat() });
    fc.assert(
      fc.property(fc.array(fc.tuple(told, fc.nat(5000)), { maxLength: 40 }), (all) => {
        const keeper = new PaceKeeper();
        let now = 0;
        for (const [progress, wait] of all) {
          now += wait;
          const pace = keeper.add({ ...progress, unit: 'bytes' }, now);
          expect(paceText(pace)).not.toMatch(/NaN|Infinity|undefined|-\d/);
          expect(pace.percent ?? 0).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  it.each([
    [0, '1 s'],
    [59.4, '59 s'],
    [60, '1 min'],
    [80, '1 min 20 s'],
    [3600, '1 h'],
    [7500, '2 h 5 min'],
    [1e9, 'days'],
  ])('%d seconds: %s', (seconds, text) => expect(durationText(seconds)).toBe(text));
});

describe('the line', () => {
  it('comes when work is long, is overwritten, and wiped', () => {
    const sink = new MemorySink();
    const line = new ProgressLine(sink, true);
    line.show({ what: 'l2 tables', done: 1, total: 100 }, 1000);
    line.show({ what: 'l2 tables', done: 2, total: 100 }, 1300);
    expect(sink.toString()).toBe('');
    line.show({ what: 'l2 tables', done: 10, total: 100 }, 1400);
    line.show({ what: 'l2 tables', done: 11, total: 100 }, 1450);
    line.show({ what: 'x', done: 1, total: 100 }, 1500);
    expect(sink.toString()).toBe('\rl2 tables 10 %\rx 1 %         ');
    line.show(undefined, 1600);
    expect(sink.toString()).toBe(`\rl2 tables 10 %\rx 1 %         \r${' '.repeat(14)}\r`);
    line.wipe();
    expect(sink.toString()).toHaveLength(`\rl2 tables 10 %\rx 1 %         \r${' '.repeat(14)}\r`.length);
  });
});
