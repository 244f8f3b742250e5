/** Other programs on the terminal that the screen has: the pager, the shell, the far end of a pipe. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testFolder } from '../support/qemu.ts';
import type { Terminal } from '../support/terminal.ts';
import { faultsOf } from './frames.ts';
import { ready, START, say, screenOf } from './support.ts';

/** A pager that says what it was given and waits for a key: what `less` does, and nothing of how. */
function pager(folder: string): string {
  const path = join(folder, 'pager');
  writeFileSync(path, '#!/bin/sh\necho "pager: $(wc -l) lines"\nread -r answer </dev/tty\necho "answer: $answer"\n');
  chmodSync(path, 0o755);
  return path;
}

/** The same screen as before, and the keys work. */
async function expectBack(terminal: Terminal): Promise<void> {
  await ready(terminal);
  await terminal.until((screen) => faultsOf(screen, 5).length === 0);
  await say(terminal, 'length', '8 MiB');
}

describe('other programs', () => {
  it('$PAGER has the terminal until it ends', async () => {
    const terminal = await screenOf([START], { env: { PAGER: pager(testFolder()) } });
    await terminal.until('1/24');
    terminal.press('f2', 'f9');
    await terminal.until(/pager: \d+ lines/);
    expect(terminal.isAlternate()).toBe(false);
    terminal.enter('typed to the pager');
    await terminal.until('answer: typed to the pager');
    terminal.press('enter');
    await terminal.when(() => terminal.isAlternate());
    terminal.press('escape');
    await expectBack(terminal);
    expect(terminal.text()).not.toContain('typed to the pager');
  });

  it('!command runs in the shell, with the terminal', async () => {
    const terminal = await screenOf([START]);
    terminal.enter('!echo "from the shell: $((6 * 7))"; read -r answer; echo "answer: $answer"');
    await terminal.until('from the shell: 42');
    terminal.enter('yes');
    await terminal.until('answer: yes');
    // It may ask for a key, so that what was printed can be read.
    terminal.press('enter');
    await expectBack(terminal);
  });

  it('COMMAND | program', async () => {
    const terminal = await screenOf([START]);
    terminal.enter('map | wc -l');
    await terminal.until(/^\s*\d\d\s*$/m);
    terminal.press('enter');
    await expectBack(terminal);
  });

  it('Ctrl-C in such a program is its own, and ends nothing here', async () => {
    const terminal = await screenOf([START]);
    terminal.enter('!sleep 100');
    await terminal.untilRuns('sleep');
    terminal.press('ctrl-c');
    await terminal.when(() => terminal.children().length === 0);
    terminal.press('enter');
    await expectBack(terminal);
  });
});
