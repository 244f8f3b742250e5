/**
 * The end of a repair: refcounts and COPIED flags set to what the image is now, as far as that was chosen, and always
 * for what a mend has touched.
 *
 * Invariants:
 *  1. A refcount falls to 0 only for clusters that were chosen to be freed, or that a mend has given up.
 *  2. A cluster that is in use never has a refcount too low because of what was mended.
 */
import { masked } from '../../../bytes/bits.ts';
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../../bytes/progress.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import type { OpenContext } from '../../driver.ts';
import { COPIED } from '../check-claims.ts';
import { clusterOffset, StoredRefcounts } from '../check-copied.ts';
import { l2Pieces } from '../check-l2-pieces.ts';
import type { Mismatch } from '../check-refcounts.ts';
import { L1Entry } from '../layout.ts';
import { hasBlock, setCounters } from './counters.ts';
import { examined } from './examine.ts';
import { rebuildRefcounts } from './rebuild.ts';
import { isContested, type Patient, type Workbench } from './work.ts';

export function* settle(bench: Workbench, context: OpenContext): Generator<Progress, void> {
  const { device, counts, touched, released, freed } = bench;
  let patient = yield* examined(device, context);
  if (bench.rebuilds || needsBlocks(patient, touched)) {
    yield* rebuildRefcounts(device, patient);
    patient = yield* examined(device, context);
  }
  const changed = new ClusterBitmap();
  for (const run of patient.runs) {
    const all = run.counted > 0 && counts.wrong;
    for (const { first, count } of all ? [run] : chosen(run, run.counted > 0 ? [touched] : [released, freed])) {
      setCounters(device, patient, first, count, run.counted);
      changed.setRun(first, count);
    }
    yield { what: 'refcounts', done: run.first, total: patient.claims.clusters };
  }
  if (counts.behindEnd) clearBehindEnd(device, patient);
  const isMeant = (cluster: number): boolean => counts.copied || changed.has(cluster) || touched.has(cluster);
  yield* setCopied(device, patient, isMeant);
}

/** The parts of a run that one of the bitmaps has. */
function* chosen(run: Mismatch, bitmaps: readonly ClusterBitmap[]): Generator<{ first: number; count: number }> {
  const end = run.first + run.count;
  for (const bitmap of bitmaps) {
    for (let at = run.first; at < end; ) {
      const first = bitmap.nextSet(at);
      if (first < 0 || first >= end) break;
      const clear = bitmap.nextClear(first);
      at = Math.min(clear, end);
      yield { first, count: at - first };
    }
  }
}

/** Whether a touched cluster that is in use has no block to count it in. */
function needsBlocks(patient: Patient, touched: ClusterBitmap): boolean {
  const { g, claims } = patient;
  for (let at = touched.nextSet(0); at >= 0; at = touched.nextSet(at + 1)) {
    const block = Math.floor(at / g.refcountsPerBlock);
    if (claims.counts.get(at) > 0 && !hasBlock(patient, block)) return true;
  }
  return false;
}

/** Counters of clusters that the file does not have come to 0. */
function clearBehindEnd(device: Device, patient: Patient): void {
  const { g, table, claims } = patient;
  const first = Math.floor(claims.clusters / g.refcountsPerBlock);
  for (let i = first; i < table.entries; i++) {
    const from = Math.max(claims.clusters, i * g.refcountsPerBlock);
    setCounters(device, patient, from, (i + 1) * g.refcountsPerBlock - from, 0);
  }
}

/** COPIED of the active L1 and L2 entries whose cluster `isMeant`: set exactly where the refcount in the file is 1. */
function* setCopied(
  device: Device,
  patient: Patient,
  isMeant: (cluster: number) => boolean,
): Generator<Progress, void> {
  const { claims, l1, g, table } = patient;
  const ones = new StoredRefcounts(claims, table);
  for (const { words, count, offset } of l1.activeBatches()) {
    if (isContested(patient, offset)) continue;
    fix(device, offset, 2, words, 2 * count, 'l1 table', (hi, lo) => {
      const at = masked(L1Entry.mask.offset, hi, lo);
      const cluster = Math.floor(at / g.clusterSize);
      return at === 0 || !isMeant(cluster) ? undefined : ones.isOne(cluster);
    });
  }
  let done = 0;
  for (const piece of l2Pieces(claims, l1, true)) {
    if (piece.active === 0 || piece.table % g.clusterSize !== 0 || isContested(patient, piece.offset)) continue;
    const bytes = Buffer.from(readBytes(device, piece.offset, Math.ceil(piece.length / g.l2EntrySize) * g.l2EntrySize));
    bytes.swap64();
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    fix(device, piece.offset, g.l2EntrySize / 4, words, words.length, 'l2 table', (hi, lo) => {
      const at = clusterOffset(claims, hi, lo);
      if (at === undefined) return undefined;
      const cluster = Math.floor(at / g.clusterSize);
      return isMeant(cluster) ? g.dataFile || ones.isOne(cluster) : undefined;
    });
    yield { what: 'copied flags', done: ++done, total: l1.activeEntries };
  }
}

/** Writes the entries whose flag is to be another, as one piece of the table from the first to the last. */
function fix(
  device: Device,
  offset: number,
  stride: number,
  words: Int32Array,
  count: number,
  what: string,
  wanted: (hi: number, lo: number) => boolean | undefined,
): void {
  let first = -1;
  let last = -1;
  for (let o = 0; o < count; o += stride) {
    const hi = words[o + 1] as number;
    const want = wanted(hi, words[o] as number);
    if (want === undefined || want === ((hi & COPIED) !== 0)) continue;
    words[o + 1] = want ? hi | COPIED : hi & ~COPIED;
    if (first < 0) first = o;
    last = o;
  }
  if (first < 0) return;
  const bytes = Buffer.alloc(4 * (last - first + 2));
  for (let o = first; o < last + 2; o++) bytes.writeInt32BE(words[o ^ 1] as number, 4 * (o - first));
  device.write(offset + 4 * first, bytes, what);
}
