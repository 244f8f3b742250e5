import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { Ranges } from '../../src/bytes/ranges.ts';
import { commitOn } from '../../src/device/commit-core.ts';
import type { CommitSource } from '../../src/device/commit-source.ts';
import { type Device, readBytes } from '../../src/device/device.ts';
import { Crash, Fuse } from '../../src/device/faulty.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { recordCommit } from '../../src/device/recording.ts';
import { recoverOn } from '../../src/device/recovery.ts';
import { rollbackOn } from '../../src/device/rollback.ts';
import { StagedDevice } from '../../src/device/staged.ts';
import { stagedSource } from '../../src/device/staged-source.ts';
import { CrashDisk, CrashSite, IMAGE, JOURNAL, ROLLBACK } from '../support/crash-device.ts';

const SIZE = 3 * 4096 + 100;
const content = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, i) => (i % 249) + 1);
const always = { keep: true, journal: 'always', label: 'a session' } as const;

function staging(disk: CrashDisk, work: (device: Device) => void): StagedDevice {
  const staged = new StagedDevice(disk.open(IMAGE));
  staged.begin('edit');
  work(staged);
  staged.end();
  return staged;
}

const freshDisk = (fuse?: Fuse): CrashDisk => new CrashDisk(new Map([[IMAGE, content()]]), fuse);
const imageOf = (disk: CrashDisk): Uint8Array => disk.state.get(IMAGE) as Uint8Array;

const onPaper = { imageId: { dev: '1', ino: '2' }, mtimeNs: '3', fixedSize: false, journalName: JOURNAL };

/** What a commit would do to the image, in its order. */
function plan(source: CommitSource): unknown[] {
  const image = new MemoryDevice(content(), IMAGE);
  const rules = { keep: false, journal: 'when-needed', label: '' } as const;
  return runToEnd(recordCommit({ ...onPaper, image }, source, rules)).events.flatMap((event): unknown[] => {
    if (event.op === 'resize') return [{ from: event.from, size: event.size }];
    if (event.op !== 'write' || event.file !== 'image') return [];
    const { stage, offset, length, what } = event;
    return [{ stage, offset, length, what }];
  });
}

const edit = fc.oneof(
  fc.record({
    at: fc.nat(20_000),
    length: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 5000 })),
    fill: fc.integer({ min: 0, max: 255 }),
  }),
  fc.record({ size: fc.integer({ min: 1, max: 22_000 }) }),
);
const edits = fc.array(edit, { minLength: 1, maxLength: 6 });

function apply(device: Device, what: (typeof edits extends fc.Arbitrary<infer T> ? T : never)[number]): void {
  if ('size' in what) device.resize(what.size);
  else device.write(what.at, new Uint8Array(what.length).fill(what.fill), 'edit');
}

describe('stagedSource', () => {
  it('commits what is staged, whatever it is, and rolls back to the very bytes', () => {
    fc.assert(
      fc.property(edits, fc.nat(10_000), fc.nat(5000), (changes, freeAt, freeLength) => {
        const disk = freshDisk();
        const staged = staging(disk, (device) => changes.forEach((change) => void apply(device, change)));
        const expected = readBytes(staged, 0, staged.size);
        const free = Ranges.of([{ offset: freeAt, length: freeLength }]);
        const source = stagedSource(staged, free);
        runToEnd(commitOn(new CrashSite(disk), source, always));
        expect(Buffer.compare(imageOf(disk), expected)).toBe(0);
        rollbackOn(new CrashSite(disk), disk.open(ROLLBACK), false);
        expect(Buffer.compare(imageOf(disk), content())).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('commits all or nothing, wherever it stops', () => {
    fc.assert(
      fc.property(edits, fc.nat(30), (changes, at) => {
        const disk = freshDisk();
        const staged = staging(disk, (device) => changes.forEach((change) => void apply(device, change)));
        const expected = readBytes(staged, 0, staged.size);
        const stopping = freshDisk(new Fuse({ at, kind: 'crash' }));
        try {
          runToEnd(commitOn(new CrashSite(stopping), stagedSource(staged, new Ranges()), always));
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
        }
        const after = new CrashDisk(stopping.state);
        recoverOn(new CrashSite(after), { force: false });
        const image = imageOf(after);
        expect(Buffer.compare(image, expected) === 0 || Buffer.compare(image, content()) === 0).toBe(true);
        expect(after.has(JOURNAL)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('plans in the order of the commit, with labels', () => {
    const staged = staging(freshDisk(), (device) => {
      device.write(0, new Uint8Array(104), 'header');
      device.write(1024, new Uint8Array(8), 'l1 table');
      device.write(1032, new Uint8Array(8), 'l1 table entry 1');
      device.write(4096, new Uint8Array(1024), 'l2 table 0');
      device.write(20_000, new Uint8Array(8192), 'l2 table 1');
      for (const n of [1, 2, 3, 4, 5]) device.write(9000, Uint8Array.of(n), `edit ${n}`);
    });
    expect(plan(stagedSource(staged, Ranges.of([{ offset: 4096, length: 512 }])))).toEqual([
      { stage: 'fresh', offset: 4096, length: 512, what: 'l2 table 0' },
      { stage: 'fresh', offset: 19_968, length: 8224, what: 'l2 table 1' },
      { stage: 'overwrite', offset: 1024, length: 512, what: 'l1 table, l1 table entry 1' },
      { stage: 'overwrite', offset: 4608, length: 512, what: 'l2 table 0' },
      { stage: 'overwrite', offset: 8704, length: 512, what: 'edit 1, edit 2, edit 3 and 2 more' },
      { stage: 'header', offset: 0, length: 512, what: 'header' },
    ]);
  });

  it('plans a cut, and needs no journal for one sector', () => {
    const disk = freshDisk();
    const staged = staging(disk, (device) => {
      device.write(1030, Uint8Array.of(1), 'entry');
      device.resize(5000);
    });
    const source = stagedSource(staged, new Ranges());
    expect(plan(source)).toEqual([
      { stage: 'header', offset: 1024, length: 512, what: 'entry' },
      { from: SIZE, size: 5000 },
    ]);
    runToEnd(commitOn(new CrashSite(disk), source, { keep: false, journal: 'when-needed', label: '' }));
    expect(disk.events.some((event) => event.op === 'link')).toBe(false);
  });

  it('does not take the last, short sector of a file for an atomic one', () => {
    const staged = staging(freshDisk(), (device) => device.write(SIZE - 1, Uint8Array.of(1), 'last byte'));
    expect(plan(stagedSource(staged, new Ranges()))).toMatchObject([{ stage: 'overwrite' }]);
  });

  it('of nothing staged is nothing', () => {
    const disk = freshDisk();
    const source = stagedSource(
      staging(disk, () => {}),
      new Ranges(),
    );
    expect(plan(source)).toEqual([]);
    runToEnd(commitOn(new CrashSite(disk), source, { keep: false, journal: 'when-needed', label: '' }));
    expect(disk.events.filter(({ op }) => op !== 'flush')).toEqual([]);
  });
});
