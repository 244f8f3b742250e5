/** What a terminal can show, from nothing but ASCII to sixteen million colours; and what must never reach it. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isColoured, type ScreenCell } from '../support/cells.ts';
import type { Terminal } from '../support/terminal.ts';
import { faultsOf } from './frames.ts';
import { copyOf, program, ready, START, say, screenOf } from './support.ts';

/** A session in which every panel has something to show. */
async function session(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<Terminal> {
  const terminal = await screenOf([...args, START], { env });
  await terminal.until('1/24');
  await say(terminal, 'open-target qed', 'target qed:');
  await say(terminal, 'setmap --all', 'mapped everything');
  terminal.press('f2', 'down', 'enter');
  await terminal.until(/Inspect .*\bl1\[0\]/);
  terminal.press('escape');
  await ready(terminal);
  await say(terminal, 'nonsense', 'nonsense');
  terminal.press('?');
  await terminal.until(/\^L \^Z/);
  terminal.press('escape');
  await terminal.until((screen) => faultsOf(screen, 6).length === 0);
  return terminal;
}

function cellsOf(terminal: Terminal): ScreenCell[] {
  return Array.from({ length: terminal.rows }, (_, y) => terminal.cells(y)).flat();
}

describe('what the terminal can show', () => {
  it('NO_COLOR and LC_ALL=C: no byte but ASCII, and no colour', async () => {
    const terminal = await session([], { NO_COLOR: '1', LC_ALL: 'C', LANG: undefined });
    const bytes = terminal.outputText();
    expect([...bytes].filter((text) => text > '~' && text !== '\x7f')).toEqual([]);
    expect(cellsOf(terminal).some(isColoured)).toBe(false);
    // Bold, inverse and underline may stand for colours.
    expect(bytes).not.toMatch(/\x1b\[[\d;]*\b([34]\d|9\d|10\d)[\d;]*m/);
    expect(terminal.text()).toMatch(/\+ 1 Extents/);
    expect(terminal.text()).toContain('HRr12###');
  });

  it('colours as many as the terminal has', async () => {
    const kinds = async (env: Readonly<Record<string, string | undefined>>): Promise<Set<string>> => {
      const cells = cellsOf(await session([], env));
      return new Set(
        cells.flatMap(({ colour, background }) =>
          [colour, background].flatMap((c) => {
            if (c === 'default') return [];
            return typeof c === 'number' ? [c < 16 ? '16' : '256'] : ['true'];
          }),
        ),
      );
    };
    expect([...(await kinds({ COLORTERM: 'truecolor' }))]).toContain('true');
    expect([...(await kinds({ COLORTERM: undefined, TERM: 'xterm-256color' }))]).not.toContain('true');
    expect([...(await kinds({ COLORTERM: undefined, TERM: 'xterm' }))]).toEqual(['16']);
  });

  it('the name of a file cannot move the cursor or colour the screen', async () => {
    const { folder, path } = copyOf('start.qcow2');
    const name = 'a\x1b[2J\x1b[31mb\x07\n.qcow2';
    renameSync(path, join(folder, name));
    const terminal = await screenOf([name], { cwd: folder });
    await terminal.until('1/24');
    expect(terminal.outputText()).not.toContain('\x1b[2J\x1b[31mb');
    expect(terminal.outputText()).not.toContain('\x07');
    expect(faultsOf(terminal.screen(), 5)).toEqual([]);
  });

  it.each([
    ['TERM=dumb', { TERM: 'dumb' }, []],
    ['--no-tui', {}, ['--no-tui']],
    ['a screen reader', { INK_SCREEN_READER: 'true' }, []],
    ['PLATTER_ACCESSIBLE', { PLATTER_ACCESSIBLE: '1' }, []],
  ])('%s: no screen, ever', async (_, env, args) => {
    const terminal = program([...args, START], { env });
    await terminal.until('platter>');
    terminal.enter('length');
    await terminal.until('8 MiB\nplatter>');
    terminal.enter('quit');
    expect(await terminal.exit).toEqual({ status: 0 });
    expect(terminal.outputText()).not.toContain('\x1b[?1049h');
  });
});
