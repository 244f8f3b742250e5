/**
 * What real qemu-img would do to the image: done to a private copy, and the difference staged as a step, so that it can
 * be looked at, and taken back, as any other.
 *
 * Invariants:
 *  1. The user's file is only read; the copy is in a folder of its own, and gone at the end.
 *  2. The step holds exactly the bytes in which the copy differs from the image.
 */
import type { Progress } from '../bytes/progress.ts';
import { sizeText } from '../bytes/size.ts';
import type { Device } from '../device/device.ts';
import { readBytes } from '../device/device.ts';
import { FileDevice } from '../device/file.ts';
import { countNonZero } from '../device/zeros.ts';
import type { Image } from '../drivers/driver.ts';
import { ImageError } from '../errors.ts';
import { type QemuRun, qemuRepair } from '../host/qemu-img.ts';
import { Scratch } from '../host/scratch.ts';
import type { Session } from './session.ts';

/** Bytes: the file, and what of it is not zero and has to be copied. */
const MOST_SIZE = 256 * 2 ** 30;
const MOST_COPIED = 8 * 2 ** 30;
/** Bytes copied and compared in one go, and the least that is. */
const PIECE = 2 ** 20;
const BLOCK = 4096;
const SECTOR = 512;
/** Runs that are kept. */
const MOST_RUNS = 10_000;

/** A run of guest bytes that had a place, and has none or another one. */
export interface LostRun {
  readonly guest: number;
  readonly length: number;
  /** Bytes of it that were not zero; undefined where they cannot be told (compressed, encrypted). */
  readonly data?: number;
  readonly kind: string;
}

/** A run of bytes of the file that was kept from use, and is free. */
export interface FreedRun {
  readonly offset: number;
  readonly length: number;
  readonly data: number;
  /** Nothing is left of them: they are zeros now. */
  readonly isErased: boolean;
}

export interface Simulated {
  readonly ran: QemuRun;
  /** Whether anything differs, and so was staged. */
  readonly isStaged: boolean;
  readonly lost: readonly LostRun[];
  readonly freed: readonly FreedRun[];
}

/** Throws ImageError `too-large-to-copy`, `no-qemu-img`, `qemu-refuses`, and what making the copy throws. */
export function* simulateRepair(session: Session, line: string, what: 'leaks' | 'all'): Generator<Progress, Simulated> {
  session.checkWritable();
  const scratch = new Scratch();
  try {
    const { format, device } = session.image;
    const path = scratch.put('copy', new Uint8Array(0));
    yield* copied(device, path);
    yield { what: 'qemu-img check', done: 0, total: 1 };
    const ran = qemuRepair(path, format, what);
    // Its statuses: clean, corruption left, leaks left. All else is that it did not do it.
    if (![0, 2, 3].includes(ran.status)) throw refused(ran);
    const isStaged = yield* staged(session, line, path);
    if (!isStaged) return { ran, isStaged, lost: [], freed: [] };
    return { ran, isStaged, ...(yield* compared(session)) };
  } finally {
    scratch.remove();
  }
}

/** Every block that is not all zeros; the rest is a hole. */
function* copied(from: Device, path: string): Generator<Progress, void> {
  if (from.size > MOST_SIZE) throw tooLarge(`the file has ${sizeText(from.size)}`, MOST_SIZE);
  const to = new FileDevice(path, 'read-write', 'no-follow');
  const zeros = Buffer.alloc(PIECE);
  let done = 0;
  try {
    to.resize(from.size);
    for (let at = 0; at < from.size; at += PIECE) {
      const bytes = Buffer.from(readBytes(from, at, Math.min(PIECE, from.size - at)));
      if (!bytes.equals(zeros.subarray(0, bytes.length))) {
        done += bytes.length;
        if (done > MOST_COPIED) throw tooLarge('more of it than zeros', MOST_COPIED);
        for (let i = 0; i < bytes.length; i += BLOCK) {
          const block = bytes.subarray(i, i + BLOCK);
          if (!block.equals(zeros.subarray(0, block.length))) to.write(at + i, block);
        }
      }
      yield { what: 'copying', done: at + bytes.length, total: from.size, unit: 'bytes' };
    }
  } finally {
    to.close();
  }
}

/** The copy's bytes where they differ, as a step. */
function* staged(session: Session, line: string, path: string): Generator<Progress, boolean> {
  const copy = new FileDevice(path);
  try {
    const { device } = session.image;
    if (copy.size > Math.max(MOST_SIZE, device.size))
      throw tooLarge(`QEMU makes a file of ${sizeText(copy.size)} of it`, MOST_SIZE);
    const differing = yield* differences(device, copy);
    if (differing.length === 0 && copy.size === device.size) return false;
    yield* session.step(line, function* (draft) {
      if (draft.device.size !== copy.size) draft.device.resize(copy.size);
      for (const [i, { offset, length }] of differing.entries()) {
        draft.device.write(offset, readBytes(copy, offset, length), 'qemu-img');
        yield { what: 'staging', done: i + 1, total: differing.length };
      }
    });
    return true;
  } finally {
    copy.close();
  }
}

/** Runs of sectors in which two devices differ. */
function* differences(a: Device, b: Device): Generator<Progress, { offset: number; length: number }[]> {
  const runs: { offset: number; length: number }[] = [];
  for (let at = 0; at < b.size; at += PIECE) {
    const length = Math.min(PIECE, b.size - at);
    const [old, now] = [Buffer.from(readBytes(a, at, length)), Buffer.from(readBytes(b, at, length))];
    for (let i = 0; !old.equals(now) && i < length; i += SECTOR) {
      const end = Math.min(i + SECTOR, length);
      if (old.compare(now, i, end, i, end) === 0) continue;
      const last = runs.at(-1);
      if (last && last.offset + last.length === at + i) last.length += end - i;
      else runs.push({ offset: at + i, length: end - i });
    }
    yield { what: 'comparing', done: at + length, total: b.size, unit: 'bytes' };
  }
  return runs;
}

/** The last step's image beside the one before it. */
function* compared(session: Session): Generator<Progress, Pick<Simulated, 'lost' | 'freed'>> {
  const step = session.steps.filter(({ applied }) => applied).length;
  const moment = session.momentAt(step - 1);
  const before = moment.open(moment.device);
  const { image } = session;
  return { lost: yield* lostRuns(before, image), freed: yield* freedRuns(before, image) };
}

/** Guest bytes that lay somewhere in the file and do not lie there any more. */
function* lostRuns(before: Image, after: Image): Generator<Progress, LostRun[]> {
  const runs: LostRun[] = [];
  for (const batch of before.mappings(0, before.size, 'mapped')) {
    for (let i = 0; i < batch.count; i++) {
      const run = batch.at(i);
      const hasPlace = run.kind === 'data' || run.kind === 'compressed' || run.kind === 'encrypted';
      for (let at = run.guest; hasPlace && at < run.guest + run.length && runs.length < MOST_RUNS; ) {
        const now = after.getMapping(at);
        const length = Math.min(now.guest + now.length, run.guest + run.length) - at;
        const host = run.host === undefined ? undefined : run.host + (run.kind === 'compressed' ? 0 : at - run.guest);
        if (now.kind !== run.kind || now.host !== host) runs.push(lost(before, run.kind, at, length, host));
        at += length;
      }
    }
    yield {
      what: 'comparing',
      done: batch.count === 0 ? 0 : batch.at(batch.count - 1).guest,
      total: before.size,
      unit: 'bytes',
    };
  }
  return runs;
}

function lost({ dataDevice }: Image, kind: string, guest: number, length: number, host: number | undefined): LostRun {
  if (kind !== 'data' || host === undefined || !dataDevice) return { guest, length, kind };
  return { guest, length, kind, data: countNonZero(dataDevice, host, length) };
}

/** Bytes of the file that were not free and are, and are not all zeros. */
function* freedRuns(before: Image, after: Image): Generator<Progress, FreedRun[]> {
  const free = (yield* after.ownership())[Symbol.iterator]();
  const runs: FreedRun[] = [];
  let now = free.next();
  for (const { offset, length, role } of yield* before.ownership()) {
    if (role !== 'leaked' && role !== 'data') continue;
    while (!now.done && now.value.offset + now.value.length <= offset) now = free.next();
    while (!now.done && now.value.offset < offset + length && runs.length < MOST_RUNS) {
      const from = Math.max(offset, now.value.offset);
      const to = Math.min(offset + length, now.value.offset + now.value.length);
      const data = now.value.role === 'free' ? countNonZero(before.device, from, to - from) : 0;
      if (data > 0) {
        const isErased = countNonZero(after.device, from, to - from) === 0;
        runs.push({ offset: from, length: to - from, data, isErased });
      }
      if (now.value.offset + now.value.length > offset + length) break;
      now = free.next();
    }
    yield { what: 'comparing', done: offset, total: before.device.size, unit: 'bytes' };
  }
  return runs;
}

function tooLarge(what: string, most: number): ImageError {
  return new ImageError({
    code: 'too-large-to-copy',
    what: `qemu-img works on a private copy, and ${what}: at most ${sizeText(most)} allowed`,
    tryThis: 'repair, which shows what Platter would do',
  });
}

function refused({ status, lines }: QemuRun): ImageError {
  return new ImageError({
    code: 'qemu-refuses',
    what: `qemu-img does not do it (exit status ${status}): ${lines.slice(-3).join('; ')}`,
    tryThis: 'repair, which shows what Platter would do',
  });
}
