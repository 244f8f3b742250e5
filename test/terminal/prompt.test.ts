/** The line prompt in a real terminal: keys, colours, and its end. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generate } from '../../bench/generate.mjs';
import { WORKLOADS } from '../../bench/workloads.mjs';
import { isColoured } from '../support/cells.ts';
import { testFolder } from '../support/qemu.ts';
import type { Terminal } from '../support/terminal.ts';
import { expectRestored, program, START } from './support.ts';

const PROMPT = 'platter>';
const SIZE = { columns: 80, rows: 24 };
/** A terminal that can do nothing, and the same program on one that edits lines. */
const KINDS = [
  { name: 'TERM=dumb', env: { TERM: 'dumb' }, args: [] },
  { name: 'a line editor', env: {}, args: ['--no-tui'] },
] as const;

function opened(kind: (typeof KINDS)[number], args: readonly string[], env: Record<string, string> = {}): Terminal {
  return program([...kind.args, ...args], { ...SIZE, env: { ...kind.env, ...env } });
}

describe.each(KINDS)('the line prompt on $name', (kind) => {
  it('greets, answers, and ends with Ctrl-D', async () => {
    const terminal = opened(kind, [START]);
    await terminal.until(PROMPT);
    expect(terminal.screen()[0]).toContain('start.qcow2: qcow2, 8 MiB');
    terminal.enter('length');
    await terminal.until('8 MiB\nplatter>');
    terminal.press('ctrl-d');
    expect(await terminal.exit).toEqual({ status: 0 });
    expectRestored(terminal);
  });

  it('Ctrl-C drops the line and nothing else, before the first command too', async () => {
    const terminal = opened(kind, [START]);
    await terminal.until(PROMPT);
    terminal.type('nonsense');
    await terminal.until('nonsense');
    terminal.press('ctrl-c');
    await terminal.until(/nonsense.*\nplatter>/);
    terminal.enter('length');
    await terminal.until(/8 MiB\nplatter>/);
    expect(terminal.text()).not.toMatch(/nonsense.*nonsense/s);
    terminal.type('more nonsense');
    await terminal.until('more nonsense');
    terminal.press('ctrl-c');
    await terminal.until(/more nonsense.*\nplatter>/);
    terminal.enter('quit');
    expect(await terminal.exit).toEqual({ status: 0 });
    expectRestored(terminal);
  });

  it('Ctrl-C cancels the command that runs, drops its step, and the session goes on', async () => {
    const path = join(testFolder(), 'large.qcow2');
    generate(path, 'qcow2', WORKLOADS.b1t);
    const terminal = opened(kind, [path]);
    await terminal.until(PROMPT);
    terminal.enter('open-target qed');
    await terminal.until((screen) => prompts(screen) === 2);
    terminal.enter('setmap --all');
    await terminal.until(/\d ?%/);
    terminal.press('ctrl-c');
    await terminal.until(/cancelled.*\nplatter>/s);
    terminal.enter('steps');
    await terminal.until((screen) => prompts(screen) === 4);
    expect(terminal.text()).toContain('open-target qed');
    expect(terminal.text().split('steps')[1]).not.toContain('setmap');
    terminal.enter('discard; quit');
    expect((await terminal.exit).signal).toBe(undefined);
    expectRestored(terminal);
  });
});

function prompts(screen: readonly string[]): number {
  return screen.filter((line) => line.startsWith('platter>')).length;
}

describe('colours', () => {
  const shown = async (env: Record<string, string>): Promise<Terminal> => {
    const terminal = program(['--no-tui', START], { columns: 100, rows: 40, env });
    await terminal.until(PROMPT);
    terminal.enter('map');
    await terminal.until((screen) => prompts(screen) === 2);
    terminal.enter('quit');
    await terminal.exit;
    return terminal;
  };
  const coloured = (terminal: Terminal): boolean =>
    terminal.screen().some((_, y) => terminal.cells(y).some(isColoured));

  it('are there, and with NO_COLOR or TERM=dumb are not', async () => {
    expect(coloured(await shown({}))).toBe(true);
    expect(coloured(await shown({ NO_COLOR: '1' }))).toBe(false);
    const dumb = await shown({ TERM: 'dumb' });
    expect(dumb.outputText()).not.toContain('\x1b');
  });
});
