/** The prompt of the screen under a user's hands: pastes, history, completion, and Ctrl-C on a line. */
import { describe, expect, it } from 'vitest';
import { ready, START, say, screenOf } from './support.ts';

describe('typing on the screen', () => {
  it('takes a paste of 20 KB at once, and runs none of it', async () => {
    const terminal = await screenOf([START]);
    const line = 'setmap 0x4000 0xb000 16k # 漢字 a line that nobody has meant to run';
    const text = Array.from({ length: Math.ceil(20_480 / line.length) }, (_, i) => `${line} ${i}`).join('\n');
    const before = performance.now();
    terminal.paste(text);
    await terminal.until(`run ${Math.ceil(20_480 / line.length) - 1}`, 5_000);
    expect(performance.now() - before).toBeLessThan(3_000);
    expect(terminal.text()).not.toContain('not a command');
    terminal.press('ctrl-c');
    await ready(terminal);
    await say(terminal, 'steps', 'no steps');
  });

  it('takes 20 KB that a terminal without brackets sends as keys', async () => {
    const terminal = await screenOf([START]);
    terminal.type('x'.repeat(20_480));
    await terminal.until(/x{40}/);
    terminal.type('END');
    await terminal.until('xEND', 5_000);
    terminal.press('ctrl-c');
    await ready(terminal);
  });

  it('keeps the line and the cursor right with wide characters', async () => {
    const terminal = await screenOf([START]);
    terminal.type('open 漢字é.img');
    await terminal.until('open 漢字é.img');
    await terminal.when(() => terminal.cursor().x === 'platter> '.length + 'open '.length + 4 + 'é.img'.length);
    terminal.press('ctrl-a', 'alt-d', 'ctrl-e', 'ctrl-y');
    await terminal.until('platter>  漢字é.imgopen');
    terminal.press('ctrl-_', 'ctrl-_');
    await terminal.until('open 漢字é.img');
    terminal.press('ctrl-c');
    await ready(terminal);
  });

  it('completes, recalls and searches what was typed', async () => {
    const terminal = await screenOf([START]);
    terminal.type('open-t');
    terminal.press('tab');
    await terminal.until('platter> open-target');
    terminal.type('qe');
    terminal.press('tab');
    await terminal.until('platter> open-target qed');
    terminal.press('enter');
    await terminal.until('target qed:');
    await ready(terminal);
    await say(terminal, 'length', '8 MiB');
    await ready(terminal);
    terminal.press('up', 'up');
    await terminal.until(/platter> open-target qed$/m);
    terminal.press('ctrl-c');
    await ready(terminal);
    terminal.press('ctrl-r');
    terminal.type('leng');
    await terminal.until(/search.*leng|leng.*length/);
    terminal.press('enter');
    await terminal.until((screen) => screen.filter((row) => row.includes('8 MiB')).length >= 2);
  });

  it('completes with the offsets that the table shows', async () => {
    const terminal = await screenOf([START]);
    terminal.type('explain 0x134');
    terminal.press('tab');
    await terminal.until(/platter> explain 0x134000$/m);
    terminal.press('enter');
    await terminal.until(/guest: 0x134000/);
  });

  it('suggests the command that was meant', async () => {
    const terminal = await screenOf([START]);
    await say(terminal, 'undoo', /"undoo" not found.*\bundo\b/);
  });
});
