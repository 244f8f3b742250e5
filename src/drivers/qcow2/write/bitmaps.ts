/**
 * Persistent dirty bitmaps of an image that is being written to: what is changed is noted, and put into them when the
 * image is closed.
 *
 *  1. From opening to closing each is marked `in_use` in the file: after a crash it counts as inconsistent. One that was
 *     marked before is inconsistent, and stays as it is.
 *  2. A bitmap without the flag `auto` is not recording: it is kept as it is, only as long as the disk.
 *  3. Only what is noted is in memory; a bitmap's own bits are read when they are changed, one cluster at a time.
 */
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import { readBytes } from '../../../device/device.ts';
import type { Request } from '../../../device/events.ts';
import { ImageError } from '../../../errors.ts';
import type { Bitmap } from '../bitmaps.ts';
import { BitmapDirectoryEntry } from '../layout.ts';
import { allocateClusters, freeClusters } from './allocate.ts';
import { PairTable } from './pair-table.ts';
import type { TrackedBitmaps, WriteState } from './state.ts';

const IN_USE = 1;
const AUTO = 2;
/** A table entry without a cluster whose bits are all set. */
const ALL_ONES = 1;
const DIRECTORY = 'bitmap directory';

interface Tracked {
  readonly bitmap: Bitmap;
  /** Bits set since the image was opened. */
  readonly noted: ClusterBitmap;
  /** How many of the bits in the file still count. */
  kept: number;
}

export class DirtyBitmaps implements TrackedBitmaps {
  readonly #w: WriteState;
  readonly #tracked: readonly Tracked[];
  readonly #inconsistent: readonly string[];

  /** Marks the bitmaps of the image as in use. */
  constructor(w: WriteState, bitmaps: readonly Bitmap[]) {
    this.#w = w;
    this.#inconsistent = bitmaps.filter(({ inUse }) => inUse).map(({ name }) => name);
    this.#tracked = bitmaps
      .filter(({ inUse }) => !inUse)
      .map((bitmap) => ({ bitmap, noted: new ClusterBitmap(), kept: bitsFor(bitmap, w.g.size) }));
    if (this.#tracked.length === 0) return;
    for (const { bitmap } of this.#tracked) {
      this.#putEntry(bitmap, bitmap.tableOffset, bitmap.tableEntries, flagsOf(bitmap) | IN_USE);
    }
    w.device.flush();
    w.reopen();
  }

  /** The guest range (bytes) is about to be changed. */
  touch(guest: number, length: number): void {
    if (length === 0) return;
    for (const { bitmap, noted } of this.#tracked) {
      if (!bitmap.auto) continue;
      const first = Math.floor(guest / bitmap.granularity);
      noted.setRun(first, Math.floor((guest + length - 1) / bitmap.granularity) - first + 1);
    }
  }

  checkResize(): void {
    const [name] = this.#inconsistent;
    if (name === undefined) return;
    throw new ImageError({
      code: 'not-supported',
      class: 'unsupported',
      what: `Bitmap '${name}' is inconsistent and cannot be used\nTry block-dirty-bitmap-remove to delete this bitmap from disk`,
    });
  }

  resize(size: number): void {
    for (const tracked of this.#tracked) {
      const bits = bitsFor(tracked.bitmap, size);
      tracked.kept = Math.min(tracked.kept, bits);
      for (let at = tracked.noted.nextSet(bits); at >= 0; at = tracked.noted.nextSet(at + 1)) tracked.noted.clear(at);
    }
  }

  /** Puts all that was noted into the file, and takes the marks off. With the lock held. */
  *save(): Request {
    const w = this.#w;
    const dropped: number[] = [];
    const tables: (() => void)[] = [];
    const entries: (() => void)[] = [];
    for (const tracked of this.#tracked) {
      const { bitmap } = tracked;
      const table = yield* this.#saveOne(tracked, dropped, tables);
      entries.push(() => this.#putEntry(bitmap, table.offset, table.count, flagsOf(bitmap)));
      if (table.offset === bitmap.tableOffset) continue;
      for (let at = 0; at < bitmap.tableEntries * 8; at += w.g.clusterSize) dropped.push(bitmap.tableOffset + at);
    }
    yield* w.blocks.flush();
    w.device.flush();
    // Nothing leads to a cluster before its refcount is there.
    for (const put of tables) put();
    w.device.flush();
    for (const put of entries) put();
    w.device.flush();
    w.reopen();
    for (const offset of dropped) yield* freeClusters(w, offset, w.g.clusterSize);
    yield* w.blocks.flush();
  }

  /**
   * Answers the bitmap's table: where it was, or a new one where it has another length. `dropped`: clusters to free.
   * `tables`: what writes them.
   */
  *#saveOne({ bitmap, noted, kept }: Tracked, dropped: number[], tables: (() => void)[]): Request<PairTable> {
    const w = this.#w;
    const { clusterSize, size } = w.g;
    const perCluster = clusterSize * 8;
    const bits = bitsFor(bitmap, size);
    const count = Math.max(1, Math.ceil(bits / perCluster));
    const old = PairTable.read(w.device, bitmap.tableOffset, bitmap.tableEntries);
    const isSame = count === old.count;
    const table = old.moved(isSame ? old.offset : yield* allocateClusters(w, count * 8), count);
    let changed = !isSame;
    for (let i = 0; i < Math.max(count, old.count); i++) {
      const start = i * perCluster;
      const before = i < old.count ? old.halves(i) : ([0, 0] as const);
      if (start >= kept || i >= count) {
        if (i < old.count && old.at(i) !== 0) dropped.push(old.at(i));
        if (i < count) table.set(i, 0);
        changed ||= before[0] !== 0 || before[1] !== 0;
      }
      if (i >= count) continue;
      const next = noted.nextSet(start);
      const isNoted = next >= 0 && next < start + perCluster;
      const isCut = kept < bits && start < kept && kept < start + perCluster && table.isSet(i);
      if (!isNoted && !isCut) continue;
      const bytes = this.#bitsAt(table, i);
      clearFrom(bytes, Math.min(perCluster, Math.max(0, kept - start)));
      if (isNoted) noteInto(bytes, noted, start);
      let at = table.at(i);
      if (at === 0) {
        at = yield* allocateClusters(w, clusterSize);
        table.set(i, at);
        changed = true;
      }
      w.guard(at, clusterSize);
      w.device.write(at, bytes, `bitmap '${bitmap.name}'`);
    }
    if (changed) {
      w.guard(table.offset, count * 8);
      tables.push(() => w.device.write(table.offset, table.encode(), 'bitmap table'));
    }
    return table;
  }

  #bitsAt(table: PairTable, index: number): Uint8Array {
    const { clusterSize } = this.#w.g;
    const at = table.at(index);
    if (at !== 0) return readBytes(this.#w.device, at, clusterSize);
    return new Uint8Array(clusterSize).fill(table.halves(index)[1] === ALL_ONES ? 0xff : 0);
  }

  #putEntry(bitmap: Bitmap, table: number, entries: number, flags: number): void {
    const bytes = new Uint8Array(BitmapDirectoryEntry.at.type);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.floor(table / 2 ** 32));
    view.setUint32(4, table % 2 ** 32);
    view.setUint32(BitmapDirectoryEntry.at.bitmap_table_size, entries);
    view.setUint32(BitmapDirectoryEntry.at.flags, flags);
    this.#w.device.write(bitmap.offset, bytes, DIRECTORY);
  }
}

function flagsOf({ auto }: Bitmap): number {
  return auto ? AUTO : 0;
}

function bitsFor({ granularity }: Bitmap, size: number): number {
  return Math.ceil(size / granularity);
}

/** Clears all bits from `bit` on; the lowest bit of a byte is its first. */
function clearFrom(bytes: Uint8Array, bit: number): void {
  const byte = Math.floor(bit / 8);
  if (byte >= bytes.length) return;
  bytes[byte] = (bytes[byte] as number) & ((1 << (bit % 8)) - 1);
  bytes.fill(0, byte + 1);
}

/** Sets the bits noted from `start` on, a multiple of 32. */
function noteInto(bytes: Uint8Array, noted: ClusterBitmap, start: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += 4) {
    const first = start + at * 8;
    const next = noted.nextSet(first);
    if (next < 0 || next >= start + bytes.length * 8) return;
    at = Math.floor((next - start) / 32) * 4;
    const word = noted.page(next)[(next % 2 ** 20) >>> 5] as number;
    view.setInt32(at, view.getInt32(at, true) | word, true);
  }
}
