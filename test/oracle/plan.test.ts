/**
 * `commit` does what `plan` says, and nothing to the file before: the system calls of the real program, seen by
 * strace, are the plan's, one by one.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { PROGRAM, platter } from '../support/platter.ts';
import { create, describeWithQemu, io, testFolder } from '../support/qemu.ts';
import { callsOn, hasStrace, merged, straced, type Writes } from '../support/syscalls.ts';
import { sha256 } from './conversion.ts';

const ROOT = resolve(import.meta.dirname, '../..');

interface Row {
  readonly stage: string;
  readonly offset?: number;
  readonly length?: number;
  readonly flushes: string;
}

/** The plan's rows as the calls they stand for. */
function promised(rows: readonly Row[]): string[] {
  const calls = rows.flatMap(({ stage, offset = 0, length = 0, flushes }): Writes[] => {
    const barriers = flushes.split(', ').filter(Boolean);
    return [...callOf(stage, offset, length), ...barriers.map((file) => ({ file, call: 'flush' }))];
  });
  return merged(calls);
}

function callOf(stage: string, offset: number, length: number): Writes[] {
  switch (stage) {
    case 'flush':
      return [];
    case 'grow':
      return [{ file: 'image', call: 'resize', offset: offset + length }];
    case 'truncate':
      return [{ file: 'image', call: 'resize', offset }];
    case 'make journal':
      return [{ file: 'journal', call: 'create' }];
    case 'keep journal':
      return [{ file: 'journal', call: 'link' }];
    case 'remove journal':
      return [{ file: 'journal', call: 'unlink' }];
    case 'journal':
      return [{ file: 'journal', call: 'write', offset, length }];
    default:
      return [{ file: 'image', call: 'write', offset, length }];
  }
}

/** Steps that overwrite in place, cut, append and move the header, through a session, as a program of its own. */
const EDITS = `
  import { writeFileSync } from 'node:fs';
  import { runToEnd } from '${ROOT}/src/bytes/progress.ts';
  import { commitSteps } from '${ROOT}/src/session/commit.ts';
  import { planSteps } from '${ROOT}/src/session/plan.ts';
  import { Session } from '${ROOT}/src/session/session.ts';
  const [, , path, plan, kind, keep] = process.argv;
  const session = Session.open(path);
  const size = session.file.size;
  runToEnd(session.step('edit', function* ({ device }) {
    yield { what: 'edit', done: 0, total: 1 };
    // Two entries of tables, a name in the header's padding, new bytes behind the end.
    const sector = new Uint8Array(512).fill(7);
    if (kind !== 'cut') device.write(size + 512, sector, 'appended');
    device.write(size - 1024, sector, 'data');
    device.write(size - 8192, sector, 'data');
    if (kind === 'cut') device.resize(size - 512);
    if (kind === 'header') device.write(600, Uint8Array.of(0), 'padding');
  }));
  writeFileSync(plan, JSON.stringify(runToEnd(planSteps(session, keep !== ''))));
  runToEnd(commitSteps(session, keep === '' ? {} : { rollback: keep, label: 'edit' }));
`;

describeWithQemu('plan and commit', () => {
  const cases = [
    ['qcow2', 'qed', ''],
    ['qed', 'qcow2', ''],
    ['qcow2', 'qcow2 -o cluster_size=512', ''],
    ['qcow2', 'qed', 'kept'],
  ] as const;
  it.skipIf(!hasStrace).each(cases)('%s to %s, rollback file: "%s": the calls are the plan', (from, to, kept) => {
    const folder = testFolder();
    const image = join(folder, 'image');
    create(image, from, '8M', { options: { cluster_size: 4096 } });
    io(image, from, ['write -q -P 1 6M 64k', 'write -q -P 2 0 40k', 'write -q -z 8k 4k', 'write -q -P 3 4M 4k']);
    const before = sha256(image);
    const steps = [`open ${image}`, `open-target ${to}`, 'setmap --all', 'copy-header'];
    const input = (last: string): string => `${[...steps, last].join('\n')}\n`;

    const planLog = join(folder, 'plan-log');
    const plan = `plan${kept && ' --rollback'}`;
    expect(straced(planLog, [process.execPath, PROGRAM], input(`${plan}\ndiscard`))).toBe(0);
    const staged = callsOn(planLog, image);
    expect(staged.calls, 'no call changes anything before commit').toEqual([]);
    expect(staged.opens.every((how) => how.startsWith('O_RDONLY'))).toBe(true);
    expect(sha256(image)).toBe(before);

    const shown = platter(['--output=json'], { input: input(`${plan}\ndiscard`) });
    const { writes } = JSON.parse(
      shown.stdout.slice(shown.stdout.indexOf('{\n    "writes"')).replace(/\n\}\n\{.*$/s, '\n}'),
    );

    const log = join(folder, 'commit-log');
    const commit = kept ? `commit --rollback=${image}-${kept}` : 'commit';
    expect(straced(log, [process.execPath, PROGRAM], input(commit))).toBe(0);
    const done = callsOn(log, image);
    expect(done.calls).toEqual(promised(writes));
    expect(done.before, 'calls before the image was open for writing').toBe(0);
    expect(done.lock).toEqual(['open', 'open', 'unlink']);
    expect(sha256(image)).not.toBe(before);
  });

  it.skipIf(!hasStrace).each([
    ['in place', ''],
    ['header', ''],
    ['header', 'kept'],
    ['cut', ''],
    ['cut', 'kept'],
  ])('edits in place (%s), rollback file: "%s": the calls are the plan', (kind, kept) => {
    const folder = testFolder();
    const [entry, script] = [join(folder, 'edit.ts'), join(folder, 'edit.mjs')];
    writeFileSync(entry, EDITS);
    const bundled = spawnSync(join(ROOT, 'node_modules/.bin/rolldown'), [entry, '--platform', 'node', '-o', script]);
    expect(bundled.status, String(bundled.stderr)).toBe(0);
    const [original, image, plan, log] = ['original', 'image', 'plan', 'log'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    create(original, 'qcow2', '8M', { options: { cluster_size: 4096 } });
    io(original, 'qcow2', ['write -q -P 1 6M 64k', 'write -q -P 2 0 40k']);
    copyFileSync(original, image);
    const keep = kept && join(folder, kept);
    expect(straced(log, [process.execPath, script, image, plan, kind, keep])).toBe(0);
    const { rows } = JSON.parse(readFileSync(plan, 'utf8')) as { rows: { flushes: string[] }[] };
    const done = callsOn(log, image);
    expect(done.calls).toEqual(promised(rows.map((row) => ({ ...row, flushes: row.flushes.join(', ') })) as Row[]));
    expect(done.calls).toContain('journal create');
    expect(done.before).toBe(0);
  });
});
