/**
 * Refcounts: looked up, changed, and the blocks and the table that hold them made larger where they end.
 *
 *  1. A block counts itself, or is counted in the file, before the refcount table leads to it.
 *  2. The refcount table is moved as a whole: the new one and its blocks are durable before the header names it.
 *  3. A count that falls to 0 frees the cluster in memory at once; before such a cluster is used again, the tables that
 *     no longer lead to it are on the device.
 */
import { hex } from '../../../bytes/size.ts';
import { fire, type Request } from '../../../device/events.ts';
import { ImageError } from '../../../errors.ts';
import { type Count, countAt, largestCount, setCount } from '../counters.ts';
import { HeaderV2 } from '../layout.ts';
import { invalid, numeral, tooLarge } from './complaints.ts';
import { entryBytes, type PairTable } from './pair-table.ts';
import type { WriteState } from './state.ts';
import type { Table } from './table-cache.ts';

/** Why clusters stayed counted, as C says it. */
const REASONS: Readonly<Record<string, string>> = {
  'invalid-argument': 'Invalid argument',
  'no-space': 'No space left on device',
};

/** Entries of the largest refcount table: 8 MiB. */
const MAX_TABLE = (8 * 1024 * 1024) / 8;

/** The refcount of a cluster (by number). */
export function* refcountOf(w: WriteState, cluster: number): Request<number> {
  const { refcountsPerBlock, refcountOrder } = w.g;
  const index = Math.floor(cluster / refcountsPerBlock);
  const offset = index < w.refTable.count ? w.refTable.at(index) : 0;
  if (offset === 0) return 0;
  const block = w.blocks.held(offset) ?? (yield* loadBlock(w, offset, index));
  return countAt(block.bytes, refcountOrder, cluster % refcountsPerBlock);
}

/** Throws, having marked the image corrupt, where the refcount table's entry is no cluster. */
function* loadBlock(w: WriteState, offset: number, index: number): Request<Table> {
  if (offset % w.g.clusterSize !== 0) {
    throw w.corruption(`Refblock offset ${numeral(offset)} unaligned (reftable index: ${numeral(index)})`);
  }
  return yield* w.blocks.get(offset, index);
}

/**
 * Adds `by` to the refcount of every cluster that the bytes touch. Answers false where a refcount block had to be made
 * for that, which may have taken the very clusters: nothing is changed then, and the caller looks for free ones again.
 */
export function* changeRefcounts(w: WriteState, offset: number, length: number, by: Count): Request<boolean> {
  return yield* change(w, offset, length, by, true);
}

/** `wasUsed`: what falls to 0 may have had references in the file. */
function* change(w: WriteState, offset: number, length: number, by: Count, wasUsed: boolean): Request<boolean> {
  if (length === 0) return true;
  const { clusterSize, refcountsPerBlock, refcountOrder } = w.g;
  const first = Math.floor(offset / clusterSize);
  const last = Math.floor((offset + length - 1) / clusterSize);
  if (by < 0) yield* w.blocks.dependOn(w.l2);
  else if (w.isFreshlyFreed(first, last)) yield* settleFreed(w);
  const most = largestCount(refcountOrder);
  let block: Table | undefined;
  let blockIndex = -1;
  let cluster = first;
  try {
    for (; cluster <= last; cluster++) {
      const index = Math.floor(cluster / refcountsPerBlock);
      if (index !== blockIndex || !block) {
        block = yield* blockFor(w, cluster);
        if (!block) {
          w.firstFree = Math.min(w.firstFree, first);
          yield* undo(w, first, cluster, by);
          return false;
        }
        blockIndex = index;
      }
      const slot = cluster % refcountsPerBlock;
      const before = countAt(block.bytes, refcountOrder, slot);
      const after = before + by;
      if (after < 0 || after > most) {
        throw invalid(`the refcount of cluster ${hex(cluster * clusterSize)} is ${before}, it cannot become ${after}`);
      }
      const [from, to] = setCount(block.bytes, refcountOrder, slot, after);
      w.blocks.mark(block, from, to);
      if (after > 0) continue;
      w.firstFree = Math.min(w.firstFree, cluster);
      if (wasUsed) w.noteFreed(cluster);
      forget(w, cluster);
      if (block.offset === cluster * clusterSize) block = undefined;
    }
  } catch (error) {
    yield* undo(w, first, cluster, by);
    throw error;
  }
  return true;
}

/** Makes it safe to use clusters again that were freed in memory. */
function* settleFreed(w: WriteState): Request {
  yield* w.blocks.settle();
  yield* w.l2.write();
}

/** Tables in memory of a cluster that is none any more. */
function forget(w: WriteState, cluster: number): void {
  const { clusterSize } = w.g;
  const start = cluster * clusterSize;
  if (w.freeByte !== 0 && Math.floor(w.freeByte / clusterSize) === cluster) w.freeByte = 0;
  w.blocks.discard(start);
  if (w.l2.count === 0) return;
  for (let at = start; at < start + clusterSize; at += w.sliceSize) w.l2.discard(at);
}

function* undo(w: WriteState, first: number, end: number, by: Count): Request {
  if (end <= first || w.isDead) return;
  const { clusterSize } = w.g;
  try {
    yield* change(w, first * clusterSize, (end - first) * clusterSize, by < 0 ? 1 : -1, false);
  } catch {
    // What made the first attempt fail may make this one fail too: then clusters are leaked.
  }
}

/** As many free clusters in a row as `length` bytes take, without counting them yet. Answers their offset. */
export function* findFree(w: WriteState, length: number, limit = 2 ** 56 - 1): Request<number> {
  const { clusterSize, refcountsPerBlock, refcountOrder } = w.g;
  const wanted = Math.ceil(length / clusterSize);
  let found = 0;
  let block: Table | undefined;
  let blockIndex = -1;
  while (found < wanted) {
    const cluster = w.firstFree++;
    const index = Math.floor(cluster / refcountsPerBlock);
    if (index !== blockIndex) {
      blockIndex = index;
      const offset = index < w.refTable.count ? w.refTable.at(index) : 0;
      block = offset === 0 ? undefined : (w.blocks.held(offset) ?? (yield* loadBlock(w, offset, index)));
    }
    const used = block !== undefined && countAt(block.bytes, refcountOrder, cluster % refcountsPerBlock) !== 0;
    found = used ? 0 : found + 1;
  }
  if ((w.firstFree - 1) * clusterSize > limit) {
    throw tooLarge(`no cluster is free below ${hex(limit)}`);
  }
  return (w.firstFree - wanted) * clusterSize;
}

/** The block that counts the cluster; made where there is none, and then undefined is answered. */
function* blockFor(w: WriteState, cluster: number): Request<Table | undefined> {
  yield* fire(w.device, 'refblock_alloc');
  const { clusterSize, refcountsPerBlock, refcountOrder } = w.g;
  const index = Math.floor(cluster / refcountsPerBlock);
  const offset = index < w.refTable.count ? w.refTable.at(index) : 0;
  if (offset !== 0) {
    yield* fire(w.device, 'refblock_load');
    return yield* loadBlock(w, offset, index);
  }
  const fresh = yield* findFree(w, clusterSize);
  if (fresh === 0) throw w.corruption('Preventing invalid allocation of refcount block at offset 0');
  const itself = Math.floor(fresh / clusterSize);
  try {
    let block: Table;
    if (Math.floor(itself / refcountsPerBlock) === index) {
      if (w.isFreshlyFreed(itself, itself)) yield* settleFreed(w);
      block = yield* w.blocks.empty(fresh, index);
      setCount(block.bytes, refcountOrder, itself % refcountsPerBlock, 1);
    } else {
      // Counted by another block: at most twice in a row.
      if (!(yield* changeRefcounts(w, fresh, clusterSize, 1))) return undefined;
      yield* w.blocks.flush();
      block = yield* w.blocks.empty(fresh, index);
    }
    yield* fire(w.device, 'refblock_alloc_write');
    w.blocks.mark(block, 0, clusterSize);
    yield* w.blocks.flush();
    if (index < w.refTable.count) yield* hookUp(w, fresh, index);
    else {
      yield* fire(w.device, 'reftable_grow');
      const blocksUsed = Math.ceil(Math.max(cluster + 1, itself) / refcountsPerBlock);
      yield* growTable(w, blocksUsed * refcountsPerBlock * clusterSize, index, fresh);
    }
  } catch (error) {
    if (w.refTable.at(index) !== fresh) w.blocks.discard(fresh);
    throw error;
  }
  return undefined;
}

/** The refcount table leads to the block. */
function* hookUp(w: WriteState, block: number, index: number): Request {
  yield* fire(w.device, 'refblock_alloc_hookup');
  w.device.write(w.refTable.offset + index * 8, entryBytes(block), 'refcount table');
  w.refTable.set(index, block);
  w.claims.add('refcount-block', block, w.g.clusterSize);
  w.device.flush();
}

/** Clusters of counts and table that `clusters` need, they themselves counted; with room to grow. */
function blocksNeeded(clusters: number, clusterSize: number, perBlock: number): number {
  let counted = clusters;
  let table = 0;
  let blocks = 0;
  let last = -1;
  let grown = false;
  for (let total = 0; total !== last; ) {
    last = total;
    blocks = Math.ceil((counted + table + blocks) / perBlock);
    table = Math.ceil(blocks / (clusterSize / 8));
    total = counted + blocks + table;
    if (total === last && !grown) {
      counted += Math.ceil(table / 2);
      total = 0;
      grown = true;
    }
  }
  return blocks;
}

/**
 * A larger refcount table at `start`, behind everything, with the blocks that count it before it. `index`, `fresh`: a
 * block that the old table has no room for.
 */
function* growTable(w: WriteState, start: number, index: number, fresh: number): Request {
  const { clusterSize, refcountsPerBlock, refcountOrder } = w.g;
  const firstBlock = start / clusterSize / refcountsPerBlock;
  const total = blocksNeeded(start / clusterSize, clusterSize, refcountsPerBlock);
  const perCluster = clusterSize / 8;
  const clusters = Math.ceil((total + Math.ceil(total / 2)) / perCluster);
  if (clusters * perCluster > MAX_TABLE) throw tooLarge('the refcount table would be larger than 8 MiB');
  const draft = w.refTable.moved(0, clusters * perCluster);
  draft.set(index, fresh);
  let missing = 0;
  for (let i = firstBlock; i < total; i++) if (draft.at(i) === 0) missing++;
  const tableAt = start + missing * clusterSize;
  const end = tableAt + clusters * clusterSize;
  const made: Table[] = [];
  let old: PairTable;
  try {
    for (let i = firstBlock; i < total; i++) {
      let block: Table;
      if (draft.at(i) !== 0) block = yield* w.blocks.get(draft.at(i), i);
      else {
        const at = start + made.length * clusterSize;
        block = yield* w.blocks.empty(at, i);
        draft.set(i, at);
        made.push(block);
      }
      const first = Math.max(start / clusterSize, i * refcountsPerBlock);
      const stop = Math.min(end / clusterSize, (i + 1) * refcountsPerBlock);
      for (let at = first; at < stop; at++) setCount(block.bytes, refcountOrder, at % refcountsPerBlock, 1);
      w.blocks.mark(block, 0, clusterSize);
    }
    yield* fire(w.device, 'refblock_alloc_write_blocks');
    yield* w.blocks.flush();
    old = yield* switchTable(w, draft.moved(tableAt, draft.count));
  } catch (error) {
    // Nothing leads to them, and their place may be taken for something else.
    if (w.refTable.offset !== tableAt) for (const { offset } of made) w.blocks.discard(offset);
    throw error;
  }
  yield* free(w, old.offset, old.count * 8);
}

/** Writes the table where it stands, and lets the header name it. Answers the one before. */
function* switchTable(w: WriteState, table: PairTable): Request<PairTable> {
  const clusters = (table.count * 8) / w.g.clusterSize;
  yield* fire(w.device, 'refblock_alloc_write_table');
  w.device.write(table.offset, table.encode(), 'refcount table');
  w.device.flush();
  yield* fire(w.device, 'refblock_alloc_switch_table');
  const field = new Uint8Array(12);
  const view = new DataView(field.buffer);
  view.setUint32(0, Math.floor(table.offset / 2 ** 32));
  view.setUint32(4, table.offset % 2 ** 32);
  view.setUint32(8, clusters);
  w.device.write(HeaderV2.at.refcount_table_offset, field, 'header');
  const old = w.refTable;
  w.refTable = table;
  w.reopen({ refcountTableOffset: table.offset, refcountTableClusters: clusters });
  w.claims.refresh();
  w.device.flush();
  return old;
}

/**
 * Takes one reference from every cluster that the bytes touch. What fails leaves clusters leaked, and is told only.
 */
export function* free(w: WriteState, offset: number, length: number): Request {
  yield* fire(w.device, 'cluster_free');
  try {
    yield* w.blocks.dependOn(w.l2);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    // Tables that cannot be written now: nothing says that the clusters are free, and nothing is told of it.
    return;
  }
  try {
    yield* changeRefcounts(w, offset, length, -1);
  } catch (error) {
    if (w.isDead) throw error;
    if (!(error instanceof ImageError)) throw error;
    w.context.warn?.(`qcow2_free_clusters failed: ${REASONS[error.code] ?? 'Input/output error'}`);
  }
}
