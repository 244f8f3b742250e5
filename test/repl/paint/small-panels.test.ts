/** Steps, status line, help for keys, progress: exact rows, and their shape at every size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { helpHead, helpMatches, helpScroll, paintHelp } from '../../../src/repl/paint/help.ts';
import { addSample, paintProgress, progressText, rateOf } from '../../../src/repl/paint/progress.ts';
import { exactSize, roughSize } from '../../../src/repl/paint/sizes.ts';
import { paintStatus } from '../../../src/repl/paint/status.ts';
import { paintSteps, stepRowsVisible, stepsHead, stepsScroll } from '../../../src/repl/paint/steps.ts';
import type { HelpView, ProgressHistory, StatusView, StepsView } from '../../../src/repl/paint/views.ts';
import { BARE, themeFor } from '../../../src/repl/theme.ts';
import { step } from './fakes.ts';
import { aName, aSize, aTheme, expectShape, PLAIN } from './samples.ts';

const trimmed = (rows: readonly string[]): string[] => rows.map((row) => row.trimEnd());

describe('sizes', () => {
  it('are exact, or short', () => {
    expect([0, 512, 65536, 2176 * 1024, 2 ** 40, 1536, 12345].map(exactSize)).toEqual([
      '0',
      '512',
      '64K',
      '2176K',
      '1T',
      '1536',
      '12345',
    ]);
    expect([0, 1023, 1024, 168 * 1024, 374_656_204, 2 ** 30 - 1, 10 * 2 ** 30].map(roughSize)).toEqual([
      '0',
      '1023',
      '1K',
      '168K',
      '357.3M',
      '1G',
      '10G',
    ]);
  });
});

describe('steps', () => {
  const steps = [
    step(1, 'open-target qed'),
    step(2, 'setmap 0x370000 data 0x3c0000', true, ['l2 table 0', 'refcount block 0'], 5),
    step(3, 'copy-header', false),
  ];
  const view: StepsView = { steps, cursor: 1, top: 0 };

  it('say what is in force, and what the chosen one wrote', () => {
    expect(trimmed(paintSteps(view, 68, 7, PLAIN))).toEqual([
      '  1  open-target qed                      1 write     104 B  staged',
      '> 2  setmap 0x370000 data 0x3c0000        2 writes     10 B  staged',
      '  3  copy-header                          1 write     104 B  undone',
      'step 2 writes',
      '  0x0              5 B  l2 table 0',
      '  0x10000          5 B  refcount block 0',
      '',
    ]);
    expect(trimmed(paintSteps({ ...view, cursor: -1, committed: true }, 48, 3, PLAIN))).toEqual([
      '  1  open-target qed              104 B  on disk',
      '> 2  setmap 0x370000 data 0x3…     10 B  on disk',
      '  3  copy-header                  104 B  undone',
    ]);
    expect(trimmed(paintSteps({ ...view, cursor: -1 }, 20, 3, BARE))[1]).toBe('> 2  setmap 0x37000~');
    expect(stepsHead(view)).toEqual({ title: 'Steps', detail: '2 staged, 1 undone' });
    expect(stepsHead({ ...view, steps: [] })).toEqual({ title: 'Steps' });
    expect(trimmed(paintSteps({ ...view, steps: [] }, 20, 1, PLAIN))).toEqual(['  no steps yet']);
  });

  it('leave room for writes, and say how many are not shown', () => {
    const many = step(1, 'setmap --all', true, Array(50).fill('l2 table'));
    const rows = trimmed(paintSteps({ steps: [many, ...steps], cursor: 0, top: 0 }, 60, 8, PLAIN));
    expect(stepRowsVisible({ steps: [many, ...steps], cursor: 0, top: 0 }, 8)).toBe(4);
    expect(rows[4]).toBe('step 1 writes');
    expect(rows[7]).toBe('  48 more');
    expect(stepsScroll({ steps, cursor: -1, top: 1 }, 2)).toEqual({ top: 1, visible: 2, total: 3 });
  });

  it('are whole at every size', () => {
    const aStep = fc
      .tuple(fc.nat(99999), aName, fc.boolean(), fc.array(aName, { maxLength: 9 }), fc.nat())
      .map(([number, line, applied, writes, bytes]) => step(number, line, applied, writes, bytes));
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.array(aStep, { maxLength: 70 }),
        fc.integer({ min: -1, max: 70 }),
        fc.nat(70),
        ({ width, height }, theme, any, cursor, top) => {
          expectShape(paintSteps({ steps: any, cursor, top }, width, height, theme), width, height);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('the status line', () => {
  const view: StatusView = {
    file: 'disk.qcow2',
    format: 'qcow2',
    target: 'qed',
    virtualSize: 10 * 2 ** 30,
    fileSize: 168 * 1024,
    clusterSize: 65536,
    staged: 3,
    check: { text: 'clean', verdict: 'good', stale: 'before step 3' },
  };
  const line = (width: number, more: Partial<StatusView> = {}, theme = PLAIN): string | undefined =>
    paintStatus({ ...view, ...more }, width, 1, theme)[0]?.trimEnd();

  it('says everything where there is room', () => {
    expect(line(150)).toBe(
      ' platter  disk.qcow2  qcow2 → qed  virtual 10G  file 168K  cluster 64K  staged · 3 steps · nothing on disk yet         ✔ check: clean (before step 3)',
    );
    expect(line(150, { target: undefined, staged: 0, clusterSize: 0, check: undefined }, BARE)).toBe(
      ' platter  disk.qcow2  qcow2  virtual 10G  file 168K  no steps',
    );
    expect(line(150, { staged: 1, lesson: 'tour 3/6', check: { text: '2 corruptions', verdict: 'bad' } })).toMatch(
      /staged · 1 step · nothing on disk yet {2,}tour 3\/6 {2}✖ check: 2 corruptions$/,
    );
  });

  it('drops parts where it is narrow, and what is staged last', () => {
    expect(line(80)).toBe(' disk.qcow2  qcow2 → qed  virtual 10G  staged · 3 steps          ✔ check: clean');
    expect(line(50)).toBe(' disk.qcow2  qcow2 → qed  staged · 3 steps');
    expect(line(30)).toBe(' disk.qcow2  → qed  staged 3');
    expect(line(20)).toBe(' dis…cow2  staged 3');
    for (let width = 12; width < 160; width++) expect(line(width)).toContain('staged');
  });

  it('is one inverse bar', () => {
    const theme = themeFor({ colour: 0, unicode: true, theme: 'mono' });
    const [row = ''] = paintStatus(view, 80, 1, theme);
    expect(row.startsWith('\x1b[7m') && row.endsWith('\x1b[27m')).toBe(true);
  });

  it('is whole at every size', () => {
    const aView: fc.Arbitrary<StatusView> = fc.record({
      file: aName,
      format: aName,
      target: fc.option(aName, { nil: undefined }),
      virtualSize: fc.maxSafeNat(),
      fileSize: fc.maxSafeNat(),
      clusterSize: fc.nat(),
      staged: fc.nat(),
      check: fc.option(fc.record({ text: aName, verdict: fc.constantFrom('good', 'warn', 'bad'), stale: aName }), {
        nil: undefined,
      }),
      lesson: fc.option(aName, { nil: undefined }),
    });
    fc.assert(
      fc.property(aSize, aTheme, aView, ({ width, height }, theme, any) => {
        expectShape(paintStatus(any, width, height, theme), width, height);
      }),
      { numRuns: 300 },
    );
  });
});

describe('help for keys', () => {
  const view: HelpView = {
    entries: [
      { keys: 'PgUp PgDn', does: 'move by a page', group: 'this panel' },
      { keys: '/', does: 'show extents of one kind only, or of several kinds', group: 'this panel' },
      { keys: 'F10', does: 'the panel takes the screen', group: 'everywhere' },
    ],
    filter: '',
    top: 0,
  };

  it('lists keys by group and wraps what they do', () => {
    expect(trimmed(paintHelp(view, 40, 8, PLAIN))).toEqual([
      'this panel',
      ' PgUp PgDn  move by a page',
      ' /          show extents of one kind',
      '            only, or of several kinds',
      '',
      'everywhere',
      ' F10        the panel takes the screen',
      '',
    ]);
    expect(helpScroll(view, 40, 4, PLAIN)).toEqual({ top: 0, visible: 4, total: 7 });
    expect(trimmed(paintHelp({ ...view, top: 99 }, 40, 2, PLAIN))[1]).toBe(' F10        the panel takes the screen');
  });

  it('is narrowed by what is typed', () => {
    expect(helpMatches({ ...view, filter: 'PANEL screen' }).map(({ keys }) => keys)).toEqual(['F10']);
    expect(trimmed(paintHelp({ ...view, filter: 'xyz' }, 40, 1, PLAIN))).toEqual(['no key does that']);
    expect(helpHead({ ...view, filter: 'page' }, PLAIN).detail).toBe('/ page');
  });

  it('is whole at every size', () => {
    const anEntry = fc.record({ keys: aName, does: aName, group: fc.option(aName, { nil: undefined }) });
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.array(anEntry, { maxLength: 30 }),
        fc.nat(60),
        ({ width, height }, theme, entries, top) => {
          expectShape(paintHelp({ entries, filter: '', top }, width, height, theme), width, height);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('progress', () => {
  const mapped = (done: number, unit?: 'bytes') => ({
    what: 'mapping',
    done,
    total: 4 * 2 ** 40,
    ...(unit && { unit }),
  });
  const sampled = (samples: readonly (readonly [done: number, at: number])[], unit?: 'bytes'): ProgressHistory =>
    samples.reduce<ProgressHistory>((history, [done, at]) => addSample(history, mapped(done, unit), at), {
      samples: [],
    });

  it('says how far, how fast, how long', () => {
    const history = sampled(
      [
        [0, 0],
        [2 ** 40, 2000],
        [2 * 2 ** 40, 4000],
      ],
      'bytes',
    );
    expect(progressText(history, PLAIN)).toBe('mapping 50 % · 512 GiB/s · 4 s left');
    expect(progressText(history, BARE)).toBe('mapping 50 %, 512 GiB/s, 4 s left');
    const view = { history, cancel: 'Ctrl-C cancels' };
    expect(paintProgress(view, 70, 1, PLAIN)[0]).toBe(
      'mapping 50 % · 512 GiB/s · 4 s left  (Ctrl-C cancels)  ███████░░░░░░░░',
    );
    expect(paintProgress(view, 45, 1, PLAIN)[0]?.trimEnd()).toBe('mapping 50 % · 4 s left  (Ctrl-C cancels)');
    expect(paintProgress(view, 32, 1, PLAIN)[0]?.trimEnd()).toBe('mapping 50 %  (Ctrl-C cancels)');
    expect(paintProgress(view, 8, 1, PLAIN)[0]).toBe('mapping…');
  });

  it('says nothing before there is something to say', () => {
    expect(progressText({ samples: [] }, PLAIN)).toBe('');
    expect(
      progressText(
        sampled(
          [
            [0, 0],
            [2 ** 40, 100],
          ],
          'bytes',
        ),
        PLAIN,
      ),
    ).toBe('mapping 25 %');
    expect(
      progressText(
        sampled([
          [5, 0],
          [5, 3000],
        ]),
        PLAIN,
      ),
    ).toBe('mapping 0 % · waiting');
    const tables = [0, 1000].map((at) => ({ progress: { what: 'l2 tables', done: at * 2, total: 9000 }, at }));
    expect(progressText({ samples: tables }, PLAIN)).toBe('l2 tables 22 % · 2,000/s · 4 s left');
    expect(progressText({ samples: [{ progress: { what: 'x', done: 1, total: 0 }, at: 0 }] }, PLAIN)).toBe('x');
  });

  it('names long times in two units', () => {
    const left = (seconds: number): string =>
      progressText(
        { samples: [0, 1].map((i) => ({ progress: { what: 'x', done: i, total: seconds + 1 }, at: i * 1000 })) },
        PLAIN,
      );
    expect(left(200)).toContain('3 min 20 s left');
    expect(left(7500)).toContain('2 h 5 min left');
    expect(left(10_000_000)).toContain('days left');
  });

  it('forgets what is long past, and starts afresh with other work', () => {
    let history: ProgressHistory | undefined;
    for (let at = 0; at <= 20_000; at += 10)
      history = addSample(history, mapped(at < 10_000 ? at : 10_000 + (at - 10_000) * 5), at);
    expect(history?.samples.length).toBeLessThan(50);
    expect(rateOf(history as ProgressHistory)).toBeCloseTo(5000, -2);
    expect(addSample(history, { what: 'verifying', done: 0, total: 9 }, 20_001).samples.length).toBe(1);
    expect(addSample(history, mapped(1), 20_001).samples.length).toBe(1);
  });

  it('is whole at every size', () => {
    const aSample = fc.record({ what: aName, done: fc.maxSafeNat(), total: fc.maxSafeNat() });
    fc.assert(
      fc.property(
        aSize,
        aTheme,
        fc.array(fc.tuple(aSample, fc.nat(1e6))),
        aName,
        ({ width, height }, theme, samples, cancel) => {
          const history = samples.reduce<ProgressHistory>((all, [progress, at]) => addSample(all, progress, at), {
            samples: [],
          });
          const clean = theme.text(cancel);
          expectShape(paintProgress({ history, cancel: clean }, width, height, theme), width, height);
        },
      ),
    );
  });
});
