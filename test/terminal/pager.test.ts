/** Other programs in the terminal beside the line prompt: the pager, `| less`, `!command`, and a shell's Ctrl-Z and fg. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generate } from '../../bench/generate.mjs';
import { WORKLOADS } from '../../bench/workloads.mjs';
import { isColoured } from '../support/cells.ts';
import { testFolder } from '../support/qemu.ts';
import type { Terminal, TerminalOptions } from '../support/terminal.ts';
import { expectRestored, program, SAMPLES, START, shell } from './support.ts';

const SIZE = { columns: 80, rows: 12 };
const HEADING = /^Guest +Length +Host +Kind$/m;
/** The pager's own prompt, on the last line. */
const PAGING = /\n:$/;

function opened(args: readonly string[], env: TerminalOptions['env'] = {}): Terminal {
  return program(args, { ...SIZE, env: { NO_COLOR: '1', ...env } });
}

async function atPrompt(image = START, env: TerminalOptions['env'] = {}): Promise<Terminal> {
  const terminal = opened(['--no-tui', image], env);
  await shows(terminal, /platter>$/);
  return terminal;
}

/** Waits for a screen that is so, the empty rows at its end left out. */
async function shows(terminal: Terminal, expected: RegExp): Promise<void> {
  await terminal.until((screen) => expected.test(screen.join('\n').trimEnd()));
}

/** The pager still listens. A key that follows Ctrl-C at once is thrown away by the terminal, so it is pressed again. */
async function scrolled(terminal: Terminal): Promise<void> {
  const pressing = setInterval(() => terminal.type(' '), 200);
  try {
    await terminal.until((screen) => !HEADING.test(screen.join('\n')) && screen.at(-1) === ':');
  } finally {
    clearInterval(pressing);
  }
}

/** The prompt answers. */
async function expectAlive(terminal: Terminal, size = '8 MiB'): Promise<void> {
  await shows(terminal, /platter>$/);
  terminal.enter('length');
  await shows(terminal, new RegExp(`length\n${size}\nplatter>$`));
}

function large(): string {
  const path = join(testFolder(), 'large.qcow2');
  generate(path, 'qcow2', WORKLOADS.b1t);
  return path;
}

describe('the pager', () => {
  it('shows what is longer than the screen, to its end, and gives the prompt back', async () => {
    const terminal = await atPrompt();
    terminal.enter('map');
    await shows(terminal, PAGING);
    expect(terminal.text()).toMatch(HEADING);
    terminal.type('G');
    await shows(terminal, /\n0x7ff000 .*\n\(END\)$/);
    terminal.type('q');
    await expectAlive(terminal);
    terminal.enter('quit');
    expect(await terminal.exit).toEqual({ status: 0 });
    expectRestored(terminal);
  });

  it('is left alone by what fits', async () => {
    const terminal = await atPrompt(START, { PAGER: 'sh -c "echo PAGED; cat"' });
    terminal.enter('map 0 64k');
    await shows(terminal, /0xc000 .*\nplatter>$/);
    expect(terminal.text()).not.toContain('PAGED');
    terminal.enter('map');
    await shows(terminal, /\n0x7ff000 .*\nplatter>$/);
    expect(terminal.scrollback().join('\n')).toContain('PAGED');
  });

  it.each([
    ['--no-pager', ['--no-pager'], {}],
    ['PLATTER_PAGER is empty', [], { PLATTER_PAGER: '' }],
    ['PAGER=cat', [], { PAGER: 'cat' }],
    ['PAGER is not installed', [], { PAGER: 'no-such-pager' }],
  ])('none: %s', async (_why, args, env) => {
    const terminal = opened(['map', ...args, START], env);
    expect(await terminal.exit).toEqual({ status: 0 });
    expect(terminal.text().trimEnd()).toMatch(/\n0x7ff000 .*data$/);
  });

  it.each([[['map', START]], [['help']], [['help', 'map']], [['check', '-h']], [[START, '-c', 'help']]])(
    'for one command too: %j',
    async (args) => {
      const terminal = opened(args, { PAGER: 'sh -c "cat; echo PAGED"' });
      expect(await terminal.exit).toEqual({ status: 0 });
      expect(terminal.text().trimEnd()).toMatch(/PAGED$/);
    },
  );

  it('colours pass through it', async () => {
    const terminal = opened(['map', START], { NO_COLOR: undefined });
    await shows(terminal, PAGING);
    const row = terminal.screen().findIndex((line) => line.endsWith('data'));
    expect(terminal.cells(row).some(isColoured)).toBe(true);
    terminal.type('q');
    await terminal.exit;
  });

  it('Ctrl-C is its own; quitting early ends a long list at once, quietly', async () => {
    const terminal = await atPrompt(large());
    terminal.enter('map');
    await shows(terminal, PAGING);
    terminal.press('ctrl-c');
    await scrolled(terminal);
    terminal.type('q');
    await expectAlive(terminal, '1 TiB');
    expect(terminal.text()).not.toContain('cancelled');
  });

  it('one command: Ctrl-C leaves the pager and the program as they are', async () => {
    const terminal = opened(['map', large()]);
    await shows(terminal, PAGING);
    terminal.press('ctrl-c');
    await scrolled(terminal);
    terminal.type('q');
    expect(await terminal.exit).toEqual({ status: 0 });
    expectRestored(terminal);
  });
});

describe('other programs', () => {
  it('`| less` has the keyboard, and gives it back', async () => {
    const terminal = await atPrompt();
    terminal.enter('map | less');
    await shows(terminal, PAGING);
    terminal.type('q');
    await expectAlive(terminal);
  });

  it('`!cat` reads what is typed; Ctrl-C and Ctrl-D are for it', async () => {
    const terminal = await atPrompt();
    terminal.enter('!cat');
    await terminal.untilRuns('cat');
    terminal.enter('hello');
    await shows(terminal, /hello\nhello$/);
    terminal.press('ctrl-d');
    await expectAlive(terminal);
    terminal.enter('!sleep 100');
    await terminal.untilRuns('sleep');
    terminal.press('ctrl-c');
    await shows(terminal, /exit status was 130\nplatter>$/);
    await expectAlive(terminal);
  });
});

describe('Ctrl-Z and fg', () => {
  const START_LINE = `platter --no-tui ${join(SAMPLES, 'start.qcow2')}`;

  it('at the prompt, in the middle of a line', async () => {
    const terminal = await shell({ ...SIZE, env: { NO_COLOR: '1' } });
    terminal.enter(START_LINE);
    await shows(terminal, /platter>$/);
    terminal.type('leng');
    await shows(terminal, /platter> leng$/);
    terminal.press('ctrl-z');
    await shows(terminal, /Stopped.*\nsh\$$/s);
    terminal.enter('fg');
    await shows(terminal, /\nplatter> leng$/);
    terminal.enter('th');
    await shows(terminal, /length\n8 MiB\nplatter>$/);
    terminal.enter('quit');
    await shows(terminal, /quit\nsh\$$/);
  });

  it('in the pager', async () => {
    const terminal = await shell({ ...SIZE, env: { NO_COLOR: '1' } });
    terminal.enter(START_LINE);
    await shows(terminal, /platter>$/);
    terminal.enter('map');
    await shows(terminal, PAGING);
    terminal.press('ctrl-z');
    await shows(terminal, /Stopped.*\nsh\$$/s);
    terminal.enter('fg');
    await shows(terminal, PAGING);
    terminal.type('q');
    await expectAlive(terminal);
  });
});

describe('leaving', () => {
  it.each(['ctrl-d', 'quit'] as const)('%s with steps that are not committed: asked once', async (way) => {
    const leave = (): void => (way === 'quit' ? terminal.enter('quit') : terminal.press('ctrl-d'));
    const terminal = await atPrompt();
    terminal.enter('open-target qed');
    await shows(terminal, /table_size 4\nplatter>$/);
    leave();
    await shows(terminal, /1 step is not committed\. .* again leaves it, `commit` writes it\nplatter>$/);
    // Something else in between: asked again.
    await expectAlive(terminal);
    leave();
    await shows(terminal, /length\n8 MiB\nplatter>.*\n1 step is not committed.*\nplatter>$/s);
    leave();
    expect(await terminal.exit).toEqual({ status: 1 });
    expectRestored(terminal);
  });
});
