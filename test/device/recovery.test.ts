/** Recovery and roll-back where others had their hands on the file. */
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { commitOn } from '../../src/device/commit-core.ts';
import { Crash, Fuse } from '../../src/device/faulty.ts';
import { SECTOR, stateOf } from '../../src/device/journal.ts';
import { recoverOn } from '../../src/device/recovery.ts';
import { rollbackOn } from '../../src/device/rollback.ts';
import { CrashDisk, CrashSite, IMAGE, JOURNAL, ROLLBACK } from '../support/crash-device.ts';
import { isOld, OLD_SIZE, oldImage, SCENARIOS, type Scenario } from './scenarios.ts';

const named = (name: string): Scenario => SCENARIOS.find((scenario) => scenario.name === name) as Scenario;
const OVERWRITES = named('overwrites all over');
const SINGLE = named('one header sector over parts in free space');
const RAW = named('a raw disk that grows');

/** The disk as a running program left it when it was stopped at its `at`th operation. */
function stoppedAt(scenario: Scenario, at: number, keep: boolean): CrashDisk {
  const disk = new CrashDisk(new Map([[IMAGE, oldImage()]]), new Fuse({ at, kind: 'crash' }));
  try {
    const rules = { keep, journal: 'when-needed' as const, label: 'test', ...scenario.rules };
    runToEnd(commitOn(new CrashSite(disk), scenario.source(), rules));
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
  return new CrashDisk(disk.state);
}

/** The first stop at which the journal has this state and the image passes. */
function stoppedWhen(
  scenario: Scenario,
  state: string,
  image: (bytes: Uint8Array) => boolean,
  keep = false,
): CrashDisk {
  for (let at = 0; at < 100; at++) {
    const disk = stoppedAt(scenario, at, keep);
    const journal = disk.state.get(JOURNAL);
    if (journal && stateOf(journal.subarray(SECTOR)) === state && image(imageOf(disk))) return disk;
  }
  throw new Error(`never ${state}`);
}

const imageOf = (disk: CrashDisk): Uint8Array => disk.state.get(IMAGE) as Uint8Array;
const longer = (bytes: Uint8Array): boolean => bytes.length > OLD_SIZE;
const mixed = (bytes: Uint8Array): boolean => bytes[600] === 0xc1 && bytes[5000] !== 0xc3;

describe('recovery', () => {
  it('does nothing without a journal', () => {
    const disk = new CrashDisk(new Map([[IMAGE, oldImage()]]));
    expect(recoverOn(new CrashSite(disk), { force: false })).toMatchObject({ outcome: 'none' });
    expect(disk.events).toEqual([]);
  });

  it('cuts off what was appended, unless somebody wrote to the file since', () => {
    for (const state of ['PREPARING', 'READY']) {
      const quiet = stoppedWhen(SINGLE, state, longer, true);
      expect(recoverOn(new CrashSite(quiet), { force: false })).toMatchObject({ outcome: 'old', notes: [] });
      expect(imageOf(quiet)).toHaveLength(OLD_SIZE);

      const used = stoppedWhen(SINGLE, state, longer, true);
      const before = imageOf(used);
      const site = new CrashSite(used);
      site.foreign = true;
      const result = recoverOn(site, { force: false });
      expect(result.outcome).toBe('old');
      expect(result.notes.join()).toContain('left as they are');
      expect(imageOf(used)).toEqual(before);
      expect(used.has(JOURNAL)).toBe(false);
    }
  });

  it('does not cut a file that grew past what was appended', () => {
    const disk = stoppedWhen(SINGLE, 'READY', longer, true);
    disk.open(IMAGE).write(20_000, Uint8Array.of(1));
    const result = recoverOn(new CrashSite(disk), { force: false });
    expect(result).toMatchObject({ outcome: 'old' });
    expect(result.notes).toHaveLength(1);
    expect(imageOf(disk)).toHaveLength(20_001);
  });

  it('does not cut a file whose header is not the old one any more', () => {
    const disk = stoppedWhen(SINGLE, 'PREPARING', longer, true);
    disk.open(IMAGE).write(100, Uint8Array.of(0x77));
    const before = imageOf(disk);
    expect(recoverOn(new CrashSite(disk), { force: false }).notes).toHaveLength(1);
    expect(imageOf(disk)).toEqual(before);
  });

  it('puts old bytes back into a half-written image', () => {
    const disk = stoppedWhen(OVERWRITES, 'READY', mixed);
    expect(recoverOn(new CrashSite(disk), { force: false })).toMatchObject({ outcome: 'old', notes: [] });
    expect(isOld(imageOf(disk))).toBe(true);
    expect(imageOf(disk)).toHaveLength(OLD_SIZE);
  });

  it('mends a torn sector', () => {
    for (const [head, tail] of [
      [0xee, undefined],
      [undefined, 0xee],
    ]) {
      const disk = stoppedWhen(SINGLE, 'READY', longer, true);
      const sector = oldImage().slice(0, 512);
      if (head !== undefined) sector.fill(head, 0, 77);
      if (tail !== undefined) sector.fill(tail, 77);
      disk.open(IMAGE).write(0, sector);
      expect(recoverOn(new CrashSite(disk), { force: false }).outcome).toBe('old');
      expect(imageOf(disk)).toEqual(oldImage());
    }
  });

  it('finishes what is all written', () => {
    const disk = stoppedWhen(OVERWRITES, 'READY', (bytes) => bytes[0] === 0xee);
    expect(recoverOn(new CrashSite(disk), { force: false })).toMatchObject({ outcome: 'new' });
    expect(imageOf(disk)).toEqual(OVERWRITES.newImage);
  });

  it('keeps the journal as the rollback file where that was asked', () => {
    const disk = stoppedWhen(SINGLE, 'READY', (bytes) => bytes[0] === 0xee, true);
    const result = recoverOn(new CrashSite(disk), { force: false });
    expect(result).toMatchObject({ outcome: 'new', rollbackFile: ROLLBACK });
    rollbackOn(new CrashSite(disk), disk.open(ROLLBACK), false);
    expect(imageOf(disk)).toEqual(oldImage());
  });

  it('refuses when neither old nor new bytes stand there, and changes nothing; unless forced', () => {
    const disk = stoppedWhen(OVERWRITES, 'READY', mixed);
    disk.open(IMAGE).write(1100, Uint8Array.of(0x12, 0x34));
    const before = disk.state;
    expect(() => recoverOn(new CrashSite(disk), { force: false })).toThrow(
      expect.objectContaining({ code: 'journal-foreign-write', where: { offset: 1024, length: 512 } }),
    );
    expect(disk.state).toEqual(before);
    expect(recoverOn(new CrashSite(disk), { force: true }).outcome).toBe('old');
    expect(isOld(imageOf(disk))).toBe(true);
  });

  it('refuses when the file is shorter or longer than it can be', () => {
    for (const size of [100, 30_000]) {
      const disk = stoppedWhen(OVERWRITES, 'READY', mixed);
      disk.open(IMAGE).resize(size);
      const before = disk.state;
      expect(() => recoverOn(new CrashSite(disk), { force: false })).toThrow(
        expect.objectContaining({ code: 'journal-foreign-write' }),
      );
      expect(disk.state).toEqual(before);
    }
  });

  it('refuses the journal of another file, unless forced', () => {
    const disk = stoppedWhen(OVERWRITES, 'READY', mixed);
    const site = new CrashSite(disk);
    Object.assign(site, { imageId: { dev: '1', ino: '18446744073709551614' } });
    expect(() => recoverOn(site, { force: false })).toThrow(
      expect.objectContaining({ code: 'journal-not-of-this-image' }),
    );
    expect(recoverOn(site, { force: true }).outcome).toBe('old');
  });

  it('knows a raw disk that grew from one that did not', () => {
    const grown = stoppedWhen(RAW, 'READY', () => true);
    expect(recoverOn(new CrashSite(grown), { force: false }).outcome).toBe('new');
    expect(imageOf(grown)).toEqual(RAW.newImage);
    const growing = stoppedWhen(RAW, 'PREPARING', longer);
    expect(recoverOn(new CrashSite(growing), { force: false }).outcome).toBe('old');
    expect(imageOf(growing)).toEqual(oldImage());
  });
});

describe('roll-back', () => {
  const committed = (scenario: Scenario): CrashDisk => stoppedAt(scenario, 1e9, true);
  const rollBack = (disk: CrashDisk, force = false): ReturnType<typeof rollbackOn> =>
    rollbackOn(new CrashSite(disk), disk.open(ROLLBACK), force);

  it.each([
    ['the header', 0, 1, /offset 0 was changed/],
    ['an overwritten range', 1100, 1, /offset 1024 was changed/],
    ['a new part', 9000, 1, /new parts at offset 8192/],
    ['the length', 20_000, 1, /length is 20001 bytes, the commit left 12512/],
  ])('is refused after a foreign write to %s, unless forced', (_what, offset, length, reason) => {
    const disk = committed(OVERWRITES);
    disk.open(IMAGE).write(offset, new Uint8Array(length).fill(0x55));
    const before = disk.state;
    expect(() => rollBack(disk)).toThrow(expect.objectContaining({ code: 'changed-since-commit' }));
    expect(() => rollBack(disk)).toThrow(reason);
    expect(disk.state).toEqual(before);
    expect(rollBack(disk, true).notes.join()).toMatch(reason);
    expect(imageOf(disk)).toEqual(oldImage());
  });

  it('is refused when the file was written to where nothing tells what it was before', () => {
    const disk = committed(SINGLE);
    disk.open(IMAGE).write(5000, Uint8Array.of(0x55));
    const site = new CrashSite(disk);
    site.imageMtime = () => '1700000000000000001';
    expect(() => rollbackOn(site, disk.open(ROLLBACK), false)).toThrow(/modification time/);
    rollbackOn(site, disk.open(ROLLBACK), true);
    const expected = oldImage();
    expected[5000] = 0x55;
    expect(imageOf(disk)).toEqual(expected);
  });

  it('is refused with the file of an unfinished commit, and while a journal lies beside', () => {
    const half = stoppedWhen(OVERWRITES, 'READY', mixed);
    const other = new CrashDisk(
      new Map([...committed(SINGLE).state, [ROLLBACK, half.state.get(JOURNAL) as Uint8Array]]),
    );
    expect(() => rollBack(other)).toThrow(expect.objectContaining({ code: 'not-committed' }));
    const beside = new CrashDisk(
      new Map([...committed(SINGLE).state, [JOURNAL, half.state.get(JOURNAL) as Uint8Array]]),
    );
    expect(() => rollBack(beside)).toThrow(expect.objectContaining({ code: 'journal-exists' }));
  });

  it('is not repeated over an image that was used since', () => {
    const disk = committed(OVERWRITES);
    rollBack(disk);
    disk.open(IMAGE).write(1100, Uint8Array.of(0x55));
    const before = disk.state;
    expect(() => rollBack(disk)).toThrow(/rolled back before/);
    expect(disk.state).toEqual(before);
  });

  it('is not taken up again over an image that was used since it was interrupted', () => {
    // Stopped when the old image stood again, but free space was not given back.
    for (let at = 0; at < 100; at++) {
      const disk = new CrashDisk(committed(SINGLE).state, new Fuse({ at, kind: 'crash' }));
      try {
        rollBack(disk);
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
      if (!isOld(imageOf(disk)) || !disk.fuse.blown) continue;
      const again = new CrashDisk(disk.state);
      const site = new CrashSite(again);
      site.foreign = true;
      again.open(IMAGE).write(2100, Uint8Array.of(0x99));
      const before = again.state;
      expect(() => rollbackOn(site, again.open(ROLLBACK), false)).toThrow(/written to since/);
      expect(again.state).toEqual(before);
      return;
    }
    throw new Error('never so');
  });
});
