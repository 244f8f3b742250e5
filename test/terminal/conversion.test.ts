/** A conversion by hand on the screen, from a real image to its commit; every panel follows every command. */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { check, convert, create, describeWithQemu, identical, io, judged, testFolder } from '../support/qemu.ts';
import type { Terminal } from '../support/terminal.ts';
import { faultsOf, panelOf } from './frames.ts';
import { expectRestored, ready, say, screenOf } from './support.ts';

/** Data here and there, a hole, and zeros that take room: sixteen clusters of 64 KiB. */
function makeImage(path: string): void {
  create(path, 'qcow2', '4M', { options: { cluster_size: 65536 } });
  io(path, 'qcow2', [
    'write -P 0x11 1M 128k',
    'write -P 0x22 0 256k',
    'write -P 0x33 3M 64k',
    'write -z 2M 128k',
    'write -P 0x44 3968k 64k',
  ]);
}

function title(terminal: Terminal): string {
  return terminal.screen()[0] ?? '';
}

function rowsOf(terminal: Terminal, name: string, more = ''): readonly string[] {
  return panelOf(terminal.screen(), name, more).rows;
}

describeWithQemu('a conversion by hand on the screen', () => {
  it('from opening to commit, with undo and redo', async () => {
    const folder = testFolder();
    const path = join(folder, 'disk.qcow2');
    makeImage(path);
    const before = join(folder, 'before.qcow2');
    convert(path, 'qcow2', before, 'qcow2');

    const terminal = await screenOf([path]);
    await terminal.until('1 Extents');
    expect(title(terminal)).toMatch(/disk\.qcow2 +qcow2 +virtual 4M .*no steps/);
    const table = rowsOf(terminal, 'Extents');
    expect(table[1]).toMatch(/^> 0x000000 +256K .*data +0x\w+/);
    expect(table.join('\n')).toMatch(/0x200000 +128K .*zero/);
    expect(table.join('\n')).toMatch(/0x300000 +64K .*data/);

    // From a guest cluster to its bytes, entry by entry.
    terminal.press('f2', 'down', 'down', 'enter');
    await terminal.until((screen) => /\bL1\b|l1\[/.test(panelOf(screen, 'Inspect').rows.join('\n')));
    terminal.press('enter');
    await terminal.until((screen) => /l2\[/.test(panelOf(screen, 'Inspect').rows.join('\n')));
    terminal.press('enter');
    await terminal.until((screen) => /(11 ?){8}/.test(panelOf(screen, 'Inspect').rows.join('\n')));
    terminal.press('escape');
    await ready(terminal);

    await say(terminal, 'getopts', 'cluster size: 64 KiB');
    await say(terminal, 'open-target qed', 'target qed:');
    await terminal.until((screen) => panelOf(screen, 'Steps').rows.some((row) => row.includes('open-target qed')));
    expect(title(terminal)).toContain('qcow2 → qed');
    expect(title(terminal)).toContain('1 step');
    await terminal.until((screen) => /source qcow2.*target qed/s.test(panelOf(screen, 'Clusters').rows.join('\n')));

    // What one setmap does, while one watches.
    const [, host] = /0x000000 +256K .*?(0x\w+)/.exec(rowsOf(terminal, 'Extents', 'source').join('\n')) ?? [];
    await say(terminal, `setmap 0 ${host} 256k`, 'guest 0x0..0x40000 is at host');
    await terminal.until((screen) =>
      /> 0x000000 +256K .*data/.test(panelOf(screen, 'Extents', 'target').rows.join('\n')),
    );
    // The cells end where the first row is empty; the legend comes after that.
    const cells = (): string => rowsOf(terminal, 'Clusters').join('\n').split('target qed')[1]?.split('\n\n')[0] ?? '';
    const count = (glyphs: RegExp): number => [...cells().matchAll(glyphs)].length;
    // The cursor frames the block it is on.
    const [data, changed] = [/[█▆■]/g, /[▆■]/g];
    await terminal.until((screen) => panelOf(screen, 'Steps').rows.some((row) => row.includes('> 2  setmap')));
    await terminal.until(() => count(changed) === 4);
    expect(count(data)).toBe(4);

    await say(terminal, 'map | setmap --all', 'mapped what the list has');
    await terminal.until((screen) => panelOf(screen, 'Steps').rows.some((row) => row.includes('> 3  map | setmap')));
    await terminal.until(() => count(data) === 8);
    await say(terminal, 'copy-header', 'converted: qcow2 to qed');
    await terminal.until((screen) => /qed +virtual/.test(screen[0] ?? ''));

    await say(terminal, 'undo', 'undone: step 4, copy-header');
    await say(terminal, 'undo', 'undone: step 3, map | setmap --all');
    await terminal.until(() => /qcow2 → qed .*2 steps/.test(title(terminal)) && count(data) === 4);
    expect(panelOf(terminal.screen(), 'Steps').title).toContain('2 undone');
    await say(terminal, 'redo', 'redone: step 3');
    terminal.press('f8');
    await terminal.until('redone: step 4, copy-header');
    await terminal.until(() => /4 steps · nothing on disk yet/.test(title(terminal)));
    expect(identical(path, 'qcow2', before, 'qcow2')).toBe(true);

    await say(terminal, 'commit', 'committed: 4 steps');
    await terminal.until((screen) => /qed .*no steps/.test(screen[0] ?? ''));
    expect(faultsOf(terminal.screen(), 5)).toEqual([]);
    terminal.press('ctrl-d');
    expect(await terminal.exit).toEqual({ status: 0 });
    expectRestored(terminal);
    expect(terminal.text()).toContain('committed: 4 steps');

    expect(identical(path, 'qed', before, 'qcow2')).toBe(true);
    expect(['clean', 'leaks']).toContain(check(path, 'qed').verdict);
    judged(2);
  });
});
