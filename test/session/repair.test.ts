/** Repair as a step: undone bit for bit, committed without a way to lose the image, shown before it is done. */
import { copyFileSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { commitSteps } from '../../src/session/commit.ts';
import { explore } from '../../src/session/crash.ts';
import { Diff } from '../../src/session/diff.ts';
import { examine, listedProposals, stageRepair } from '../../src/session/repair.ts';
import { Session } from '../../src/session/session.ts';
import { simulateRepair } from '../../src/session/simulate.ts';
import { SAMPLES, transcript } from '../commands/transcript.ts';
import { describeWithQemu, quickFolder } from '../support/qemu.ts';

const NAMES = ['referenced-but-free.qcow2', 'l2-copied.qcow2', 'past-end-of-file.qcow2', 'cluster-shared.qed'];

function opened(name: string): Session {
  const path = join(quickFolder(), basename(name));
  copyFileSync(join(SAMPLES, name), path);
  const session = Session.open(path);
  onTestFinished(() => session.close());
  return session;
}

const all = { what: 'all', freeData: true } as const;

describe('a repair', () => {
  it.each(NAMES)('of %s is a step: undo gives back every byte, redo and commit what was staged', (name) => {
    const session = opened(`corrupt/${name}`);
    const original = readFileSync(session.file.path);
    const bytes = (): Buffer => {
      const { device } = session.image;
      const target = Buffer.alloc(device.size);
      device.read(0, target);
      return target;
    };
    runToEnd(stageRepair(session, 'repair all', all));
    expect(session.lastCheck).toMatchObject({ isClean: true, isStale: false });
    const repaired = bytes();
    expect(repaired.equals(original)).toBe(false);
    session.undo();
    expect(bytes().equals(original)).toBe(true);
    expect(readFileSync(session.file.path).equals(original)).toBe(true);
    session.redo();
    const found = runToEnd(explore(session, { order: 'commit', keep: false, seed: 1 }));
    onTestFinished(() => found.close());
    expect(found.count('lost'), [...found.reasons.values()].join()).toBe(0);
    expect(found.count('new')).toBeGreaterThan(0);
    runToEnd(commitSteps(session, {}));
    expect(readFileSync(session.file.path).equals(repaired)).toBe(true);
  });

  it('names every field it changes', () => {
    const session = opened('corrupt/referenced-but-free.qcow2');
    runToEnd(stageRepair(session, 'repair 1', { what: [1], freeData: false }));
    const names: string[] = [];
    runToEnd(new Diff(session, 0, 1).changes((change) => names.push('name' in change ? change.name : change.kind)));
    expect(names).toEqual(['refcount[8]', 'l2[0][3]']);
  });

  it('leaves nothing behind where nothing is chosen, and where it is only shown', async () => {
    const session = opened('corrupt/leaked.qcow2');
    const { done } = runToEnd(stageRepair(session, 'repair --safe', { what: 'safe', freeData: false }));
    expect(done).toEqual([]);
    expect(session.steps).toEqual([]);
    runToEnd(examine(session));
    expect(listedProposals(session)).toHaveLength(1);
    const { text } = await transcript(['repair 1 --preview', 'steps'], { image: session.file.path });
    expect(text).toContain('refcount[8]: 1 -> 0');
    expect(text).toContain('no steps: the image is as it is');
  });
});

describeWithQemu('simulate qemu-repair', () => {
  it('stages what qemu-img does to a copy, and says what of a lost L1 table it erases', async () => {
    const session = opened('plain.qcow2');
    runToEnd(
      session.step('lose the L1 table', function* ({ device }) {
        yield { what: 'edit', done: 0, total: 1 };
        device.write(0x3000, new Uint8Array(8), 'l1 table');
      }),
    );
    const before = readFileSync(session.file.path);
    const { ran, isStaged, lost, freed } = runToEnd(simulateRepair(session, 'simulate qemu-repair', 'all'));
    expect(ran.status).toBe(0);
    expect(ran.lines.join('\n')).not.toContain('/platter-');
    expect(isStaged).toBe(true);
    expect(lost).toEqual([]);
    expect(freed.reduce((sum, { data }) => sum + data, 0)).toBeGreaterThan(16_000);
    expect(session.steps.map(({ line }) => line)).toEqual(['lose the L1 table', 'simulate qemu-repair']);
    expect(readFileSync(session.file.path).equals(before)).toBe(true);
  });

  it('says which guest data loses its place', () => {
    const session = opened('corrupt/l2-entry-invalid.qed');
    const { isStaged, freed } = runToEnd(simulateRepair(session, 'simulate qemu-repair', 'all'));
    expect(isStaged).toBe(true);
    expect(freed).toEqual([]);
    expect(session.image.field('l2[0][2]').text).toBe('unallocated');
  });

  it('stages nothing where qemu-img changes nothing, and says so where it refuses', async () => {
    const { text } = await transcript(['simulate qemu-repair', 'steps'], { image: opened('plain.qcow2').file.path });
    expect(text).toContain('It changes nothing');
    const refused = await transcript(['simulate qemu-repair leaks'], {
      image: opened('corrupt/referenced-but-free.qcow2').file.path,
    });
    expect(refused.text).toMatch(/qemu-img does not do it|exit status/);
  });
});
