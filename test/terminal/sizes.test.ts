/** The screen at every size: what stands where, and that nothing of an old size is left. */
import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.ts';
import { SYNCHRONIZED, type Terminal } from '../support/terminal.ts';
import { faultsOf, panelOf, panelsOf } from './frames.ts';
import { ready, START, say, screenOf } from './support.ts';

/** What `length` answers, in a row of its own. */
const LENGTH = /^│8 MiB +[│█]/m;

const titles = (terminal: Terminal): string[] =>
  panelsOf(terminal.screen()).map(({ title }) => title.split(' ')[0] ?? '');

describe('at every size', () => {
  it('120x40: all panels, in two columns, and the prompt with its hints', async () => {
    const terminal = await screenOf([START]);
    await terminal.until('1/24');
    expect(titles(terminal)).toEqual(['Extents', 'Clusters', 'Transcript', 'Inspect', 'Steps']);
    expect(faultsOf(terminal.screen(), 5)).toEqual([]);
    expect(terminal.cursor().y).toBe(37);
    expect(terminal.screen()[39]).toMatch(/Tab complete.*\? keys/);
    expect(panelOf(terminal.screen(), 'Clusters').rows[0]).toMatch(/^HRr12■█+/);
  });

  it('80x24: one panel over the transcript, and F2 to F6 choose which', async () => {
    const terminal = await screenOf([START], { columns: 80, rows: 24 });
    await terminal.until('1/24');
    expect(titles(terminal)).toEqual(['Extents', 'Transcript']);
    for (const [key, name] of [
      ['f3', 'Clusters'],
      ['f5', 'Inspect'],
      ['f6', 'Steps'],
      ['f2', 'Extents'],
    ] as const) {
      terminal.press(key);
      await terminal.until((screen) => panelsOf(screen)[0]?.title.startsWith(name) ?? false);
      expect(titles(terminal)).toEqual([name, 'Transcript']);
      expect(faultsOf(terminal.screen(), 2)).toEqual([]);
    }
    expect(terminal.cursor().visible).toBe(false);
    terminal.press('escape');
    await ready(terminal);
    expect(terminal.cursor()).toEqual({ x: 9, y: 21, visible: true });
  });

  it('200x50: a third column', async () => {
    const terminal = await screenOf([START], { columns: 200, rows: 50 });
    await terminal.until('1/24');
    expect(titles(terminal).toSorted()).toEqual(['Clusters', 'Extents', 'Inspect', 'Steps', 'Transcript']);
    expect(new Set(panelsOf(terminal.screen()).map(({ x }) => x)).size).toBe(3);
    expect(faultsOf(terminal.screen(), 5)).toEqual([]);
  });

  it.each([
    [59, 24],
    [80, 15],
    [40, 10],
    [24, 8],
  ])('%ix%i: title, transcript and prompt', async (columns, rows) => {
    const terminal = await screenOf([START], { columns, rows });
    expect(panelsOf(terminal.screen()).filter(({ title }) => !title.startsWith('Transcript'))).toEqual([]);
    expect(terminal.screen()[0]).toContain('sta');
    await say(terminal, 'length', LENGTH);
    await ready(terminal);
    expect(terminal.cursor().y).toBeGreaterThanOrEqual(rows - 3);
  });

  it('one column and one row end nothing', async () => {
    const terminal = await screenOf([START]);
    terminal.resize(1, 1);
    await say(terminal, 'length', () => terminal.rows === 1);
    terminal.resize(2, 40);
    terminal.resize(400, 2);
    terminal.resize(100, 30);
    await terminal.until(LENGTH);
    await ready(terminal);
    expect(faultsOf(terminal.screen(), 5)).toEqual([]);
  });
});

describe('a storm of sizes', () => {
  it('ends with the frame that a fresh start would paint', async () => {
    const random = new Random(Number(process.env['PLATTER_SEED'] ?? 7));
    const terminal = await screenOf([START]);
    await say(terminal, 'open-target qed', 'target qed:');
    for (let i = 0; i < 60; i++) terminal.resize(random.int(1, 220), random.int(1, 70));
    terminal.resize(120, 40);
    await ready(terminal);
    await say(terminal, 'length', LENGTH);
    await ready(terminal);
    expect(faultsOf(terminal.screen(), 6)).toEqual([]);
    // ^L paints all of it anew: nothing may change.
    const shown = Array.from({ length: 40 }, (_, y) => terminal.cells(y));
    const from = terminal.output.length;
    terminal.press('ctrl-l');
    await terminal.when(() => terminal.outputText(from).length > 2000 && !terminal.modes.has(SYNCHRONIZED));
    expect(Array.from({ length: 40 }, (_, y) => terminal.cells(y))).toEqual(shown);
  });
});
