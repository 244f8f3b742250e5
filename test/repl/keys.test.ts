/** Keys on the whole screen: who gets them, and that what the help lists does something. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CATALOG } from '../../src/commands/catalog.ts';
import { commandNamed } from '../../src/commands/help.ts';
import { EVERYWHERE } from '../../src/repl/help-overlay.ts';
import { AT_PROMPT, IN_PANEL } from '../../src/repl/hints.ts';
import { PANELS } from '../../src/repl/layout.ts';
import { PipedAway, type Running, type RunOptions, running } from './running.ts';

const SAMPLES = join(import.meta.dirname, '../../sample-images');

/** A screen with a copy of a sample on it, which the test may change. */
async function onCopy(options: RunOptions & { readonly sample?: string } = {}): Promise<Running> {
  const { sample = 'start.qcow2' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'platter-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const image = join(folder, sample);
  copyFileSync(join(SAMPLES, sample), image);
  return running({ ...options, image });
}

/** The panel whose frame is drawn as having the keys, by its title; undefined: the prompt has them. */
async function focused(run: Running): Promise<string | undefined> {
  return /┏ (?:\d )?(\w+)/.exec(await run.settled())?.[1];
}

/** What the prompt's row holds. */
async function typed(run: Running): Promise<string | undefined> {
  return /^platter>(?: (.*))?$/m.exec(await run.settled())?.[1] ?? '';
}

const TITLES = {
  extents: 'Extents',
  clusters: 'Clusters',
  transcript: 'Transcript',
  inspector: 'Inspect',
  steps: 'Steps',
};

describe.each([
  [120, 40],
  [80, 24],
  [50, 12],
])('at %sx%s', (columns, rows) => {
  it('a panel gets the keys, is on the screen, and gives them back', async () => {
    const run = await onCopy({ columns, rows });
    for (const [i, name] of PANELS.entries()) {
      await run.press(`f${i + 2}`);
      expect(await focused(run)).toBe(TITLES[name]);
      await run.press(i % 2 === 0 ? 'escape' : `f${i + 2}`);
      expect(await focused(run)).toBeUndefined();
      await run.press(`alt-${i + 1}`);
      expect(await focused(run)).toBe(TITLES[name]);
      await run.press('ctrl-c');
      expect(await focused(run)).toBeUndefined();
    }
  });

  it('Tab goes round', async () => {
    const run = await onCopy({ columns, rows });
    await run.press('f2');
    const seen: (string | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      seen.push(await focused(run));
      await run.press('tab');
    }
    expect(seen).toEqual(['Extents', 'Clusters', 'Transcript', 'Inspect', 'Steps', 'Extents']);
    await run.press('shift-tab');
    expect(await focused(run)).toBe('Extents');
  });

  it('F10 fills the screen with a panel, and keeps the keys in sight', async () => {
    const run = await onCopy({ columns, rows });
    await run.press('f5', 'f10');
    expect(await focused(run)).toBe('Inspect');
    await run.press('f6');
    expect(await focused(run)).toBe('Steps');
    await run.press('f10');
    expect(await focused(run)).toBe('Steps');
  });
});

describe('a resize', () => {
  it('keeps the panel that has the keys on the screen', async () => {
    const run = await onCopy();
    await run.press('f5');
    for (const [columns, rows] of [
      [80, 24],
      [50, 12],
      [200, 50],
      [61, 17],
    ] as const) {
      run.terminal.resize(columns, rows);
      expect(await focused(run), `${columns}x${rows}`).toBe('Inspect');
    }
  });
});

describe('typing', () => {
  it('reaches the prompt from a panel that has no use for it', async () => {
    const run = await onCopy();
    await run.press('f6');
    run.type('i');
    expect(await focused(run)).toBeUndefined();
    run.type('nfo');
    expect(await typed(run)).toBe('info');
  });

  it('faster than it is read moves a panel key by key', async () => {
    const run = await onCopy();
    await run.press('f2');
    run.type('jjjk');
    expect(await run.settled()).toContain('Extents  source  3/24');
    run.type('0x402000\r');
    expect(await run.until('Extents  source  12/24')).toContain('Inspect  source 0x1c000');
  });

  it('an offset is dropped by Escape, Ctrl-C and by leaving the panel', async () => {
    const run = await onCopy();
    for (const key of ['escape', 'ctrl-c', 'f3', 'f2']) {
      await run.press('f2');
      run.type('12');
      expect(await run.settled()).toContain('go to guest: 12_');
      await run.press(key);
      expect(await run.settled()).not.toContain('go to guest');
      await run.press('escape', 'ctrl-c');
      await run.settled();
    }
  });

  it('a paste goes to the prompt, or into what a panel asks for', async () => {
    const run = await onCopy();
    await run.press('f3');
    run.type('\x1b[200~map 0 1M\x1b[201~');
    expect(await typed(run)).toBe('map 0 1M');
    await run.press('ctrl-c', 'f2');
    run.type('0');
    run.type('\x1b[200~x401000\n\x1b[201~');
    expect(await run.until('go to guest: 0x401000_')).toContain('platter>');
  });

  it('a filter shows its kinds only, and j goes to the first of them', async () => {
    const run = await onCopy();
    await run.press('f2');
    run.type('/zero\r');
    expect(await run.until('Extents  source  0/3')).not.toContain('unallocated');
    run.type('j');
    expect(await run.until('Extents  source  1/3')).toContain('> 0x004000');
    run.type('/');
    await run.press('ctrl-u');
    run.type('nonsense\r');
    expect(await run.until("no kind of extent is called 'nonsense'")).toContain('1/3');
  });
});

describe('leaving', () => {
  it('Ctrl-C never does', async () => {
    const run = await onCopy();
    for (const before of [[], ['f2'], ['f1'], ['f4', '/']]) {
      await run.press(...before);
      for (let i = 0; i < 5; i++) await run.press('ctrl-c');
      await run.settled();
    }
    expect(run.ended).toBe(false);
    expect(await run.text()).toContain('nothing runs: Ctrl-D leaves');
  });

  it('Ctrl-D does, from a panel too', async () => {
    for (const focus of ['escape', 'f2', 'f5']) {
      const run = await onCopy();
      await run.press(focus, 'ctrl-d');
      expect(await run.end).toEqual({ status: 0, signal: undefined });
      await run.terminal.screen();
      expect(run.terminal.isAlternate).toBe(false);
    }
  });

  it.each([
    [120, 40],
    [50, 12],
  ])('asks once when steps would be lost, in sight at %sx%s', async (columns, rows) => {
    const run = await onCopy({ columns, rows });
    await run.enter('convert-inplace qed');
    await run.press('ctrl-d');
    await run.until('1 step is not committed');
    expect(run.ended).toBe(false);
    await run.press('ctrl-d');
    expect((await run.end).status).toBe(1);
  });

  it('Ctrl-D deletes where something is typed', async () => {
    const run = await onCopy();
    run.type('map');
    await run.press('home', 'ctrl-d');
    expect(await typed(run)).toBe('ap');
    expect(run.ended).toBe(false);
  });

  it('a signal ends it with the status of one, the terminal as it was', async () => {
    const run = await onCopy();
    run.signal('SIGTERM');
    expect(await run.end).toEqual({ status: 143, signal: 'SIGTERM' });
    await run.terminal.screen();
    expect(run.terminal.isAlternate).toBe(false);
    expect(run.input.raw).toBe(false);
  });

  it('what a panel throws, when it is no fault of the image, ends it with the terminal as it was', async () => {
    const run = await onCopy();
    const bug = new Error('a bug');
    Object.defineProperty(run.host.session?.image, 'size', {
      get: () => {
        throw bug;
      },
    });
    await run.press('f2', 'down');
    await expect(run.end).rejects.toBe(bug);
    await run.terminal.screen();
    expect(run.terminal.isAlternate).toBe(false);
    expect(run.input.raw).toBe(false);
  });
});

describe('F7 and F8', () => {
  it('undo and redo', async () => {
    const run = await onCopy();
    await run.enter('convert-inplace qed');
    await run.until('staged · 1 step');
    await run.press('f7');
    await run.until('no steps');
    await run.press('f6', 'f8');
    await run.until('staged · 1 step');
    run.type('u');
    await run.until('no steps');
    run.type('r');
    await run.until('staged · 1 step');
  });
});

describe('F9', () => {
  it.each([
    ['escape', 'hello'],
    ['f2', '0x401000'],
    ['f4', 'hello'],
    ['f6', 'convert-inplace'],
  ])('after %s pages what is there', async (focus, expected) => {
    const outlet = new PipedAway();
    const run = await onCopy({ machine: { pager: 'less', pipe: () => outlet } });
    await run.enter('convert-inplace qed');
    await run.press(focus, 'f9');
    await run.settled();
    // A pager that ends at once leaves the text for the user to read.
    run.type('\r');
    await run.until('platter>');
    expect(outlet.taken).toContain(expected);
  });

  it('says so where there is no pager', async () => {
    const run = await onCopy();
    await run.press('f9');
    await run.until('no pager: set $PAGER');
  });
});

/** What each name in a list of keys is sent as: `^R`, `M-f`, `PgUp`, `S-Tab`, `0-9`, `F2-F6`. */
function keysOf(listed: string): string[] {
  return listed.split(/ |\b\/\b/).flatMap((key) => {
    const range = /^(F|M-|)(\d)(?:-|\.\.)(?:F|M-|)(\d)$/.exec(key);
    if (range) {
      const [, kind, from, to] = range;
      return Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => named(`${kind}${Number(from) + i}`));
    }
    return [named(key)];
  });
}

function named(key: string): string {
  const names: Record<string, string> = { pgup: 'pageup', pgdn: 'pagedown', esc: 'escape' };
  const [, held = '', name = key] = /^(\^|M-|S-)?(.+)$/.exec(key) ?? [];
  const lower = name.length > 1 || held !== '' ? name.toLowerCase() : name;
  const prefix = { '^': 'ctrl-', 'M-': 'alt-', 'S-': 'shift-' }[held] ?? '';
  return prefix + (names[lower] ?? lower);
}

/** Everything that can be seen, and what a program was given. */
async function seen(run: Running, outlet: PipedAway, done: readonly string[]): Promise<string> {
  const text = await run.settled();
  const { x, y } = run.terminal.cursor;
  return `${text}\n${x},${y}\n${outlet.taken.length} ${done.join()}`;
}

/** Where a key may have nothing to do (down on the last row), one of these makes room for it. */
const BEFORE = ['', 'G', 'g', 'j', 'k', 'N', 'u', '00\r'];

describe('what is listed does something', () => {
  /** Tries keys one after the other on a conversion under way. Answers those that did nothing. */
  async function idle(
    keys: readonly string[],
    focus: string,
    [columns, rows]: readonly [number, number],
  ): Promise<string[]> {
    const outlet = new PipedAway();
    const done: string[] = [];
    const suspend = (): void => void done.push('suspended');
    const run = await onCopy({ columns, rows, machine: { pager: 'less', pipe: () => outlet, suspend } });
    for (const line of ['help', 'open-target qed', 'map 0 1M | setmap', 'map 3M 2M | setmap', 'undo'])
      await run.enter(line);
    await run.press('f2');
    run.type('0x600000\r');
    const useless: string[] = [];
    for (const key of keys) {
      let did = false;
      for (const before of BEFORE) {
        // From wherever the last key has led: help closed, a program's text read, nothing typed, then the panel.
        await run.press('ctrl-c', 'ctrl-c', 'ctrl-c', 'ctrl-u');
        if (focus !== '') await run.press(focus);
        if (focus !== '') run.type(before);
        const was = await seen(run, outlet, done);
        if (key.length === 1) run.type(key);
        else await run.press(key);
        const now = await seen(run, outlet, done);
        // Keys that a panel has no use for are typed into the prompt.
        did = now !== was && !now.includes(`\nplatter> ${key}\n`);
        if (!run.terminal.isAlternate) run.type('\r');
        if (did) break;
      }
      if (!did) useless.push(key);
    }
    return useless;
  }

  const ofPanels = /^(Tab|Esc|y$|e$)/;
  const listed = (panels: boolean): string[] =>
    EVERYWHERE.filter(({ keys }) => ofPanels.test(keys) === panels).flatMap(({ keys }) => keysOf(keys));

  it('everywhere', async () => {
    // What draws again shows the same.
    const keys = listed(false).filter((key) => key !== 'ctrl-l');
    expect(keys).toEqual(expect.arrayContaining(['f1', '?', 'f6', 'alt-1', 'pageup', 'f7', 'f10', 'ctrl-z']));
    expect(await idle(keys, '', [120, 30])).toEqual([]);
  });

  it('in panels', async () => expect(await idle(listed(true), 'f3', [120, 30])).toEqual([]));

  it.each([
    ['extents', 'f2', [120, 30]],
    // So narrow that the map has more than one row.
    ['clusters', 'f3', [45, 20]],
    ['transcript', 'f4', [120, 30]],
    ['inspector', 'f5', [120, 30]],
    ['steps', 'f6', [120, 30]],
  ] as const)('every key of the panel %s', async (name, focus, size) => {
    const run = await onCopy({ rows: 90 });
    await run.press(focus, 'f1');
    const help = await run.settled();
    const own = new RegExp(`┃${TITLES[name]} +┃\n([\\s\\S]*?)\n┃ +┃\n`).exec(help)?.[1] ?? '';
    const keys = own.split('\n').map((line) => /^┃ (.*?) {2,}/.exec(line)?.[1] ?? expect.fail(line));
    expect(keys.length).toBeGreaterThan(1);
    expect(await idle(keys.flatMap(keysOf), focus, size)).toEqual([]);
  });

  it('^L draws everything again', async () => {
    const run = await onCopy();
    const before = run.terminal.writes.length;
    await run.press('ctrl-l');
    await run.settled();
    expect(run.terminal.writes.slice(before).join('')).toContain('platter>');
  });

  it('in the row under the prompt', () => {
    const listed = new Set([...EVERYWHERE.map(({ keys }) => keys), 'Tab', '^D', '^R'].flatMap(keysOf));
    for (const [keys] of [...AT_PROMPT, ...IN_PANEL]) {
      for (const key of keysOf(keys)) expect(listed).toContain(key);
    }
  });
});

it('e types a command that there is', async () => {
  const run = await onCopy();
  await run.press('f3');
  run.type('e');
  const line = (await typed(run)) ?? '';
  expect(line).toMatch(/^export \S/);
  expect(commandNamed(CATALOG, line.split(' ')[0] as string)).toBeDefined();
});
