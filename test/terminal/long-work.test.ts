/** Work that takes a while on a large image: it is shown, the screen lives, and Ctrl-C ends it without a trace. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../../bench/generate.mjs';
import { WORKLOADS } from '../../bench/workloads.mjs';
import { faultsOf, panelOf } from './frames.ts';
import { ready, say, screenOf } from './support.ts';

describe('long work on 1 TiB in eight million pieces', () => {
  let folder = '';
  let path = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'platter-large-'));
    path = join(folder, 'large.qcow2');
    generate(path, 'qcow2', WORKLOADS.b1t);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('the prompt is there before the table is, and the table ends with every row', async () => {
    const terminal = await screenOf([path]);
    await terminal.until(/1 Extents .*\/[\d,. ]*16[,. ]?777[,. ]?216/, 20_000);
    terminal.press('f2', 'end');
    await terminal.until(/> 0xffff\w+/i);
    terminal.press('home');
    await terminal.until(/> 0x0+ /);
    expect(faultsOf(terminal.screen(), 5)).toEqual([]);
  });

  it('Ctrl-C ends a check, and the session goes on', async () => {
    const terminal = await screenOf([path]);
    terminal.enter('check');
    await terminal.until(/\d ?%/);
    terminal.press('ctrl-c');
    await terminal.until(/cancelled/);
    await ready(terminal);
    await say(terminal, 'length', /^│1 TiB +[│█]/m);
    expect(panelOf(terminal.screen(), 'Steps').rows.join(' ')).toContain('no steps');
  });

  it('Ctrl-C ends a map, and the session goes on', async () => {
    const terminal = await screenOf([path]);
    terminal.enter('map');
    await terminal.until(/mapping +\d+ ?%/);
    terminal.press('ctrl-c');
    await terminal.until(/cancelled/);
    await ready(terminal);
    await say(terminal, 'length', /^│1 TiB +[│█]/m);
  });

  it('Ctrl-C ends a map that goes to another program', async () => {
    const terminal = await screenOf([path]);
    terminal.enter('map | cat >/dev/null');
    // A shell that has not started its program yet keeps a Ctrl-C to itself until the program ends.
    await terminal.untilRuns('cat');
    expect(terminal.isAlternate()).toBe(false);
    terminal.press('ctrl-c');
    await terminal.until('Enter');
    terminal.press('enter');
    await ready(terminal);
    await say(terminal, 'length', /^│1 TiB +[│█]/m);
  });

  it('Ctrl-C drops the step that a command had begun', async () => {
    const terminal = await screenOf([path]);
    await say(terminal, 'open-target qed', 'target qed:');
    terminal.enter('setmap --all');
    await terminal.until(/\d ?%/);
    terminal.press('ctrl-c');
    await terminal.until(/cancelled/);
    await ready(terminal);
    await say(terminal, 'steps', /open-target qed/);
    await ready(terminal);
    expect(panelOf(terminal.screen(), 'Steps').rows.join(' ')).not.toContain('setmap');
  });

  it('keys are answered while a command runs', async () => {
    const terminal = await screenOf([path]);
    terminal.enter('check');
    await terminal.until(/\d ?%/);
    terminal.type('typed meanwhile');
    await terminal.until('platter> typed meanwhile', 1_000);
    terminal.press('ctrl-c');
    await terminal.until(/cancelled|No errors/);
  });
});
