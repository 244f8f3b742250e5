/**
 * L2 tables that are gone: an L1 entry leads to a cluster that is no table any more, or to zeros while there is data that
 * nothing leads to. Each cluster of that data is put where it says it belongs, where file systems expect it, or where the
 * order in the file puts it.
 */

import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import { hasHost } from '../../../bytes/extents.ts';
import type { Progress } from '../../../bytes/progress.ts';
import { hex, sizeText } from '../../../bytes/size.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { isZero } from '../../../device/zeros.ts';
import { place } from '../../../evidence/place.ts';
import type { Piece, Placement, Puzzle } from '../../../evidence/puzzle.ts';
import type { Proposal } from '../../rescue.ts';
import { l1State } from '../entry.ts';
import { bytesPerL2, l1EntriesFor } from '../geometry.ts';
import { lookAtTable } from './look.ts';
import { ImageDisk, refcountOf, type Scene } from './scene.ts';

/** Free places and loose clusters that are looked at: bounds of memory. */
const MOST_PLACES = 2 ** 21;
const MOST_PIECES = 2 ** 20;

interface LostTable {
  readonly index: number;
  readonly host: number;
  /** It holds something that is no table. */
  readonly isGarbage: boolean;
}

export interface LostL2 {
  readonly proposals: readonly Proposal[];
  readonly notes: readonly string[];
}

export function* findLostL2(scene: Scene): Generator<Progress, LostL2> {
  const { image, device } = scene;
  const { geometry: g } = image;
  const notes: string[] = [];
  const pieces = loosePieces(scene, notes);
  const lost = yield* lostTables(scene);
  const garbage = lost.filter(({ isGarbage }) => isGarbage);
  if (lost.length === 0 || (pieces.length === 0 && garbage.length === 0)) return { proposals: [], notes };
  const span = bytesPerL2(g);
  const bases: number[] = [];
  for (const { index } of lost) {
    for (let slot = 0; slot < g.l2Entries && bases.length < MOST_PLACES; slot++) {
      const base = index * span + slot * g.clusterSize;
      if (base < g.size) bases.push(base);
    }
  }
  if (bases.length === MOST_PLACES)
    notes.push(`more lost L2 tables than are looked at in one go: rescue again after a commit`);
  const puzzle: Puzzle = {
    device,
    clusterSize: g.clusterSize,
    span: g.clusterSize,
    bases,
    pieces,
    disk: new ImageDisk(image),
    order: yield* orderOf(scene),
    zerosElsewhere: image.backing === undefined,
    noun: 'cluster',
  };
  const { placements, found, left } =
    pieces.length === 0 ? { placements: [], found: [], left: [] } : yield* place(puzzle);
  const proposals: Proposal[] = garbage.map((table) => clearing(scene, table));
  const clearedBy = new Map(garbage.map(({ index }, i) => [index, i]));
  for (const run of runsOf(placements, pieces, g.clusterSize, span)) {
    const table = lost.find(({ index }) => index === Math.floor((run[0] as Placement).base / span)) as LostTable;
    const clear = clearedBy.get(table.index);
    proposals.push(placing(scene, table, run, pieces, clear === undefined ? [] : [clear]));
  }
  if (left.length > 0) notes.push(`${countOf(left.length)} that nothing leads to were not placed`);
  if (found.length > 0) notes.push(`file systems seen: ${found.join(', ')}`);
  return { proposals, notes };
}

function countOf(clusters: number): string {
  return clusters === 1 ? '1 cluster of data' : `${clusters} clusters of data`;
}

/** Data that nothing leads to: no zeros, no tables, nor what lost tables lead to. */
function loosePieces({ loose, orphans, image, device }: Scene, notes: string[]): Piece[] {
  const { clusterSize } = image.geometry;
  const others = new ClusterBitmap();
  for (const { host, hosts } of orphans) {
    others.testAndSet(host / clusterSize);
    for (const data of hosts) others.testAndSet(data / clusterSize);
  }
  const pieces: Piece[] = [];
  const total = Math.ceil(device.size / clusterSize);
  for (let cluster = loose.nextSet(0); cluster >= 0 && cluster < total; cluster = loose.nextSet(cluster + 1)) {
    if (others.has(cluster)) continue;
    if (pieces.length === MOST_PIECES) {
      notes.push(`more than ${MOST_PIECES} clusters that nothing leads to: the first of them are looked at`);
      break;
    }
    const host = cluster * clusterSize;
    pieces.push({ host, slots: Uint32Array.of(0), hosts: Float64Array.of(host) });
  }
  return pieces;
}

function* lostTables({ image, device, rules }: Scene): Generator<Progress, LostTable[]> {
  const { geometry: g } = image;
  const entries = Math.min(g.l1Entries, l1EntriesFor(g));
  const l1 = new DataView(readBytes(device, g.l1Offset, entries * 8).buffer);
  const bytes = new Uint8Array(g.clusterSize);
  const lost: LostTable[] = [];
  for (let index = 0; index < entries; index++) {
    const { offset, fault } = l1State(g, rules.fileSize, l1.getInt32(index * 8), l1.getInt32(index * 8 + 4));
    if (offset === 0 || fault !== undefined) continue;
    device.read(offset, bytes);
    if (index % 64 === 63) yield { what: 'l2 tables', done: index, total: entries };
    if (lookAtTable(bytes, rules) || isBitBroken(bytes, rules)) continue;
    lost.push({ index, host: offset, isGarbage: bytes.some((byte) => byte !== 0) });
  }
  return lost;
}

/** A table with an entry or two that break a rule is still a table: most entries keep them all. */
function isBitBroken(bytes: Uint8Array, rules: Scene['rules']): boolean {
  let good = 0;
  let bad = 0;
  const entry = new Uint8Array(rules.l2EntrySize);
  for (let at = 0; at < bytes.length; at += rules.l2EntrySize) {
    entry.set(bytes.subarray(at, at + rules.l2EntrySize));
    if (isZero(entry)) continue;
    if (lookAtTable(entry, rules)) good++;
    else bad++;
  }
  return good > bad;
}

/** Neighbours in the mapping that works, and how many of them lie in the file in that order. */
function* orderOf({ image }: Scene): Generator<Progress, Puzzle['order']> {
  let pairs = 0;
  let ascending = 0;
  let before = -1;
  for (const batch of image.mappings(0, image.size, 'mapped')) {
    for (let i = 0; i < batch.count; i++) {
      if (!hasHost(batch.kind[i] as number)) continue;
      const host = batch.host[i] as number;
      const length = batch.length[i] as number;
      if (before >= 0) {
        pairs++;
        if (host > before) ascending++;
      }
      pairs += length - 1;
      ascending += length - 1;
      before = host;
    }
    yield { what: 'order of the clusters', done: 0, total: 0 };
  }
  return { pairs, ascending };
}

/** A table that holds something else is emptied first: none of its entries can be relied on. */
function clearing({ image }: Scene, { index, host }: LostTable): Proposal {
  const { clusterSize } = image.geometry;
  return {
    part: 'l2',
    what: `l2[${index}]: what stands at ${hex(host)} is no table; all its entries are cleared`,
    host,
    length: clusterSize,
    confidence: 'high',
    evidence: ['most of its entries break the rules of an entry'],
    alternatives: [],
    needs: [],
    *apply(device: Device) {
      yield { what: 'l2', done: index, total: 0 };
      device.write(host, new Uint8Array(clusterSize), `l2 table ${index}`);
    },
  };
}

/** Placements in a row in both the disk and the file, with the same evidence, within one table. */
function runsOf(
  placements: readonly Placement[],
  pieces: readonly Piece[],
  clusterSize: number,
  span: number,
): Placement[][] {
  const runs: Placement[][] = [];
  for (const placement of placements) {
    const last = runs.at(-1)?.at(-1);
    const goesOn =
      last &&
      placement.base === last.base + clusterSize &&
      placement.base % span !== 0 &&
      (pieces[placement.piece] as Piece).host === (pieces[last.piece] as Piece).host + clusterSize &&
      placement.confidence === last.confidence &&
      placement.evidence.join() === last.evidence.join();
    if (goesOn) runs.at(-1)?.push(placement);
    else runs.push([placement]);
  }
  return runs;
}

function placing(
  { image, device, isCounted }: Scene,
  table: LostTable,
  run: readonly Placement[],
  pieces: readonly Piece[],
  needs: readonly number[],
): Proposal {
  const { geometry: g } = image;
  const first = run[0] as Placement;
  const host = (pieces[first.piece] as Piece).host;
  const slot = Math.floor(first.base / g.clusterSize) % g.l2Entries;
  const length = run.length * g.clusterSize;
  const bytes = new Uint8Array(run.length * g.l2EntrySize);
  const view = new DataView(bytes.buffer);
  run.forEach(({ piece }, i) => {
    const at = (pieces[piece] as Piece).host;
    const isCopied = !isCounted || refcountOf(device, g, at) === 1;
    view.setUint32(i * g.l2EntrySize, Math.floor(at / 2 ** 32) + (isCopied ? 2 ** 31 : 0));
    view.setUint32(i * g.l2EntrySize + 4, at % 2 ** 32);
    // Which subclusters were written is lost: all of the cluster is there.
    if (g.l2EntrySize === 16) view.setUint32(i * 16 + 12, 0xffff_ffff);
  });
  const entries =
    run.length === 1 ? `l2[${table.index}][${slot}]` : `l2[${table.index}][${slot}..${slot + run.length - 1}]`;
  return {
    part: 'l2',
    what: `${entries}: ${sizeText(length)} of data at ${hex(host)}`,
    host,
    guest: first.base,
    length,
    confidence: first.confidence,
    evidence: first.evidence,
    alternatives: first.alternatives.map((base) => `guest ${hex(base)}`),
    needs,
    *apply(to: Device) {
      yield { what: 'l2', done: slot, total: g.l2Entries };
      to.write(table.host + slot * g.l2EntrySize, bytes, entries);
    },
  };
}
