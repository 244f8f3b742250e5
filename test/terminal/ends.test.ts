/** How the screen ends, and what it leaves on the terminal, whatever ends it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testFolder } from '../support/qemu.ts';
import { BRACKETED_PASTE, type Terminal } from '../support/terminal.ts';
import { faultsOf } from './frames.ts';
import { copyOf, expectRestored, idle, ready, START, say, screenOf, shell } from './support.ts';

/** A shell with more lines than the terminal has, and the screen started in it. */
async function inShell(command: string): Promise<Terminal> {
  const terminal = await shell();
  terminal.enter('seq -f "line %g" 1 200');
  await terminal.until('line 200\nsh$');
  terminal.enter(command);
  await ready(terminal);
  return terminal;
}

/** The process that runs Platter under a shell. */
function platterOf(terminal: Terminal): number {
  const [pid] = terminal.children();
  if (pid === undefined) throw new Error('nothing runs in the shell');
  return pid;
}

/** The shell has the terminal as it gave it: echo, lines, signals, no colours left over, and every line of before. */
async function expectAsBefore(terminal: Terminal): Promise<void> {
  await terminal.when(() => !terminal.isAlternate());
  await terminal.until((screen) => screen.findLast((row) => row !== '') === 'sh$');
  terminal.enter('stty -a | tr " ;" "\\n" | grep -xE -- "-?(echo|icanon|isig|icrnl|opost|ixon)" | sort | xargs');
  await terminal.until('\necho icanon icrnl isig ixon opost\nsh$');
  const lines = terminal.scrollback();
  const from = lines.indexOf('line 1');
  expect(lines.slice(from, from + 200)).toEqual(Array.from({ length: 200 }, (_, i) => `line ${i + 1}`));
  expect(terminal.erasedScrollbacks).toBe(0);
  const { x, y } = terminal.cursor();
  expect(terminal.cursor().visible).toBe(true);
  expect(terminal.cell(x - 2, y)).toMatchObject({
    colour: 'default',
    background: 'default',
    bold: false,
    inverse: false,
  });
}

describe('leaving', () => {
  it('Ctrl-D leaves what was said last, and the scrollback whole', async () => {
    const terminal = await inShell(`platter ${START}`);
    await say(terminal, 'length', '8 MiB');
    terminal.press('ctrl-d');
    await expectAsBefore(terminal);
    expect(terminal.text()).toMatch(/platter> length\n8 MiB\n/);
  });

  it('with steps it asks once, and says how many are lost', async () => {
    const { path } = copyOf('start.qcow2');
    const before = readFileSync(path);
    const terminal = await screenOf([path]);
    await say(terminal, 'open-target qed', 'target qed:');
    await say(terminal, 'setmap --all', 'mapped everything');
    terminal.press('ctrl-d');
    await terminal.until(/2 steps.*Ctrl-D/s);
    expect(terminal.isAlternate()).toBe(true);
    // Any other key is a change of mind.
    terminal.type('x');
    terminal.press('backspace', 'ctrl-d');
    await terminal.until(/2 steps.*Ctrl-D/s);
    terminal.press('ctrl-d');
    const { status } = await terminal.exit;
    expect(status).toBe(1);
    expectRestored(terminal);
    expect(terminal.text()).toMatch(/2 steps? .*not committed/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('%s gives the terminal back', async (signal, status) => {
    const terminal = await inShell(`platter ${START}; echo status $?`);
    terminal.signal(signal, platterOf(terminal));
    await terminal.until(`status ${status}\n`);
    await expectAsBefore(terminal);
    expect(terminal.modes.has(BRACKETED_PASTE)).toBe(true);
  });

  it.each(['throw new Error("a bug")', 'Promise.reject(new Error("a bug"))'])(
    'a bug gives it back: %s',
    async (bug) => {
      const trap = join(testFolder(), 'trap.cjs');
      writeFileSync(trap, `process.on('SIGUSR2', () => { ${bug}; });`);
      const terminal = await inShell(`NODE_OPTIONS='--require ${trap}' platter ${START}; echo status $?`);
      terminal.signal('SIGUSR2', platterOf(terminal));
      await terminal.until('status 1\n');
      await expectAsBefore(terminal);
      expect(terminal.text()).toMatch(/Error: a bug.*This is a bug in Platter/s);
    },
  );

  it('a terminal that goes away ends the program as its signal does, without a crash', async () => {
    const terminal = await screenOf([START]);
    const { pid } = terminal;
    terminal.hangUp();
    expect((await terminal.exit).signal).toBe('SIGHUP');
    expect(() => process.kill(pid, 0)).toThrow();
  });

  it('Ctrl-D that was typed ahead waits for the command before it', async () => {
    const terminal = await screenOf([START]);
    terminal.type('length\r\x04');
    expect(await terminal.exit).toEqual({ status: 0 });
    expect(terminal.text()).toMatch(/platter> length\n8 MiB\n/);
  });
});

describe('Ctrl-Z', () => {
  it('gives the terminal to the shell, and fg brings the same screen back', async () => {
    const terminal = await inShell(`platter ${START}`);
    await say(terminal, 'length', '8 MiB');
    await idle(terminal);
    terminal.press('ctrl-z');
    await terminal.until(/Stopped.*platter/);
    expect(terminal.isAlternate()).toBe(false);
    await expectAsBefore(terminal);
    terminal.enter('fg');
    await ready(terminal);
    expect(terminal.text()).toMatch(/│platter> length .*\n│8 MiB /);
    expect(faultsOf(terminal.screen(), 5)).toEqual([]);
    await say(terminal, 'info', 'clusters of 4 KiB');
    terminal.press('ctrl-d');
    await expectAsBefore(terminal);
  });

  it('a terminal that was resized meanwhile is painted at its new size', async () => {
    const terminal = await inShell(`platter ${START}`);
    terminal.press('ctrl-z');
    await terminal.until(/Stopped.*platter/);
    terminal.resize(100, 32);
    terminal.enter('fg');
    await ready(terminal);
    expect(terminal.cursor().y).toBe(29);
  });
});
