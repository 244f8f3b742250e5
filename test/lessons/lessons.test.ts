/**
 * Every lesson of the package: its solution passes, nothing is fulfilled before the user does something, and what its
 * `try:` lines do gets the words they say. A lesson without enough of them fails too.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lessonNames } from '../../src/host/package-files.ts';
import { Player, packageScript } from './play.ts';

const COLUMNS = 78;
/** Commands that no lesson asks for and that look at nothing a lesson grades. */
const IDLE = 'length';

const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

it('there are a tour and at least six lessons', () => {
  expect(lessonNames()).toContain('tour');
  expect(lessonNames().length).toBeGreaterThanOrEqual(7);
});

describe.each(lessonNames())('%s', (name) => {
  const script = packageScript(name);
  const { tasks } = script;

  it('has a sensible length, and says how each task is helped', () => {
    expect(tasks.length).toBeGreaterThanOrEqual(3);
    expect(tasks.length).toBeLessThanOrEqual(8);
    for (const { title, prose, hints, question, tries } of tasks) {
      expect(prose.length, title).toBeGreaterThan(0);
      expect(hints.length, title).toBeGreaterThan(0);
      if (question)
        expect(
          tries.some(({ lines }) => lines.at(-1)?.startsWith('answer ')),
          title,
        ).toBe(true);
    }
  });

  it('its solution passes, task by task, and no task is done before it is', async () => {
    const player = new Player();
    const out = [await player.type(`lesson ${name}`)];
    const path = player.host.session?.file.path ?? '';
    expect(existsSync(path)).toBe(true);
    for (const [i, task] of tasks.entries()) {
      expect(player.host.lesson?.at, task.title).toBe(i + 1);
      await player.type(IDLE, 'lesson hint', 'help');
      expect(player.host.lesson?.at, `${task.title} is done before anything was`).toBe(i + 1);
      const before = await player.type('lesson again');
      expect(oneLine(before)).toContain(`${i + 1}/${tasks.length}: ${task.title}`);
      out.push(before, await player.solve());
    }
    expect(player.host.lesson).toBeUndefined();
    expect(player.host.lessonsDone.has(name)).toBe(true);
    expect(existsSync(dirname(path))).toBe(false);
    expect(out.join('')).not.toMatch(/command "|is not it|Not there yet/);
    player.end();
  });

  it('fits in 78 columns', async () => {
    const player = new Player();
    const said = [await player.type(`lesson ${name}`)];
    for (const { hints } of tasks) {
      for (const _ of hints) said.push(await player.type('lesson hint'));
      said.push(await player.type('lesson again'), await player.type('lesson show'));
      await player.solve();
    }
    player.end();
    for (const { when, done } of tasks)
      for (const text of [...when.map((w) => w.text), done ?? '']) expect(text).not.toMatch(/\S{79}/);
    for (const line of said.join('').split('\n')) expect(line.length, line).toBeLessThanOrEqual(COLUMNS + 1);
  });

  it.each(tasks.map((task, i) => [task.title, i] as const))('%s: what is said to other moves', async (_title, i) => {
    const player = new Player();
    await player.type(`lesson ${name}`);
    for (let at = 0; at < i; at++) await player.solve();
    const task = tasks[i];
    const heard: string[] = [];
    for (const { lines, says, lineNumber } of task?.tries ?? []) {
      await player.type('lesson again');
      const said = oneLine(await player.type(...lines));
      heard.push(said);
      expect(said, `line ${lineNumber}`).toContain(oneLine(says));
      expect(player.host.lesson?.at, `line ${lineNumber} fulfils the task`).toBe(i + 1);
    }
    for (const { text } of task?.when ?? []) {
      expect(
        heard.some((said) => said.includes(oneLine(text))),
        `never said: ${text}`,
      ).toBe(true);
    }
    await player.type('lesson again');
    await player.solve();
    expect(player.host.lesson?.at).toBe(i + 1 < tasks.length ? i + 2 : undefined);
    player.end();
  });
});
