/** Steps, status line, help for keys, progress: exact rows, and their shape at every size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pace } from '../../../src/commands/progress-text.ts';
import { helpHead, helpMatches, helpScroll, paintHelp } from '../../../src/repl/paint/help.ts';
import { paintProgress } from '../../../src/repl/paint/progress.ts';
import { exactSize, roughSize } from '../../../src/repl/paint/sizes.ts';
import { paintStatus } from '../../../src/repl/paint/status.ts';
import { paintSteps, stepRowsVisible, stepsHead, stepsScroll } from '../../../src/repl/paint/steps.ts';
import type { HelpView, StatusView, StepsView } from '../../../src/repl/paint/views.ts';
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
    expect(stepsHead({ ...view, fork: 'try' })).toEqual({ title: 'Steps on try', detail: '2 staged, 1 undone' });
    expect(trimmed(paintSteps({ ...view, steps: [] }, 20, 1, PLAIN))).toEqual(['  no steps yet']);
  });

  it('say what the chosen one changed where that is known, and how much of it is not shown', () => {
    const changed = { lines: ['l2[0][16]: unallocated -> 0x90000 copied', 'refcount[9]: 0 -> 1\u001b'], more: 0 };
    expect(trimmed(paintSteps({ ...view, changed }, 40, 6, PLAIN)).slice(3)).toEqual([
      'step 2 changes',
      '  l2[0][16]: unallocated -> 0x90000 cop…',
      '  refcount[9]: 0 -> 1\\x1b',
    ]);
    expect(stepRowsVisible({ ...view, changed }, 6)).toBe(3);
    const rows = trimmed(paintSteps({ ...view, changed: { ...changed, more: 7 } }, 60, 6, PLAIN));
    expect(rows.slice(3)).toEqual([
      'step 2 changes, 7 more than shown',
      '  l2[0][16]: unallocated -> 0x90000 copied',
      '  refcount[9]: 0 -> 1\\x1b',
    ]);
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

  it('says how far a conversion in pieces is', () => {
    const converting = 'L2 tables 3/12';
    expect(line(190, { converting })).toMatch(/cluster 64K {2}converting: L2 tables 3\/12 {2}staged · 3 steps/);
    expect(line(90, { converting })).toMatch(/virtual 10G {2}L2 tables 3\/12 {2}staged/);
    for (let width = 12; width < 190; width++) expect(line(width, { converting })).toContain('staged');
  });

  it('says where a change has stopped', () => {
    const stopped = 'stopped at l2_update';
    expect(line(190, { stopped })).toMatch(/cluster 64K {2}stopped at l2_update {2}staged · 3 steps/);
    for (let width = 12; width < 190; width++) expect(line(width, { stopped })).toContain('staged');
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
  const pace: Pace = { what: 'mapping', percent: 50, rate: 512 * 2 ** 30, bytes: true, secondsLeft: 4 };
  const line = (width: number, more: Partial<Pace> = {}, theme = PLAIN): string | undefined =>
    paintProgress({ pace: { ...pace, ...more }, cancel: 'Ctrl-C cancels' }, width, 1, theme)[0];

  it('says how far, how fast, how long, with a bar where there is room', () => {
    expect(line(70)).toBe('mapping 50 % · 512 GiB/s · 4 s left  (Ctrl-C cancels)  ███████░░░░░░░░');
    expect(line(70, {}, BARE)).toBe('mapping 50 %, 512 GiB/s, 4 s left  (Ctrl-C cancels)  ########.........');
    expect(line(45)?.trimEnd()).toBe('mapping 50 % · 4 s left  (Ctrl-C cancels)');
    expect(line(32)?.trimEnd()).toBe('mapping 50 %  (Ctrl-C cancels)');
    expect(line(8)).toBe('mapping…');
    expect(line(60, { percent: undefined, secondsLeft: undefined })?.trimEnd()).toBe(
      'mapping · 512 GiB/s  (Ctrl-C cancels)',
    );
  });

  it('is whole at every size', () => {
    const aPace: fc.Arbitrary<Pace> = fc.record({
      what: aName,
      percent: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      rate: fc.option(fc.maxSafeNat(), { nil: undefined }),
      bytes: fc.boolean(),
      secondsLeft: fc.option(fc.maxSafeNat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(aSize, aTheme, aPace, aName, ({ width, height }, theme, any, cancel) => {
        expectShape(paintProgress({ pace: any, cancel }, width, height, theme), width, height);
      }),
    );
  });
});
