/**
 * The way from a guest offset to its L2 entry, for reading and for changing: L1 grown, L2 tables made, and copied where
 * a snapshot has them too.
 *
 *  1. A new L2 table is durable, and so is its refcount, before the L1 entry leads to it.
 *  2. The L1 table moves as a whole; the header names it once it is durable.
 */
import { fire, type Request } from '../../../device/events.ts';
import { HeaderV2, LIMITS } from '../layout.ts';
import { allocateClusters, freeClusters } from './allocate.ts';
import { numeral, tooLarge } from './complaints.ts';
import type { WriteState } from './state.ts';
import type { Table } from './table-cache.ts';

/** Which L1 entry decides about the guest offset. */
export function l1Index(w: WriteState, guest: number): number {
  return Math.floor(guest / (w.g.clusterSize * w.g.l2Entries));
}

/** Entries of one slice. */
export function sliceEntries(w: WriteState): number {
  return w.sliceSize / w.g.l2EntrySize;
}

/** The entry of the guest offset in its slice. */
export function sliceIndex(w: WriteState, guest: number): number {
  return Math.floor(guest / w.g.clusterSize) % sliceEntries(w);
}

/** The slice that has the guest offset's entry, to read; undefined where there is no L2 table. */
export function* sliceToRead(w: WriteState, guest: number): Request<Table | undefined> {
  const index = l1Index(w, guest);
  const table = index < w.l1.count ? w.l1.at(index) : 0;
  if (table === 0) return undefined;
  if (table % w.g.clusterSize !== 0) throw unaligned(w, table, index);
  return yield* load(w, guest, table, index);
}

/** The same to change: there is a table afterwards, and it is this image's alone. */
export function* sliceToChange(w: WriteState, guest: number): Request<Table> {
  const index = l1Index(w, guest);
  if (index >= w.l1.count) yield* growL1(w, index + 1);
  const table = w.l1.at(index);
  if (table % w.g.clusterSize !== 0) throw unaligned(w, table, index);
  if (!w.l1.isCopied(index)) {
    yield* makeTable(w, index);
    if (table !== 0) yield* freeClusters(w, table, w.g.clusterSize);
  }
  return yield* load(w, guest, w.l1.at(index), index);
}

function unaligned(w: WriteState, table: number, index: number): Error {
  return w.corruption(`L2 table offset ${numeral(table)} unaligned (L1 index: ${numeral(index)})`);
}

function* load(w: WriteState, guest: number, table: number, index: number): Request<Table> {
  const entry = Math.floor(guest / w.g.clusterSize) % w.g.l2Entries;
  const inTable = entry * w.g.l2EntrySize;
  const at = table + inTable - (inTable % w.sliceSize);
  return w.l2.held(at) ?? (yield* w.l2.get(at, index));
}

/** An L2 table for L1 entry `index`: empty, or a copy of the one it has and shares. */
function* makeTable(w: WriteState, index: number): Request {
  const { clusterSize } = w.g;
  const before = w.l1.halves(index);
  const old = w.l1.at(index);
  const offset = yield* allocateClusters(w, clusterSize);
  if (offset === 0) throw w.corruption('Preventing invalid allocation of L2 table at offset 0');
  try {
    yield* w.blocks.flush();
    for (let at = 0; at < clusterSize; at += w.sliceSize) {
      let bytes: Uint8Array | undefined;
      if (old !== 0) {
        yield* fire(w.device, 'l2_alloc_cow_read');
        bytes = (yield* w.l2.get(old + at, index)).bytes;
      }
      const slice = yield* w.l2.empty(offset + at, index);
      if (bytes) slice.bytes.set(bytes);
      yield* fire(w.device, 'l2_alloc_write');
      w.l2.mark(slice, 0, w.sliceSize);
    }
    w.claims.add('active-l2', offset, clusterSize);
    yield* w.l2.flush();
    w.l1.set(index, offset, true);
    yield* writeL1Entry(w, index);
  } catch (error) {
    w.l1.setHalves(index, before);
    for (let at = 0; at < clusterSize; at += w.sliceSize) w.l2.discard(offset + at);
    yield* freeClusters(w, offset, clusterSize);
    throw error;
  }
  w.device.flush();
}

/** Puts one L1 entry, as it is in memory, into the file. To be made durable by who calls. */
export function* writeL1Entry(w: WriteState, index: number): Request {
  const at = w.l1.offset + index * 8;
  w.guard(at, 8, 'active-l1');
  yield* fire(w.device, 'l1_update');
  w.device.write(at, w.l1.encode(index, index + 1), 'l1 table');
}

/** Makes the L1 table at least `entries` long, exactly so where `exact`. */
export function* growL1(w: WriteState, entries: number, exact = false): Request {
  if (entries <= w.l1.count) return;
  let count = exact ? entries : Math.max(1, w.l1.count);
  while (count < entries) count = Math.ceil((count * 3) / 2);
  if (count > LIMITS.l1Entries) throw tooLarge(`an L1 table of ${count} entries is too large`);
  const old = w.l1;
  yield* fire(w.device, 'l1_grow_alloc_table');
  const offset = yield* allocateClusters(w, count * 8);
  const table = old.moved(offset, count);
  try {
    yield* w.blocks.flush();
    w.guard(offset, count * 8);
    yield* fire(w.device, 'l1_grow_write_table');
    w.device.write(offset, table.encode(), 'l1 table');
    w.device.flush();
    yield* fire(w.device, 'l1_grow_activate_table');
    const field = new Uint8Array(12);
    const view = new DataView(field.buffer);
    view.setUint32(0, count);
    view.setUint32(4, Math.floor(offset / 2 ** 32));
    view.setUint32(8, offset % 2 ** 32);
    w.device.write(HeaderV2.at.l1_size, field, 'header');
  } catch (error) {
    yield* freeClusters(w, offset, count * 8);
    throw error;
  }
  w.l1 = table;
  w.reopen({ l1Offset: offset, l1Entries: count });
  w.claims.refresh();
  w.device.flush();
  yield* freeClusters(w, old.offset, old.count * 8);
}
