/** The bytes of two moments side by side, read in pieces. Behind the end of a file there are zeros. */
import { type Range, Ranges } from '../bytes/ranges.ts';
import { type Device, readBytes } from '../device/device.ts';

/** Bytes compared in one go. */
export const DIFF_PIECE = 64 * 1024;
const SECTOR = 512;

/** Both are `length` long. */
export interface Pair {
  readonly offset: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

export class TwoMoments {
  readonly before: Device;
  readonly after: Device;

  constructor(before: Device, after: Device) {
    this.before = before;
    this.after = after;
  }

  at(offset: number, length: number): Pair {
    return { offset, before: readBytes(this.before, offset, length), after: readBytes(this.after, offset, length) };
  }

  differs(offset: number, length: number): boolean {
    for (const { before, after } of this.pairs({ offset, length })) if (!Buffer.from(before).equals(after)) return true;
    return false;
  }

  *pairs({ offset, length }: Range): Generator<Pair> {
    for (let at = 0; at < length; at += DIFF_PIECE) yield this.at(offset + at, Math.min(DIFF_PIECE, length - at));
  }

  /** From the first to the last byte of the range that differs; undefined where none does. */
  hull(range: Range): Range | undefined {
    let first = -1;
    let last = -1;
    for (const { offset, before, after } of this.pairs(range)) {
      if (Buffer.from(before).equals(after)) continue;
      const differs = (byte: number, i: number): boolean => byte !== after[i];
      if (first < 0) first = offset + before.findIndex(differs);
      last = offset + before.findLastIndex(differs);
    }
    return first < 0 ? undefined : { offset: first, length: last + 1 - first };
  }

  /** Whole sectors of the range in which something differs. */
  *sectors(range: Range): Generator<Range> {
    const found = new Ranges();
    for (const { offset, before, after } of this.pairs(range)) {
      if (Buffer.from(before).equals(after)) continue;
      const end = offset + before.length;
      for (let at = offset; at < end; ) {
        const stop = Math.min(at - (at % SECTOR) + SECTOR, end);
        const [from, to] = [at - offset, stop - offset];
        if (!Buffer.from(before.subarray(from, to)).equals(after.subarray(from, to))) found.add(at, stop - at);
        at = stop;
      }
    }
    yield* found;
  }
}
