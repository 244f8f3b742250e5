/** Time travel in a session: goto, forks, dry runs apart, what a commit does with other forks, moves that fail. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { commitSteps } from '../../src/session/commit.ts';
import { Picture } from '../../src/session/picture.ts';
import { Session } from '../../src/session/session.ts';
import { transcript, withSamples } from '../commands/transcript.ts';

function write(session: Session, offset: number, fill: number): void {
  runToEnd(
    session.step(`write ${offset} ${fill}`, function* ({ device }) {
      device.write(offset, new Uint8Array(512).fill(fill), 'test');
      yield { what: 'writing', done: 1, total: 1 };
    }),
  );
}

function byte(session: Session, offset: number): number | undefined {
  const target = new Uint8Array(1);
  session.image.device.read(offset, target);
  return target[0];
}

async function onStart(use: (session: Session, path: string) => void): Promise<void> {
  await withSamples((folder) => {
    const path = join(folder, 'start.qcow2');
    const session = Session.open(path);
    try {
      use(session, path);
    } finally {
      session.close();
    }
  });
}

/** Guest data, so that the image stays an image. */
const DATA = 0x5000;

describe('goto', () => {
  it('goes to any step, says what happened on the way, and refuses a step that is not there', async () => {
    await onStart((session) => {
      const before = byte(session, DATA);
      for (const fill of [1, 2, 3]) write(session, DATA, fill);
      expect(session.goTo(1)).toMatchObject({
        undone: [{ number: 3 }, { number: 2 }],
        redone: [],
        at: 1,
      });
      expect(byte(session, DATA)).toBe(1);
      expect(session.goTo(3).redone.map(({ number, applied }) => [number, applied])).toEqual([
        [2, true],
        [3, true],
      ]);
      expect(session.goTo(0).at).toBe(0);
      expect(byte(session, DATA)).toBe(before);
      expect(session.goTo(0)).toEqual({ undone: [], redone: [], at: 0 });
      expect(() => session.goTo(4)).toThrow('there is no step 4: the last one is 3');
      expect(() => session.redo(4)).toThrow('there are 3 steps to redo, not 4');
      session.redo(2);
      expect(() => session.undo(3)).toThrow('there are 2 steps to undo, not 3');
      expect(byte(session, DATA)).toBe(2);
    });
  });

  it('does not happen when the image cannot be opened there', async () => {
    await onStart((session, path) => {
      write(session, DATA, 1);
      runToEnd(
        session.step('another header', function* ({ device, image }) {
          device.write(0, readFileSync(path).subarray(0, 512), 'header');
          yield { what: 'writing', done: image.size, total: image.size };
        }),
      );
      const image = session.image;
      // Somebody breaks the file's header under our feet: without the last step it is no image any more.
      writeFileSync(path, Buffer.concat([Buffer.alloc(512), readFileSync(path).subarray(512)]));
      expect(() => session.undo()).toThrow(/magic/);
      expect(session.steps.map(({ applied }) => applied)).toEqual([true, true]);
      expect(session.image).toBe(image);
      expect(byte(session, DATA)).toBe(1);
    });
  });
});

describe('forks', () => {
  it('begin with the steps applied, and keep to themselves', async () => {
    await onStart((session) => {
      const before = byte(session, DATA);
      expect(session.forks).toEqual([{ name: 'main', isCurrent: true, applied: 0, undone: 0 }]);
      write(session, DATA, 1);
      write(session, DATA, 2);
      session.undo();
      session.fork('try');
      write(session, DATA, 9);
      write(session, DATA, 10);
      expect(session.forks).toEqual([
        { name: 'main', isCurrent: false, applied: 1, undone: 1 },
        { name: 'try', isCurrent: true, applied: 3, undone: 0, from: { name: 'main', step: 1 } },
      ]);
      expect(session.uncommitted).toBe(3);
      expect(session.switchTo('main')).toMatchObject({ undone: [{ number: 3 }, { number: 2 }], redone: [], at: 1 });
      expect(byte(session, DATA)).toBe(1);
      session.redo();
      expect(byte(session, DATA)).toBe(2);
      session.goTo(0);
      expect(byte(session, DATA)).toBe(before);
      // What `try` builds on is dropped from main, not from `try`.
      write(session, DATA, 5);
      expect(session.forks[1]).toMatchObject({ applied: 3, from: { name: 'main', step: 0 } });
      session.switchTo('try');
      expect(byte(session, DATA)).toBe(10);
      session.goTo(1);
      expect(byte(session, DATA)).toBe(1);
    });
  });

  it('have names of their own, and the current one stays', async () => {
    await onStart((session) => {
      session.fork('a');
      for (const name of ['', '1', 'a b', '../x', 'a..b', '-a', 'x'.repeat(41), 'a\u001b']) {
        expect(() => session.fork(name)).toThrow('cannot be the name of a fork');
      }
      expect(() => session.fork('main')).toThrow('there is a fork main already');
      expect(() => session.switchTo('b')).toThrow("there is no fork 'b'");
      expect(() => session.dropFork('a')).toThrow('a is the fork you are on');
      session.switchTo('main');
      session.dropFork('a');
      expect(session.forks.map(({ name }) => name)).toEqual(['main']);
    });
  });

  it('a commit writes the current one, and does not lose the steps of others unasked', async () => {
    await onStart((session, path) => {
      write(session, DATA, 1);
      session.fork('same');
      session.fork('try');
      write(session, DATA, 9);
      session.switchTo('main');
      const before = createHash('sha256').update(readFileSync(path)).digest('hex');
      expect(() => runToEnd(commitSteps(session, {}))).toThrow(/try: 1 step.*commit --drop-forks.*switch try/s);
      expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(before);
      runToEnd(commitSteps(session, { dropForks: true }));
      expect(readFileSync(path)[DATA]).toBe(1);
      expect(session.forks).toEqual([{ name: 'main', isCurrent: true, applied: 0, undone: 0 }]);
      // A fork with no step of its own loses nothing.
      write(session, DATA, 2);
      session.fork('mark');
      runToEnd(commitSteps(session, {}));
      expect(readFileSync(path)[DATA]).toBe(2);
      expect(session.forks).toHaveLength(1);
    });
  });

  it('the picture follows a switch, also where as many steps are applied, and marks what is different', async () => {
    await onStart((session) => {
      const picture = new Picture();
      const refresh = (): boolean => {
        const stale = picture.isStale(session);
        runToEnd(picture.refresh(session));
        return stale;
      };
      refresh();
      expect(picture.fork).toBeUndefined();
      write(session, DATA, 1);
      session.fork('try');
      expect(refresh()).toBe(true);
      expect(picture.fork).toBe('try');
      session.switchTo('main');
      // The same bytes: nothing to read, but another name.
      expect(refresh()).toBe(false);
      expect(picture.fork).toBe('main');
      write(session, DATA + 0x1000, 2);
      refresh();
      session.switchTo('try');
      write(session, DATA + 0x2000, 3);
      refresh();
      session.switchTo('main');
      expect([session.steps.length, picture.isStale(session)]).toEqual([2, true]);
      refresh();
      const changed = (at: number) => picture.clusters?.source.cell(at, at + 0x1000).changed;
      expect([changed(DATA), changed(DATA + 0x1000), changed(DATA + 0x2000)]).toEqual([false, true, true]);
    });
  });
});

describe('a dry run', () => {
  it('leaves the steps, undone ones too, as they are', async () => {
    await withSamples(async (folder) => {
      const { text, status } = await transcript(
        ['open-target qed', 'undo', 'convert-inplace qed --dry-run', 'steps', 'forks', 'redo', 'discard'],
        { image: join(folder, 'start.qcow2'), folder },
      );
      expect(status).toBe(0);
      expect(text).toMatch(/1 {2}undone .*open-target qed/);
      expect(text).not.toMatch(/undone .*convert-inplace/);
      expect(text).not.toContain('aside');
      expect(text).toContain('redone: step 1, open-target qed');
    });
  });
});
