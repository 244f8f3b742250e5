/** The numbered invariants of device/journal.ts, each under its name. */
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { patch } from '../../src/bytes/struct.ts';
import { commitOn } from '../../src/device/commit-core.ts';
import { Crash, Fuse } from '../../src/device/faulty.ts';
import {
  fieldText,
  JournalHeader,
  JournalRecord,
  JournalStateSector,
  RECORDS_AT,
  SECTOR,
  seal,
  sha256,
  stateOf,
  textField,
} from '../../src/device/journal.ts';
import { readJournal } from '../../src/device/journal-reader.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { recoverOn } from '../../src/device/recovery.ts';
import { rollbackOn } from '../../src/device/rollback.ts';
import { CrashDisk, CrashSite, type DiskState, IMAGE, JOURNAL, ROLLBACK } from '../support/crash-device.ts';
import { Random, SEED, withSeed } from '../support/random.ts';
import { oldImage, SCENARIOS, type Scenario } from './scenarios.ts';

const overwriting = SCENARIOS.find(({ name }) => name === 'overwrites all over') as Scenario;

/** What is on the disk when the machine stops at operation `at` of a commit. */
function stoppedAt(at: number, keep = true): CrashDisk {
  const disk = new CrashDisk(new Map([[IMAGE, oldImage()]]), new Fuse({ at, kind: 'crash' }));
  try {
    const rules = { keep, journal: 'when-needed', label: 'convert-inplace IMAGE qed' } as const;
    runToEnd(commitOn(new CrashSite(disk), overwriting.source(), rules));
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
  return disk;
}

const stateIn = (state: DiskState): string => {
  const journal = state.get(JOURNAL);
  return journal ? stateOf(journal.subarray(SECTOR, 2 * SECTOR)) : '';
};

/** The disk with the commit half written: the journal READY, some overwrites done, the header not. */
function halfWritten(): DiskState {
  for (let at = 0; at < 100; at++) {
    const { state } = stoppedAt(at);
    if (stateIn(state) !== 'READY') continue;
    const image = state.get(IMAGE) as Uint8Array;
    if (image[600] === 0xc1 && image[0] !== 0xee) return state;
  }
  throw new Error('no such moment');
}

function withJournal(state: DiskState, journal: Uint8Array): CrashDisk {
  return new CrashDisk(new Map([...state, [JOURNAL, journal]]));
}

function recoverError(disk: CrashDisk): { code?: string; message?: string } | undefined {
  try {
    recoverOn(new CrashSite(disk), { force: false });
    return undefined;
  } catch (error) {
    return error as { code?: string; message?: string };
  }
}

/** Changes the journal, and makes all checksums right again: a forger can do that. */
function forged(journal: Uint8Array, change: (journal: Uint8Array) => void): Uint8Array {
  const copy = journal.slice();
  change(copy);
  seal(copy.subarray(0, SECTOR));
  const content = sha256(copy.subarray(0, SECTOR), copy.subarray(RECORDS_AT));
  patch(JournalStateSector, copy, { content, end: copy.length }, SECTOR);
  seal(copy.subarray(SECTOR, RECORDS_AT));
  return copy;
}

describe('the layouts', () => {
  it('fill one sector each', () => {
    expect(JournalHeader.size).toBe(SECTOR);
    expect(JournalStateSector.size).toBe(SECTOR);
    expect(JournalHeader.at.digest).toBe(JournalStateSector.at.digest);
    expect(JournalRecord.size).toBe(64);
  });

  it('text is cut at a character', () => {
    expect(fieldText(textField('ääää', 5))).toBe('ää');
    expect(fieldText(textField('12345', 5))).toBe('12345');
  });
});

describe('a journal', () => {
  it('ready-is-complete: the state READY is on the disk only after every record is', () => {
    withSeed(SEED, () => {
      const random = new Random(SEED);
      const disk = stoppedAt(1e9);
      let ready = 0;
      for (let count = 0; count <= disk.events.length; count++) {
        for (const state of disk.statesAfter(count, random)) {
          if (stateIn(state) !== 'READY') continue;
          ready++;
          const journal = readJournal(new MemoryDevice(state.get(JOURNAL) as Uint8Array));
          expect(journal?.overwritten).toHaveLength(4);
        }
      }
      expect(ready).toBeGreaterThan(10);
    });
  });

  it('preparing-means-untouched: until READY no byte that the old image claims was overwritten', () => {
    let seen = 0;
    for (let at = 0; at < 100; at++) {
      const { state } = stoppedAt(at);
      if (stateIn(state) !== 'PREPARING') continue;
      seen++;
      expect((state.get(IMAGE) as Uint8Array).slice(0, 2048)).toEqual(oldImage().slice(0, 2048));
      expect((state.get(IMAGE) as Uint8Array).slice(3072, 6244)).toEqual(oldImage().slice(3072));
    }
    expect(seen).toBeGreaterThan(1);
  });

  it('every-bit-counts: a bit flipped anywhere makes it refused, and nothing is changed', () => {
    const state = halfWritten();
    const journal = state.get(JOURNAL) as Uint8Array;
    for (let at = 0; at < journal.length; at++) {
      const flipped = journal.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      const disk = withJournal(state, flipped);
      const code = recoverError(disk)?.code;
      if (code !== 'journal-damaged') expect.fail(`bit ${at % 8} of byte ${at}: ${code}`);
      if (Buffer.compare(disk.state.get(IMAGE) as Uint8Array, state.get(IMAGE) as Uint8Array) !== 0) {
        expect.fail(`bit ${at % 8} of byte ${at}: the image was changed`);
      }
    }
  });

  it('every-bit-counts: so in a rollback file', () => {
    const { state } = stoppedAt(1e9);
    const file = state.get(ROLLBACK) as Uint8Array;
    for (let at = 0; at < file.length; at += 7) {
      const flipped = file.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      const disk = new CrashDisk(new Map([...state, [ROLLBACK, flipped]]));
      expect(() => rollbackOn(new CrashSite(disk), disk.open(ROLLBACK), true), `byte ${at}`).toThrow(
        expect.objectContaining({ code: 'journal-damaged' }),
      );
      expect(disk.events).toEqual([]);
    }
  });

  it('every-bit-counts: cut short anywhere it is refused, or was never begun', () => {
    const state = halfWritten();
    const journal = state.get(JOURNAL) as Uint8Array;
    for (let length = 1; length < journal.length; length += 13) {
      const disk = withJournal(state, journal.slice(0, length));
      const error = recoverError(disk);
      if (length > SECTOR) expect(error?.code, `${length} bytes`).toBe('journal-damaged');
      else expect([undefined, 'journal-damaged']).toContain(error?.code);
    }
    expect(recoverError(withJournal(state, new Uint8Array([...journal, 0])))?.code).toBe('journal-damaged');
  });

  it('sectors-belong-together: a state of another journal is refused', () => {
    const state = halfWritten();
    const mixed = (state.get(JOURNAL) as Uint8Array).slice();
    mixed.set((halfWritten().get(JOURNAL) as Uint8Array).subarray(SECTOR, RECORDS_AT), SECTOR);
    const error = recoverError(withJournal(state, mixed));
    expect(error?.code).toBe('journal-damaged');
    expect(error?.message).toContain('another journal');
  });

  it.each([
    ['an offset past the old end', { offset: 6244 }],
    ['an offset far past the end', { offset: 2 ** 60 }],
    ['no length', { length: 0 }],
    ['a length past the old end', { length: 2 ** 19, stored: 0 }],
    ['a length beyond a record', { length: 2 ** 40, stored: 0 }],
    ['another stored length', { stored: 4 }],
    ['stored bytes past its end', { length: 2000, stored: 2000 }],
    ['an unknown kind', { kind: 9 }],
    ['a new without an old', { kind: 2 }],
    ['a header of eight bytes', { kind: 3 }],
    ['another magic', { magic: 1 }],
    ['fresh parts past the new end', { kind: 7, offset: 2 ** 40, stored: 0 }],
    ['what was cut off below the new end', { kind: 6 }],
  ])('nothing-outside: a record with %s is refused, whatever its checksums say', (_what, change) => {
    const state = halfWritten();
    const original = state.get(JOURNAL) as Uint8Array;
    // The record of the eight bytes at 600.
    const at = recordAt(original, 1, 600);
    const journal = forged(original, (copy) => patch(JournalRecord, copy, change, at));
    const disk = withJournal(state, journal);
    expect(recoverError(disk)?.code).toBe('journal-damaged');
    expect(disk.events).toEqual([]);
  });

  it('nothing-outside: a forged count of records, or bytes after the last, are refused', () => {
    const state = halfWritten();
    const journal = state.get(JOURNAL) as Uint8Array;
    for (const records of [0, 1, 1000, 2 ** 52]) {
      const changed = forged(journal, (copy) => patch(JournalStateSector, copy, { records }, SECTOR));
      expect(recoverError(withJournal(state, changed))?.code).toBe('journal-damaged');
    }
  });

  it('nothing-outside: old bytes that do not hash to their record are not put back', () => {
    const state = halfWritten();
    const original = state.get(JOURNAL) as Uint8Array;
    const at = recordAt(original, 1, 600) + JournalRecord.size;
    const journal = forged(original, (copy) => copy.fill(0x66, at, at + 8));
    const disk = withJournal(state, journal);
    expect(recoverError(disk)?.code).toBe('journal-damaged');
    expect(disk.events).toEqual([]);
  });

  it('half-made-is-nothing: a journal whose first sectors never reached the disk goes', () => {
    const { state } = stoppedAt(1e9);
    const kept = state.get(ROLLBACK) as Uint8Array;
    const preparing = stoppedAt(3).state.get(JOURNAL) as Uint8Array;
    expect(stateIn(stoppedAt(3).state)).toBe('PREPARING');
    for (const journal of [
      new Uint8Array(0),
      new Uint8Array(4096),
      kept.slice(0, SECTOR),
      Uint8Array.from([...kept.slice(0, SECTOR), ...new Uint8Array(SECTOR), ...kept.slice(RECORDS_AT)]),
      Uint8Array.from([...new Uint8Array(SECTOR), ...preparing.slice(SECTOR)]),
    ]) {
      const disk = new CrashDisk(
        new Map([
          [IMAGE, oldImage()],
          [JOURNAL, journal],
        ]),
      );
      expect(recoverOn(new CrashSite(disk), { force: false }).outcome).toBe('old');
      expect(disk.has(JOURNAL)).toBe(false);
      expect(disk.state.get(IMAGE)).toEqual(oldImage());
    }
  });

  it('half-made-is-nothing: but not one that lost a sector later', () => {
    const state = halfWritten();
    const lost = (state.get(JOURNAL) as Uint8Array).slice().fill(0, 0, SECTOR);
    expect(recoverError(withJournal(state, lost))?.code).toBe('journal-damaged');
  });
});

/** Where the record of this kind and offset stands in a journal. */
function recordAt(journal: Uint8Array, kind: number, offset: number): number {
  const view = new DataView(journal.buffer, journal.byteOffset, journal.byteLength);
  for (let at = RECORDS_AT; at < journal.length; ) {
    if (view.getUint32(at + 4, true) === kind && view.getUint32(at + 8, true) === offset) return at;
    at += JournalRecord.size + view.getUint32(at + 24, true);
  }
  throw new Error('no such record');
}
