/** What `crash` finds of edits in place, and that it leaves everything as it was. */
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import type { Device } from '../../src/device/device.ts';
import { type Exploration, explore, type Outcome, stepInto } from '../../src/session/crash.ts';
import { momentOf } from '../../src/session/crash-moment.ts';
import { type Instant, instantsOf, planOf } from '../../src/session/plan.ts';
import { Session } from '../../src/session/session.ts';
import { SAMPLES } from '../commands/transcript.ts';
import { testFolder } from '../support/qemu.ts';

const SECTOR = 512;
const PLAIN = { order: 'commit', keep: false, seed: 1 } as const;

/** What may be found where the plan says so. */
const CLAIMED: Readonly<Record<Instant, readonly Outcome[]>> = {
  old: ['old'],
  'old-or-new': ['old', 'new'],
  journal: ['old', 'new', 'journal'],
  new: ['new'],
};

function opened(): Session {
  const path = join(testFolder(), 'start.qcow2');
  copyFileSync(join(SAMPLES, 'start.qcow2'), path);
  const session = Session.open(path);
  onTestFinished(() => session.close());
  return session;
}

function step(session: Session, work: (device: Device) => void): void {
  runToEnd(
    session.step('edit', function* ({ device }) {
      yield { what: 'edit', done: 0, total: 1 };
      work(device);
    }),
  );
}

/** Guest data of start.qcow2 begin at 0x5000 in the file. */
const overData =
  (count: number) =>
  (device: Device): void => {
    for (let i = 0; i < count; i++)
      device.write(0x5000 + i * 2 * SECTOR, new Uint8Array(SECTOR).fill(0xc0 + i), `data ${i}`);
  };

function explored(session: Session, request: Parameters<typeof explore>[1] = PLAIN): Exploration {
  const found = runToEnd(explore(session, request));
  onTestFinished(() => found.close());
  return found;
}

describe('crash', () => {
  it.each([
    ['one sector', overData(1)],
    ['a few sectors', overData(5)],
    ['more than are tried in every subset', overData(8 + 4)],
    [
      'sectors, appended bytes',
      (device: Device) => {
        overData(2)(device);
        device.write(device.size + 5000, new Uint8Array(3000).fill(1), 'appended');
      },
    ],
  ])('loses nothing of a commit of %s; the plan claims no more than it finds', (_what, work) => {
    for (const keep of [false, true]) {
      const session = opened();
      step(session, work);
      const found = explored(session, { ...PLAIN, keep });
      expect(found.count('lost'), [...found.reasons.values()].join()).toBe(0);
      expect(found.count('old')).toBeGreaterThan(0);
      expect(found.count('new')).toBeGreaterThan(0);
      expect(found.end).toBe('new');
      expect(found.outcomes).toHaveLength(found.states.length);
      const instants = instantsOf(found.recording);
      found.states.forEach(({ segment, called }, i) => {
        const claim = called === 0 ? 'old' : (instants[segment.pending[called - 1] as number] as Instant);
        expect(CLAIMED[claim], `state ${i + 1}, claimed ${claim}`).toContain(found.outcomes[i]);
      });
      const needed = planOf(found.recording).rows.some(({ instant }) => instant === 'journal');
      expect(found.count('journal') > 0).toBe(needed);
    }
  });

  it('finds what a naive order loses', () => {
    const session = opened();
    step(session, overData(3));
    const found = explored(session, { ...PLAIN, order: 'naive' });
    expect(found.count('lost')).toBe(2 ** 3 - 2);
    expect(found.count('journal')).toBe(0);
    expect(found.end).toBe('new');
    const lost = found.outcomes.indexOf('lost') + 1;
    expect(momentOf(found, lost)).toMatchObject({
      outcome: 'lost',
      journal: false,
      why: expect.stringContaining('other contents'),
    });
  });

  it('writes nothing, and can be stopped at any time', () => {
    const session = opened();
    step(session, overData(4));
    const before = readFileSync(session.file.path);
    for (let turns = 1; turns < 40; turns += 3) {
      const work = explore(session, PLAIN);
      for (let i = 0; i < turns; i++) work.next();
      work.return(undefined as never);
    }
    explored(session);
    expect(readFileSync(session.file.path).equals(before)).toBe(true);
    expect(readdirSync(dirname(session.file.path))).toEqual(['start.qcow2']);
    expect(session.steps).toHaveLength(1);
  });

  it('steps into any state, which cannot be changed', () => {
    const session = opened();
    step(session, overData(3));
    const found = explored(session);
    for (let number = 1; number <= found.states.length; number++) {
      const inside = stepInto(session, found, number, 'none');
      const { image } = found.files(number);
      expect(inside.file.size).toBe(image.size);
      expect(() => step(inside, overData(1))).toThrow(expect.objectContaining({ code: 'crash-state' }));
      inside.close();
    }
    expect(() => stepInto(session, found, found.states.length + 1, 'none')).toThrow(
      expect.objectContaining({ code: 'no-such-state' }),
    );
    overDataStands(session);
  });
});

/** The session's own bytes are as they were. */
function overDataStands({ staged }: Session): void {
  const bytes = new Uint8Array(1);
  staged?.read(0x5000, bytes);
  expect(bytes[0]).toBe(0xc0);
}
