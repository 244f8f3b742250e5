/** The terminal of the tests, on programs whose ways are known: what it says must be trusted elsewhere. */
import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished, vi } from 'vitest';
import { keySequence } from './keys.ts';
import {
  ALTERNATE_SCREEN,
  BRACKETED_PASTE,
  openShell,
  Terminal,
  type TerminalOptions,
  WRAPAROUND,
} from './terminal.ts';

function sh(script: string, options: TerminalOptions = {}): Terminal {
  const terminal = new Terminal('bash', ['-c', script], { columns: 40, rows: 8, ...options });
  onTestFinished(() => terminal.close());
  return terminal;
}

it('shows text, colours, modes and the cursor', async () => {
  const terminal = sh(
    `printf 'a\\e[1;31;4mb\\e[0m\\e[38;2;1;2;3;7mc\\e[0m 漢\\e[?1049h\\e[?2004h\\e[?25l\\e[3;5Hx'; read -r`,
  );
  await terminal.until('x');
  expect(terminal.isAlternate()).toBe(true);
  expect(terminal.modes).toEqual(new Set([WRAPAROUND, ALTERNATE_SCREEN, BRACKETED_PASTE]));
  expect(terminal.screen()[2]).toBe('    x');
  expect(terminal.cursor()).toEqual({ x: 5, y: 2, visible: false });
  expect(terminal.scrollback()).toEqual(['abc 漢']);
  terminal.enter('');
  expect(await terminal.exit).toEqual({ status: 0 });
  const plain = sh(`printf 'a\\e[1;31;4mb\\e[0m\\e[38;2;1;2;3;7mc\\e[0m漢'; read -r`);
  await plain.until('漢');
  expect(plain.cell(0, 0)).toMatchObject({ text: 'a', colour: 'default', bold: false });
  expect(plain.cell(1, 0)).toMatchObject({ text: 'b', colour: 1, bold: true, underline: true });
  expect(plain.cell(2, 0)).toMatchObject({ text: 'c', colour: [1, 2, 3], inverse: true, bold: false });
  expect(plain.cell(3, 0)).toMatchObject({ text: '漢', width: 2 });
  expect(plain.cell(4, 0)).toMatchObject({ text: '', width: 0 });
});

it('says what is on the screen when it waits in vain, and when the program ends first', async () => {
  const terminal = sh('echo here; read -r; exit 3');
  await terminal.until('here');
  await expect(terminal.until('there', 30)).rejects.toThrow(
    /30 ms went by while waiting for there\n40x8.*\n.*\n\|here /,
  );
  const failure = expect(terminal.until('there')).rejects.toThrow(/the program ended \(\{"status":3\}\)/);
  terminal.enter('');
  await failure;
});

it('sends keys, pastes in brackets when asked to, resizes and signals', async () => {
  const terminal = sh("trap 'stty size' WINCH; echo go; while true; do read -r -t 0.01; done");
  await terminal.until('go');
  terminal.resize(50, 9);
  await terminal.until('9 50');
  terminal.signal('SIGTERM');
  expect(await terminal.exit).toMatchObject({ signal: 'SIGTERM' });
  const bytes = sh("stty raw -echo; printf '\\e[?2004hgo'; dd bs=1 count=35 2>/dev/null | od -An -c", { columns: 100 });
  await bytes.until('go');
  bytes.paste('a\nb');
  bytes.press('ctrl-c', 'alt-f', 'up', 'f6', 'ctrl-left');
  bytes.type('end');
  await bytes.exit;
  expect(bytes.text().replaceAll(/\s+/g, ' ')).toContain(
    '033 [ 2 0 0 ~ a \\r b 033 [ 2 0 1 ~ 003 033 f 033 [ A 033 [ 1 7 ~ 033 [ 1 ; 5 D e n d',
  );
});

it('knows its keys', () => {
  expect(
    ['ctrl-c', 'alt-f', 'f6', 'ctrl-left', 'shift-tab', 'ctrl-_', 'alt-backspace', '-', 'alt--'].map((name) =>
      keySequence(name),
    ),
  ).toEqual(['\x03', '\x1bf', '\x1b[17~', '\x1b[1;5D', '\x1b[Z', '\x1f', '\x1b\x7f', '-', '\x1b-']);
  expect(keySequence('up', true)).toBe('\x1bOA');
  expect(() => keySequence('hyper')).toThrow("no key is called 'hyper'");
});

it('runs a shell with job control, and leaves nothing running', async () => {
  const terminal = openShell({ columns: 40, rows: 8 });
  await terminal.until('sh$');
  terminal.enter('sleep 1000');
  await terminal.untilRuns('sleep');
  const [sleeper] = terminal.children();
  terminal.press('ctrl-z');
  await terminal.until('Stopped');
  terminal.enter('fg');
  await terminal.until(/fg\nsleep 1000\n/);
  await terminal.close();
  expect(terminal.children(sleeper)).toEqual([]);
  // Nobody may be there to ask how it ended: then it stays in the list, dead.
  await vi.waitFor(() => expect(stateOf(sleeper)).toMatch(/^(gone|zombie)$/));
  expect((await terminal.exit).signal).toBe('SIGKILL');
});

function stateOf(pid: number | undefined): string {
  try {
    return /^State:.*\((\w+)\)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  } catch {
    return 'gone';
  }
}
