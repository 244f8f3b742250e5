/** One image under edit: steps leave no trace when they fail, undo and redo bring the target back, the file waits. */
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { swapHeader } from '../../src/commands/copy-header.ts';
import { mapAll, openTarget } from '../../src/convert/convert.ts';
import type { ConversionTarget } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { commitSteps } from '../../src/session/commit.ts';
import { Session } from '../../src/session/session.ts';
import { withSamples } from '../commands/transcript.ts';

function hash(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function open(session: Session): void {
  runToEnd(
    session.step('open-target qed', function* (draft) {
      draft.target = yield* openTarget(draft.device, draft.image, driverNamed('qed'), {});
      draft.target.sync();
    }),
  );
}

function map(session: Session): void {
  runToEnd(session.step('setmap --all', ({ image, target }) => mapAll(image, target as ConversionTarget)));
}

function swap(session: Session): void {
  runToEnd(session.step('copy-header', (draft) => swapHeader(draft, false)));
}

/** Guest extents of the target as it stands. */
function mapped(session: Session): number {
  let data = 0;
  for (const batch of session.target?.view().mappings() ?? []) {
    for (const { kind, length } of batch) if (kind === 'data') data += length;
  }
  return data;
}

describe('a session', () => {
  it('undo and redo bring back the target as it was at each step', async () => {
    await withSamples((folder) => {
      const path = join(folder, 'start.qcow2');
      const before = hash(path);
      const session = Session.open(path);
      try {
        open(session);
        expect(mapped(session)).toBe(0);
        map(session);
        const all = mapped(session);
        expect(all).toBeGreaterThan(0);
        session.undo();
        expect(mapped(session)).toBe(0);
        session.redo();
        expect(mapped(session)).toBe(all);
        swap(session);
        expect([session.image.format, session.target]).toEqual(['qed', undefined]);
        session.undo();
        expect([session.image.format, mapped(session)]).toEqual(['qcow2', all]);
        session.undo();
        session.undo();
        expect(session.target).toBeUndefined();
        expect(session.steps.map(({ applied }) => applied)).toEqual([false, false, false]);
        expect(() => session.undo()).toThrow('no step to undo');
        for (let i = 0; i < 3; i++) session.redo();
        expect(session.image.format).toBe('qed');
        expect(() => session.redo()).toThrow('no undone step');
        expect(session.discard()).toBe(3);
        expect(session.image.format).toBe('qcow2');
        expect(session.steps).toEqual([]);
      } finally {
        session.close();
      }
      expect(hash(path)).toBe(before);
    });
  });

  it('a step that throws or is cancelled leaves no trace', async () => {
    await withSamples((folder) => {
      const session = Session.open(join(folder, 'start.qcow2'));
      try {
        open(session);
        const before = mapped(session);
        const failing = session.step('fails', function* ({ image, target }) {
          yield* mapAll(image, target as ConversionTarget);
          throw new ImageError({ code: 'test', what: 'no' });
        });
        expect(() => runToEnd(failing)).toThrow('no');
        expect([mapped(session), session.steps.length]).toEqual([before, 1]);
        const cancelled = session.step('is cancelled', function* ({ image, target, device }) {
          yield* mapAll(image, target as ConversionTarget);
          device.write(0, new Uint8Array(512), 'nothing good');
          yield { what: 'waiting', done: 0, total: 1 };
        });
        for (let step = cancelled.next(); !step.done && step.value.what !== 'waiting'; ) step = cancelled.next();
        cancelled.return(undefined);
        expect([mapped(session), session.steps.length]).toEqual([before, 1]);
        map(session);
        swap(session);
        expect(session.image.format).toBe('qed');
      } finally {
        session.close();
      }
    });
  });

  it('goes on with the committed file', async () => {
    await withSamples((folder) => {
      const path = join(folder, 'start.qcow2');
      const session = Session.open(path);
      try {
        open(session);
        map(session);
        swap(session);
        runToEnd(commitSteps(session, {}));
        expect([session.image.format, session.steps.length, session.staged]).toEqual(['qed', 0, undefined]);
        expect(readFileSync(path).toString('latin1', 0, 3)).toBe('QED');
        const again = Session.open(path);
        expect(again.image.format).toBe('qed');
        again.close();
        expect(() => runToEnd(commitSteps(session, {}))).toThrow('no step to commit');
      } finally {
        session.close();
      }
    });
  });

  it('refuses to commit to a file that another program changed', async () => {
    await withSamples((folder) => {
      const path = join(folder, 'start.qcow2');
      const session = Session.open(path);
      try {
        open(session);
        map(session);
        swap(session);
        const changed = readFileSync(path);
        changed.writeUInt8(1, changed.length - 1);
        writeFileSync(path, changed);
        const now = hash(path);
        expect(() => runToEnd(commitSteps(session, {}))).toThrow(/not as it was/);
        expect(hash(path)).toBe(now);
      } finally {
        session.close();
      }
    });
  });

  it('does not write what was only guessed to be raw, nor a raw disk that begins like an image', async () => {
    await withSamples((folder) => {
      const disguised = join(folder, 'disk.raw');
      copyFileSync(join(folder, 'start.qcow2'), disguised);
      for (const path of [disguised, join(folder, 'zero-base.raw')]) {
        const session = Session.open(path);
        expect(() => open(session)).toThrow(/not enough to write it.*-f/);
        session.close();
      }
      const forced = Session.open(disguised, { format: 'qcow2' });
      open(forced);
      forced.close();
    });
  });

  it('offers recovery before anything else', async () => {
    await withSamples((folder) => {
      const path = join(folder, 'start.qcow2');
      writeFileSync(`${path}.platter-journal`, 'left behind');
      expect(() => Session.open(path)).toThrow(/a commit was interrupted.*Try: recover/);
    });
  });
});
