/**
 * Mends of clusters that have more owners than they can: guest data gets a copy of its own at the end of the file, a
 * table that stands in another's place moves there. Nobody loses what he reads there now.
 */
import { masked } from '../../../bytes/bits.ts';
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../../bytes/progress.ts';
import { sizeText } from '../../../bytes/size.ts';
import { patch } from '../../../bytes/struct.ts';
import { readBytes } from '../../../device/device.ts';
import type { Where } from '../../../errors.ts';
import { L2Reader } from '../check-l2.ts';
import { whereOfEntry } from '../check-l2-entry.ts';
import { l2Pieces } from '../check-l2-pieces.ts';
import { hostRange } from '../check-owners.ts';
import { l1EntriesFor } from '../geometry.ts';
import { HeaderV2, L2Entry } from '../layout.ts';
import { halvesOf, isContested, type Mend, mend, type Patient, type Workbench } from './work.ts';

/** Bytes that copies may take. */
const MOST_COPIED = 2 ** 30;

/** An L2 entry that leads to a cluster with too many owners. */
interface Pointer {
  readonly where: Where;
  readonly times: number;
  /** Bytes of the file that it leads to. */
  readonly offset: number;
  readonly length: number;
  readonly isCompressed: boolean;
}

export interface Copies {
  readonly mends: readonly Mend[];
  /** The refcount table or one of its blocks is among those whose place is taken. */
  readonly needsRebuild: boolean;
  /** Clusters of metadata that guest data lies in too. */
  readonly held: ClusterBitmap;
  /** Nothing else can be told before it is done. */
  readonly isAlone?: boolean;
}

export function* copyMends(patient: Patient): Generator<Progress, Copies> {
  const { claims, taken } = patient;
  const crowded = new ClusterBitmap();
  for (const at of bitsOf(claims.counts.overflowed)) if (!taken.has(at)) crowded.testAndSet(at);
  if (taken.nextSet(0) < 0 && crowded.nextSet(0) < 0) {
    return { mends: [], needsRebuild: false, held: new ClusterBitmap() };
  }
  const pointers = yield* pointersTo(patient, taken, crowded);
  const surplus = surplusOf(patient, pointers.crowded);
  const shorter = shorterL1(patient);
  if (shorter.length > 0) return { mends: shorter, needsRebuild: false, held: pointers.held, isAlone: true };
  const data = [
    ...copied('overlap', pointers.taken, 'cluster that metadata has too', patient),
    ...copied('refcount-overflow', surplus, 'reference more than a refcount can hold', patient),
  ];
  // A table that moved before would go on leading to what its data stood in.
  const mends = data.length > 0 ? data : moved(patient, taken);
  return { mends, needsRebuild: isStructureTaken(patient, taken), held: pointers.held };
}

function copied(code: string, pointers: readonly Pointer[], what: string, { g }: Patient): readonly Mend[] {
  if (pointers.length === 0 || pointers.length * g.clusterSize > MOST_COPIED) return [];
  const count = pointers.length;
  return [
    mend({
      ...{ code, stage: 'copies', group: `copies ${code}`, findings: count },
      places: pointers.slice(0, 3).map(({ where }) => where),
      change:
        `copy guest data to the end of the file, ${sizeText(count * g.clusterSize)}, for ` +
        `${count === 1 ? `1 ${what}` : `${count} times a ${what}`}: the guest keeps what it reads now`,
      // All copies first: an entry may itself lie in a cluster that another one leads to.
      make: (bench) => {
        const places = pointers.map((pointer) => copy(bench, pointer));
        for (const [i, pointer] of pointers.entries()) lead(bench, pointer, places[i] as number);
      },
    }),
  ];
}

/** Answers where the copy begins, at a sector. */
function copy(bench: Workbench, { offset, length }: Pointer): number {
  const skip = offset % 512;
  const bytes = readBytes(bench.device, offset - skip, skip + length);
  const at = bench.append(bytes.length);
  bench.device.write(at, bytes, 'guest data');
  bench.touch(offset, length);
  return at;
}

function lead(bench: Workbench, { where, offset, isCompressed }: Pointer, at: number): void {
  const skip = offset % 512;
  const [hi, lo] = halvesOf(at);
  const { mask } = L2Entry;
  // What of a compressed entry is not the offset stays: flags and how many sectors there are.
  const offsetHi = isCompressed ? 2 ** (38 - bench.patient.g.clusterBits) - 1 : mask.offset.hi;
  bench.change(where.offset, `repair ${where.path}`, (oldHi, oldLo) => [
    (oldHi & ~offsetHi) | hi,
    isCompressed ? lo + skip : (oldLo & ~mask.offset.lo) | lo,
  ]);
}

interface Pointers {
  readonly taken: readonly Pointer[];
  readonly crowded: readonly Pointer[];
  readonly held: ClusterBitmap;
}

/** All L2 entries, of the image and of snapshots, that lead to one of the clusters. */
function* pointersTo(patient: Patient, taken: ClusterBitmap, crowded: ClusterBitmap): Generator<Progress, Pointers> {
  const { claims, l1, g, device, ownership } = patient;
  const found = { taken: [] as Pointer[], crowded: [] as Pointer[], held: new ClusterBitmap() };
  const reader = new L2Reader(claims);
  let done = 0;
  for (const piece of l2Pieces(claims, l1)) {
    const words = reader.read(piece);
    for (let o = 0; o < words.length; o += g.l2EntrySize / 4) {
      const hi = words[o + 1] as number;
      const { offset, length } = hostRange(claims, hi, words[o] as number);
      if (length === 0 || offset + length - device.size >= g.clusterSize) continue;
      const isCompressed = (hi & L2Entry.mask.compressed.hi) !== 0;
      // An offset that is not aligned is mended on its own.
      if (!isCompressed && offset % g.clusterSize !== 0) continue;
      const first = Math.floor(offset / g.clusterSize);
      const last = Math.floor((offset + length - 1) / g.clusterSize);
      const leads = (to: ClusterBitmap): boolean => to.has(first) || to.has(last);
      const list = leads(taken) ? found.taken : leads(crowded) ? found.crowded : undefined;
      if (!list || list.length * g.clusterSize > MOST_COPIED) continue;
      // Where the header is taken for a table, nothing is guest data.
      if (list === found.taken && piece.table >= g.clusterSize) found.held.setRun(first, last - first + 1);
      // A table that stands where other metadata does has to move first.
      if (piece.table % g.clusterSize !== 0 || ownership.of(piece.table / g.clusterSize).length > 1) continue;
      const times = piece.active + piece.inactive;
      list.push({ where: whereOfEntry(claims, l1, piece, 4 * o), times, offset, length, isCompressed });
    }
    yield { what: 'owners', done: ++done, total: Math.max(done, l1.activeEntries) };
  }
  return found;
}

/** Those that come when a cluster's refcount is full; none of tables that are themselves used too often for it. */
function surplusOf({ claims, g }: Patient, pointers: readonly Pointer[]): Pointer[] {
  const used = new Map<number, number>();
  return pointers.filter(({ offset, times }) => {
    const cluster = Math.floor(offset / g.clusterSize);
    const sum = (used.get(cluster) ?? 0) + times;
    if (sum > claims.counts.limit) return times <= claims.counts.limit;
    used.set(cluster, sum);
    return false;
  });
}

/** L2 tables, and the L1 table, that stand where other metadata does. */
function moved(patient: Patient, taken: ClusterBitmap): readonly Mend[] {
  const { g, claims, l1, ownership } = patient;
  const mends: Mend[] = [];
  const places: { offset: number; table: number; where: Where }[] = [];
  const used = new Map<number, number>();
  for (const isActive of [true, false]) {
    for (const { words, count, offset } of isActive ? l1.activeBatches() : l1.inactiveBatches()) {
      for (let i = 0; i < count; i++) {
        const table = masked(L2Entry.mask.offset, words[2 * i + 1] as number, words[2 * i] as number);
        const cluster = table / g.clusterSize;
        if (table === 0 || !Number.isInteger(cluster) || places.length >= 1024) continue;
        const isTaken = taken.has(cluster) && ownership.of(cluster).length > 1;
        const isCrowded = claims.counts.overflowed.has(cluster);
        if (!(isTaken || isCrowded) || offset + 8 * i < g.clusterSize) continue;
        // A table that only tables refer to too often stays for as many as a refcount can hold.
        const times = (used.get(cluster) ?? 0) + 1;
        used.set(cluster, times);
        if (!isTaken && times <= claims.counts.limit) continue;
        places.push({ offset: offset + 8 * i, table, where: l1.whereOf(offset + 8 * i, isActive) });
      }
    }
  }
  if (places.length > 0) {
    mends.push(
      mend({
        ...{ code: 'overlap', stage: 'tables', group: 'tables moved', places: places.slice(0, 3).map((p) => p.where) },
        findings: places.length,
        // The L1 table is guest data too: what is changed in it, the guest sees.
        ...(places.some((place) => isContested(patient, place.offset)) && {
          isSafe: false,
          guest: [{ offset: 0, length: g.size }],
          guestReads: 'the tables as they are then, where it reads tables now',
        }),
        change: `copy ${places.length === 1 ? 'an L2 table' : `${places.length} L2 tables`} whose place is not theirs alone, to the end of the file`,
        make: (bench) => {
          for (const { offset, table, where } of places) moveTable(bench, offset, table, where);
        },
      }),
    );
  }
  mends.push(...snapshotL1s(patient));
  const l1Taken = anyOf(taken, g.l1Offset, g.l1Entries * 8, g.clusterSize);
  if (
    l1Taken !== undefined &&
    places.length === 0 &&
    ownership.of(l1Taken).length > 1 &&
    g.l1Offset < claims.device.size
  ) {
    mends.push(
      mend({
        ...{ code: 'overlap', stage: 'tables', group: 'l1 moved' },
        places: [l1.activeTable.pointer],
        change: 'copy the L1 table, which other metadata overlaps, to the end of the file',
        make: (bench) => moveL1(bench),
      }),
    );
  }
  return mends;
}

/** An L1 table that is said to be longer than the disk needs, and reaches into what is something else. */
function shorterL1({ g, taken, image, l1 }: Patient): readonly Mend[] {
  const needed = l1EntriesFor(g);
  const end = Math.ceil((g.l1Offset + needed * 8) / g.clusterSize) * g.clusterSize;
  const surplus = g.l1Offset + g.l1Entries * 8 - end;
  // Entries behind the disk's hold VM state, which snapshots use.
  if (surplus <= 0 || image.snapshots.length > 0 || g.l1Offset < g.clusterSize) return [];
  if (anyOf(taken, end, surplus, g.clusterSize) === undefined) return [];
  return [
    mend({
      ...{ code: 'overlap', stage: 'header', group: 'l1 shorter', places: [l1.activeTable.pointer] },
      change: `set l1_size to ${needed}, which is what the disk needs: the rest is something else`,
      make: ({ device }) => {
        const bytes = new Uint8Array(4);
        new DataView(bytes.buffer).setUint32(0, needed);
        device.write(HeaderV2.at.l1_size, bytes, 'header');
      },
    }),
  ];
}

/** L1 tables of snapshots that stand where other metadata does: copied, but for one that would be the header. */
function snapshotL1s(patient: Patient): readonly Mend[] {
  const { g, l1, taken, ownership, device } = patient;
  return l1.snapshotTables.flatMap(({ offset, entries, pointer }) => {
    const at = anyOf(taken, offset, entries * 8, g.clusterSize);
    if (at === undefined || offset < g.clusterSize || offset >= device.size || ownership.of(at).length < 2) return [];
    return [
      mend({
        ...{ code: 'overlap', stage: 'tables', group: `${pointer.path}`, places: [pointer] },
        change: `copy the L1 table of ${pointer.path?.split('.')[0]}, which other metadata overlaps, to the end of the file`,
        make: (bench) => {
          const to = bench.append(entries * 8);
          bench.device.write(to, readBytes(bench.device, offset, entries * 8), 'snapshot l1 table');
          bench.release(offset, entries * 8);
          bench.change(pointer.offset, `repair ${pointer.path}`, () => halvesOf(to));
        },
      }),
    ];
  });
}

function moveTable(bench: Workbench, offset: number, table: number, where: Where): void {
  const { clusterSize } = bench.patient.g;
  const at = bench.append(clusterSize);
  bench.device.write(at, readBytes(bench.device, table, clusterSize), 'l2 table');
  bench.touch(table, clusterSize);
  const [hi, lo] = halvesOf(at);
  const { mask } = L2Entry;
  bench.change(offset, `repair ${where.path}`, (oldHi, oldLo) => [
    (oldHi & ~mask.offset.hi) | hi,
    (oldLo & ~mask.offset.lo) | lo,
  ]);
}

function moveL1(bench: Workbench): void {
  const { l1Offset, l1Entries } = bench.patient.g;
  const at = bench.append(l1Entries * 8);
  bench.device.write(at, readBytes(bench.device, l1Offset, l1Entries * 8), 'l1 table');
  bench.release(l1Offset, l1Entries * 8);
  const header = readBytes(bench.device, 0, HeaderV2.size);
  patch(HeaderV2, header, { l1_table_offset: at });
  const { l1_table_offset: from, refcount_table_offset: to } = HeaderV2.at;
  bench.device.write(from, header.subarray(from, to), 'header');
}

function isStructureTaken({ g, claims }: Patient, taken: ClusterBitmap): boolean {
  if (anyOf(taken, g.refcountTableOffset, g.refcountTableClusters * g.clusterSize, g.clusterSize) !== undefined)
    return true;
  for (const at of bitsOf(taken)) if (claims.refcountBlocks.has(at)) return true;
  return false;
}

/** A cluster of the byte range that the bitmap has. */
function anyOf(bitmap: ClusterBitmap, offset: number, length: number, clusterSize: number): number | undefined {
  const at = bitmap.nextSet(Math.floor(offset / clusterSize));
  return at >= 0 && at * clusterSize < offset + length ? at : undefined;
}

function* bitsOf(bitmap: ClusterBitmap): Generator<number> {
  for (let at = bitmap.nextSet(0); at >= 0; at = bitmap.nextSet(at + 1)) yield at;
}
