/** The commit protocol, failed and stopped at every operation it makes. */
import { describe, expect, it } from 'vitest';
import { type Progress, runToEnd } from '../../src/bytes/progress.ts';
import { Ranges } from '../../src/bytes/ranges.ts';
import { commitOn } from '../../src/device/commit-core.ts';
import type { CommitResult, CommitSource } from '../../src/device/commit-source.ts';
import type { Device } from '../../src/device/device.ts';
import { Crash, type Fault, Fuse } from '../../src/device/faulty.ts';
import { readJournal } from '../../src/device/journal-reader.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { type RecoveryResult, recoverOn } from '../../src/device/recovery.ts';
import { rollbackOn } from '../../src/device/rollback.ts';
import { ImageError } from '../../src/errors.ts';
import { CrashDisk, CrashSite, type DiskState, IMAGE, JOURNAL, ROLLBACK } from '../support/crash-device.ts';
import { Random, SEED, withSeed } from '../support/random.ts';
import { isNew, isOld, OLD_SIZE, oldImage, SCENARIOS, type Scenario } from './scenarios.ts';

/** Work without progress worth telling, as a generator. */
function doing(work: (out: Device) => void): (out: Device) => Generator<Progress, void> {
  return function* (out) {
    work(out);
    yield { what: 'done', done: 1, total: 1 };
  };
}

const freshDisk = (fuse?: Fuse): CrashDisk => new CrashDisk(new Map([[IMAGE, oldImage()]]), fuse);

function commitTo(disk: CrashDisk, { source, rules }: Scenario, keep: boolean): CommitResult {
  const all = { keep, journal: 'when-needed' as const, label: 'test', ...rules };
  return runToEnd(commitOn(new CrashSite(disk), source(), all));
}

const recoverIn = (disk: CrashDisk): RecoveryResult => recoverOn(new CrashSite(disk), { force: false });
const imageIn = (state: DiskState): Uint8Array => state.get(IMAGE) as Uint8Array;

function bytesEqual(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

const both = SCENARIOS.flatMap((scenario) => [false, true].map((keep) => ({ scenario, keep, name: scenario.name })));

describe.each(both)('a commit of $name, rollback file: $keep', ({ scenario, keep }) => {
  it('ends in the new image, and can be rolled back to the very old bytes', () => {
    const disk = freshDisk();
    const result = commitTo(disk, scenario, keep);
    expect(bytesEqual(imageIn(disk.state), scenario.newImage)).toBe(true);
    expect(disk.has(JOURNAL)).toBe(false);
    expect(disk.has(ROLLBACK)).toBe(keep);
    expect(result).toMatchObject({ newSize: scenario.newImage.length, notes: [] });
    if (!keep) return;
    expect(result.rollbackFile).toBe(ROLLBACK);
    rollbackOn(new CrashSite(disk), disk.open(ROLLBACK), false);
    expect(bytesEqual(imageIn(disk.state), oldImage())).toBe(true);
    expect(disk.has(JOURNAL)).toBe(false);
    rollbackOn(new CrashSite(disk), disk.open(ROLLBACK), false);
    expect(bytesEqual(imageIn(disk.state), oldImage())).toBe(true);
  });

  it.each(['fail', 'fail-on', 'tear'] as const)('survives any operation that fails (%s)', (kind) => {
    const survived = { old: 0, new: 0 };
    for (let at = 0; at < 1000; at++) {
      const fuse = new Fuse({ at, kind, code: 'no-space' });
      const disk = freshDisk(fuse);
      let error: unknown;
      try {
        commitTo(disk, scenario, keep);
      } catch (thrown) {
        error = thrown;
      }
      const step = `operation ${at}: ${error}`;
      if (error !== undefined) expect(error, step).toBeInstanceOf(ImageError);
      const state = disk.state;
      if (error === undefined) expect(bytesEqual(imageIn(state), scenario.newImage), step).toBe(true);
      else if (!state.has(JOURNAL) && kind !== 'fail-on') {
        // Called off: the old image, and nothing behind it.
        const code = (error as ImageError).code;
        if (code === 'no-space' || code === 'no-journal') {
          expect(isOld(imageIn(state)) && imageIn(state).length === OLD_SIZE, step).toBe(true);
          if (keep) expect(bytesEqual(imageIn(state), oldImage()), step).toBe(true);
        }
      }
      const after = settle(state, scenario, step);
      survived[after]++;
      if (!fuse.blown) {
        expect(error).toBeUndefined();
        expect(after).toBe('new');
        break;
      }
    }
    expect(survived.old).toBeGreaterThan(0);
    expect(survived.new).toBeGreaterThan(0);
  });

  it('survives a machine that stops anywhere, whatever of the last writes reached the disk', () => {
    withSeed(SEED, () => {
      const random = new Random(SEED);
      const disk = freshDisk();
      commitTo(disk, scenario, keep);
      const seen = new Set<string>();
      for (let count = 0; count <= disk.events.length; count++) {
        for (const state of disk.statesAfter(count, random)) {
          const step = `stopped after ${count} of ${disk.events.length}: ${JSON.stringify(disk.events[count - 1]?.op)}`;
          const image = imageIn(state);
          if (scenario.safeByOrder) expect(isOld(image) || isNew(image, scenario), `${step}, as it is`).toBe(true);
          seen.add(settle(state, scenario, step));
        }
      }
      expect(seen).toEqual(new Set(['old', 'new']));
      for (const state of disk.statesAfter(disk.events.length, random)) {
        expect(settle(state, scenario, 'after the commit')).toBe('new');
      }
    });
  });

  it('survives a machine that stops again while recovering', () => {
    withSeed(SEED, () => {
      const random = new Random(SEED);
      const disk = freshDisk();
      commitTo(disk, scenario, keep);
      // Of all the states of one prefix a few: each is recovered with a stop at each operation.
      for (let count = 1; count < disk.events.length; count++) {
        const states = [...disk.statesAfter(count, random)].filter((state) => state.has(JOURNAL));
        for (const state of [states[0], random.pick(states.length > 0 ? states : [undefined]), states.at(-1)]) {
          if (state)
            stopInside(state, recoverIn, random, (again, step) => settle(again, scenario, `${count}, ${step}`));
        }
      }
    });
  });

  if (keep) {
    it('survives a machine that stops while rolling back', () => {
      withSeed(SEED, () => {
        const random = new Random(SEED);
        const disk = freshDisk();
        commitTo(disk, scenario, keep);
        const rollBack = (on: CrashDisk): unknown => rollbackOn(new CrashSite(on), on.open(ROLLBACK), false);
        stopInside(disk.state, rollBack, random, (state, step) => {
          // Running it again finishes it; so does recovery, where the journal lies beside.
          const again = new CrashDisk(state);
          rollBack(again);
          expect(bytesEqual(imageIn(again.state), oldImage()), `${step}, run again`).toBe(true);
          const recovered = new CrashDisk(state);
          recoverIn(recovered);
          const image = imageIn(recovered.state);
          expect(isOld(image) || isNew(image, scenario), `${step}, recovered`).toBe(true);
          rollBack(recovered);
          expect(bytesEqual(imageIn(recovered.state), oldImage()), `${step}, recovered and run again`).toBe(true);
        });
      });
    });
  }
});

/** Recovers `state`, twice, and says which image it is then; fails when it is neither. */
function settle(state: DiskState, scenario: Scenario, step: string): 'old' | 'new' {
  const disk = new CrashDisk(state);
  const { outcome } = recoverIn(disk);
  const image = imageIn(disk.state);
  const old = isOld(image);
  expect(old || isNew(image, scenario), `${step}, recovered (${outcome})`).toBe(true);
  if (isWhole(state.get(JOURNAL))) {
    expect(outcome === 'old' ? old && image.length === OLD_SIZE : isNew(image, scenario), `${step}: ${outcome}`).toBe(
      true,
    );
    if (outcome === 'new') expect(image.length, step).toBe(scenario.newImage.length);
  }
  expect(disk.has(JOURNAL), `${step}: the journal is gone`).toBe(false);
  expect(recoverIn(disk).outcome, `${step}, recovered twice`).toBe('none');
  expect(bytesEqual(imageIn(disk.state), image), `${step}, recovered twice`).toBe(true);
  const isWholeNew = isNew(image, scenario) && (!old || image.length === scenario.newImage.length);
  // Of a raw disk the length is part of what it means.
  if (scenario.rules.journal === 'always' && !isWholeNew) expect(image.length, step).toBe(OLD_SIZE);
  return isWholeNew ? 'new' : 'old';
}

/** A journal that says how long the old file was; one that was never finished guards nothing yet. */
function isWhole(journal: Uint8Array | undefined): boolean {
  return journal !== undefined && readJournal(new MemoryDevice(journal)) !== undefined;
}

/** Runs `work` on `state` with a stop at each of its operations, and hands on what may then be on the disk. */
function stopInside(
  state: DiskState,
  work: (disk: CrashDisk) => unknown,
  random: Random,
  judge: (state: DiskState, step: string) => void,
): void {
  for (let at = 0; at < 200; at++) {
    const fault: Fault = { at, kind: 'crash' };
    const disk = new CrashDisk(state, new Fuse(fault));
    try {
      work(disk);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
    for (const found of disk.statesAfter(disk.events.length, random)) judge(found, `stopped at operation ${at} of it`);
    if (!disk.fuse.blown) return;
  }
  throw new Error('it never ended');
}

describe('a commit', () => {
  const plain: CommitSource = {
    oldSize: OLD_SIZE,
    free: new Ranges(),
    fresh: doing(() => {}),
    final: () => ({ overwrites: [], newSize: OLD_SIZE }),
  };
  const rules = { keep: false, journal: 'when-needed', label: '' } as const;
  const runOn = (disk: CrashDisk, source: CommitSource): CommitResult =>
    runToEnd(commitOn(new CrashSite(disk), source, rules));

  it('does not let new parts go where the old image is', () => {
    for (const [offset, length] of [
      [OLD_SIZE - 1, 2],
      [0, 512],
      [2047, 2],
    ] as const) {
      const disk = freshDisk();
      const source: CommitSource = {
        ...plain,
        free: Ranges.of([{ offset: 2048, length: 512 }]),
        fresh: doing((out) => out.write(offset, new Uint8Array(length).fill(1), 'stray')),
      };
      expect(() => runOn(disk, source)).toThrow(/stray.*leaves the space/);
      expect(imageIn(disk.state)).toEqual(oldImage());
    }
  });

  it('does not let anything be written once new parts are verified', () => {
    const disk = freshDisk();
    let kept: { write(offset: number, bytes: Uint8Array): void } | undefined;
    const source: CommitSource = {
      ...plain,
      fresh: doing((out) => {
        kept = out;
        out.write(OLD_SIZE, Uint8Array.of(1));
      }),
      verify: () => doing(() => kept?.write(OLD_SIZE, Uint8Array.of(2)))(new MemoryDevice()),
    };
    expect(() => runOn(disk, source)).toThrow(/leaves the space/);
  });

  it('is called off when verifying fails, and when it is cancelled', () => {
    const source: CommitSource = {
      ...plain,
      *fresh(out) {
        out.write(OLD_SIZE, new Uint8Array(5000).fill(1));
        yield { what: 'half', done: 1, total: 2 };
        out.write(OLD_SIZE + 5000, new Uint8Array(5000).fill(1));
      },
      verify() {
        throw new ImageError({ code: 'wrong-map', what: 'the maps differ' });
      },
    };
    const disk = freshDisk();
    expect(() => runOn(disk, source)).toThrow(expect.objectContaining({ code: 'wrong-map' }));
    expect(imageIn(disk.state)).toEqual(oldImage());

    const cancelled = freshDisk();
    const work = commitOn(new CrashSite(cancelled), source, { ...rules, keep: true });
    work.next();
    expect(cancelled.has(JOURNAL)).toBe(true);
    work.return(undefined as never);
    expect(imageIn(cancelled.state)).toEqual(oldImage());
    expect(cancelled.has(JOURNAL)).toBe(false);
  });

  it('refuses a header that is not one aligned sector, and overwrites outside the old file or twice', () => {
    const bytes = new Uint8Array(512);
    for (const final of [
      { overwrites: [], header: { offset: 100, bytes, what: 'h' }, newSize: OLD_SIZE },
      { overwrites: [], header: { offset: 0, bytes: bytes.subarray(1), what: 'h' }, newSize: OLD_SIZE },
      { overwrites: [{ offset: OLD_SIZE - 1, bytes, what: 'o' }], newSize: OLD_SIZE },
      {
        overwrites: [
          { offset: 0, bytes, what: 'o' },
          { offset: 511, bytes, what: 'o' },
        ],
        newSize: OLD_SIZE,
      },
      { overwrites: [{ offset: 511, bytes, what: 'o' }], header: { offset: 0, bytes, what: 'h' }, newSize: OLD_SIZE },
    ]) {
      const disk = freshDisk();
      expect(() => runOn(disk, { ...plain, final: () => final })).toThrow(/header at|overwrite of/);
      expect(imageIn(disk.state)).toEqual(oldImage());
    }
  });

  it('makes no journal for one sector, and writes the header in one piece after a flush', () => {
    const [scenario] = SCENARIOS as readonly [Scenario];
    const disk = freshDisk();
    commitTo(disk, scenario, false);
    const ops = disk.events.map((event) =>
      event.op === 'write' ? `write ${event.offset} ${event.bytes.length}` : event.op,
    );
    expect(ops.filter((op) => op === 'link')).toEqual([]);
    expect(ops.slice(-3)).toEqual(['flush', 'write 0 512', 'flush']);
    expect(ops.filter((op) => op.startsWith('write 0'))).toHaveLength(1);
  });

  it('does not begin what a block device cannot end', () => {
    const scenario = SCENARIOS.find(({ name }) => name === 'one header sector and a shorter file') as Scenario;
    const disk = freshDisk();
    const site = Object.assign(new CrashSite(disk), { fixedSize: true });
    expect(() => runToEnd(commitOn(site, scenario.source(), rules))).toThrow(
      expect.objectContaining({ code: 'fixed-size' }),
    );
    expect(isOld(imageIn(disk.state))).toBe(true);
  });

  it('makes overwrites durable before the header', () => {
    const scenario = SCENARIOS.find(({ name }) => name === 'overwrites all over') as Scenario;
    const disk = freshDisk();
    commitTo(disk, scenario, false);
    const header = disk.events.findIndex((event) => event.op === 'write' && event.inode === 0 && event.offset === 0);
    expect(disk.events[header - 1]).toEqual({ op: 'flush', inode: 0 });
  });

  it('gathers small writes', () => {
    const disk = freshDisk();
    runOn(disk, {
      ...plain,
      fresh: doing((out) => {
        for (let i = 0; i < 4096; i++) out.write(OLD_SIZE + i * 512, new Uint8Array(512).fill(i));
      }),
      final: () => ({ overwrites: [], newSize: OLD_SIZE + 4096 * 512 }),
    });
    expect(disk.events.filter((event) => event.op === 'write')).toHaveLength(2);
  });

  it('refuses while a journal lies beside the image', () => {
    const disk = new CrashDisk(
      new Map([
        [IMAGE, oldImage()],
        [JOURNAL, new Uint8Array(2000).fill(1)],
      ]),
    );
    expect(() => runOn(disk, plain)).toThrow(expect.objectContaining({ code: 'journal-exists' }));
  });

  it('refuses a file of another length than was planned for', () => {
    const disk = freshDisk();
    expect(() => runOn(disk, { ...plain, oldSize: OLD_SIZE - 1 })).toThrow(
      expect.objectContaining({ code: 'file-changed' }),
    );
  });

  it('leaves the file alone when somebody else wrote to it between the new parts and the header', () => {
    const disk = freshDisk();
    const site = new CrashSite(disk);
    let checks = 0;
    site.check = () => {
      if (checks++ > 0) throw new ImageError({ code: 'in-use', what: 'held by qemu' });
    };
    const [scenario] = SCENARIOS as readonly [Scenario];
    expect(() => runToEnd(commitOn(site, scenario.source(), { ...rules, keep: true }))).toThrow(
      expect.objectContaining({ code: 'in-use' }),
    );
    const image = imageIn(disk.state);
    expect(isOld(image)).toBe(true);
    expect(image.length).toBe(13_000);
    expect(disk.has(JOURNAL)).toBe(false);
  });
});
