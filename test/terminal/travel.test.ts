/** Forks, goto and the transcript on the screen: the panels follow, also where as many steps are applied as before. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { panelOf } from './frames.ts';
import { copyOf, expectRestored, ready, say, screenOf } from './support.ts';

it('a switch changes steps, map and table; Enter on a step goes there; the log has it all', async () => {
  const { folder, path } = copyOf('start.qcow2');
  const log = join(folder, 'log.txt');
  const terminal = await screenOf([path]);
  const steps = (screen: readonly string[]) => panelOf(screen, 'Steps');

  await say(terminal, `log ${log}`, 'the transcript goes to');
  await say(terminal, 'open-target qed', 'target qed:');
  await say(terminal, 'setmap --all', 'mapped everything');
  expect(terminal.screen().join('\n')).not.toContain('Steps on');
  await say(terminal, 'goto 1', 'undone: step 2');
  await say(terminal, 'fork by-hand', 'you are on it now');
  await say(terminal, 'setmap 0 0x5000 16k', 'is at host 0x5000');
  await terminal.until((screen) => {
    const rows = steps(screen).rows.join('\n');
    return (
      rows.includes('setmap 0 0x5000') &&
      !rows.includes('setmap --all') &&
      screen.join('\n').includes('Steps on by-hand')
    );
  });
  await say(terminal, 'switch main', 'on main, 1 step applied');
  await terminal.until(
    (screen) =>
      /setmap --all.*undone/.test(steps(screen).rows.join('\n')) && screen.join('\n').includes('Steps on main'),
  );
  await say(terminal, 'redo', 'redone: step 2');
  await say(terminal, 'switch by-hand', 'on by-hand, 2 steps applied');
  await terminal.until((screen) => steps(screen).rows.join('\n').includes('setmap 0 0x5000'));

  // In the panel: the first step, and Enter.
  terminal.press('f6', 'home', 'enter');
  await terminal.until((screen) => /setmap 0 0x5000.*undone/.test(steps(screen).rows.join('\n')));
  terminal.press('escape');
  await ready(terminal);
  await say(terminal, 'discard', '2 steps discarded, 1 undone, the fork by-hand');
  await terminal.until((screen) => screen.join('\n').includes('no steps yet'));
  terminal.enter('quit');
  expect((await terminal.exit).status).toBe(0);
  expectRestored(terminal);

  const text = readFileSync(log, 'utf8');
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(text).toContain(
    'platter> switch main\non main, 1 step applied\nundone: step 2, setmap 0 0x5000 16k\nplatter> redo\n',
  );
  expect(text).toContain('platter> goto 1\nundone: step 2, setmap 0 0x5000 16k\n');
});

it('the step under the cursor shows the fields it changed; w shows its writes instead', async () => {
  const terminal = await screenOf([copyOf('start.qcow2').path]);
  const inSteps = (text: string) => (screen: readonly string[]) =>
    panelOf(screen, 'Steps').rows.join('\n').includes(text);
  await say(terminal, 'set l2[0][0].copied 0', '1 -> 0');
  await terminal.until(inSteps('l2[0][0]: 0x5000 copied -> 0x5000'));
  terminal.press('f6');
  terminal.type('w');
  await terminal.until(inSteps('step 1 writes'));
  terminal.type('w');
  await terminal.until(inSteps('step 1 changes'));
  terminal.press('escape');
  await ready(terminal);
  await say(terminal, 'undo', 'undone: step 1');
  // Undone, it would still change the same.
  await terminal.until((screen) => /1 {2}set l2.*undone/.test(panelOf(screen, 'Steps').rows.join('\n')));
  terminal.press('f6');
  terminal.type('j');
  await terminal.until(inSteps('l2[0][0]: 0x5000 copied -> 0x5000'));
  terminal.press('escape');
  await ready(terminal);
  await say(terminal, 'discard', '1 undone');
  terminal.enter('quit');
  expect((await terminal.exit).status).toBe(0);
});
