/**
 * L1 entries that are gone: L2 tables that nothing leads to, and the entries that lead nowhere. A snapshot's L1 table is the
 * best witness; then what the tables' clusters hold.
 */
import type { Progress } from '../../../bytes/progress.ts';
import { hex } from '../../../bytes/size.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { place } from '../../../evidence/place.ts';
import type { Placement, Puzzle } from '../../../evidence/puzzle.ts';
import type { Proposal } from '../../rescue.ts';
import { l1State } from '../entry.ts';
import { bytesPerL2, l1EntriesFor } from '../geometry.ts';
import { ImageDisk, type Orphan, refcountOf, type Scene } from './scene.ts';

/** Tables compared with those of snapshots, entry by entry. */
const COMPARED = 64;

export interface LostL1 {
  readonly proposals: readonly Proposal[];
  readonly notes: readonly string[];
  /** The L1 table as it would be with all of them, from its first byte. */
  readonly table: Uint8Array | undefined;
}

export function* findLostL1(scene: Scene): Generator<Progress, LostL1> {
  const { image, device, orphans } = scene;
  const { geometry: g } = image;
  const { free, faulty } = freeEntries(scene);
  const shared = yield* sharedTables(scene, free);
  if (orphans.length === 0 && shared.length === 0 && faulty.length === 0) {
    return { proposals: [], notes: [], table: undefined };
  }
  const span = bytesPerL2(g);
  const known = [...shared, ...copiedTables(scene, free)];
  const taken = new Set(known.map(({ index }) => index));
  const placedHosts = new Set(known.map(({ host }) => host));
  const pieces = orphans.filter(({ host }) => !placedHosts.has(host));
  const puzzle: Puzzle = {
    device,
    clusterSize: g.clusterSize,
    span,
    bases: free.filter((index) => !taken.has(index)).map((index) => index * span),
    pieces,
    disk: new ImageDisk(image),
    order: { pairs: 0, ascending: 0 },
    zerosElsewhere: image.backing === undefined,
    noun: 'L2 table',
  };
  const { placements, found, left } =
    pieces.length === 0 ? { placements: [], found: [], left: [] } : yield* place(puzzle);
  const all = [
    ...known,
    ...placements.map((one) => ({ ...witness(one), index: one.base / span, host: (pieces[one.piece] as Orphan).host })),
  ];
  const table = readBytes(device, g.l1Offset, g.l1Entries * 8);
  const clear = faulty.length > 0 ? [clearing(scene, table, faulty)] : [];
  const placed = all.sort((a, b) => a.index - b.index).map((one): Proposal => proposalOf(scene, table, one, span));
  const proposals = [...clear, ...placed];
  const notes = left.map(
    (piece) => `the L2 table at ${hex((pieces[piece] as Orphan).host)} fits no free entry of the L1 table`,
  );
  if (found.length > 0) notes.push(`file systems seen: ${found.join(', ')}`);
  return { proposals, notes, table };
}

interface KnownEntry {
  readonly index: number;
  readonly host: number;
  readonly confidence: 'high' | 'low';
  readonly evidence: readonly string[];
  readonly alternatives: readonly number[];
}

function witness({
  confidence,
  evidence,
  alternatives,
}: Placement): Pick<KnownEntry, 'confidence' | 'evidence' | 'alternatives'> {
  return { confidence, evidence, alternatives };
}

function proposalOf({ device, isCounted, image }: Scene, table: Uint8Array, entry: KnownEntry, span: number): Proposal {
  const { geometry: g } = image;
  const { index, host, confidence, evidence, alternatives } = entry;
  const isCopied = !isCounted || refcountOf(device, g, host) === 1;
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(host / 2 ** 32) + (isCopied ? 2 ** 31 : 0));
  view.setUint32(4, host % 2 ** 32);
  table.set(bytes, index * 8);
  return {
    part: 'l1',
    what: `l1[${index}]: the L2 table at ${hex(host)}`,
    host,
    guest: index * span,
    length: Math.max(0, Math.min(span, g.size - index * span)),
    confidence,
    evidence,
    alternatives: alternatives.map((base) => `l1[${base / span}]`),
    needs: [],
    *apply(to: Device) {
      yield { what: 'l1', done: index, total: g.l1Entries };
      to.write(g.l1Offset + index * 8, bytes, `l1[${index}]`);
    },
  };
}

/** Entries that break a rule are emptied: what they led to is what the others find again. */
function clearing({ image }: Scene, table: Uint8Array, faulty: readonly number[]): Proposal {
  const { geometry: g } = image;
  for (const index of faulty) table.fill(0, index * 8, index * 8 + 8);
  const first = faulty[0] as number;
  return {
    part: 'l1',
    what:
      faulty.length === 1
        ? `l1[${first}] is cleared`
        : `${faulty.length} entries of the L1 table are cleared, from l1[${first}]`,
    host: g.l1Offset + first * 8,
    confidence: 'high',
    evidence: ['they break the rules of an entry, and lead to no table'],
    alternatives: [],
    needs: [],
    *apply(to: Device) {
      const now = readBytes(to, g.l1Offset, g.l1Entries * 8);
      for (const index of faulty) now.fill(0, index * 8, index * 8 + 8);
      yield { what: 'l1', done: 0, total: g.l1Entries };
      to.write(g.l1Offset, now, 'l1 table');
    },
  };
}

/** Entries of the disk that lead nowhere, and of all entries those that break a rule. */
function freeEntries({ image, device, rules }: Scene): { free: number[]; faulty: number[] } {
  const { geometry: g } = image;
  const ofDisk = l1EntriesFor(g);
  const table = new DataView(readBytes(device, g.l1Offset, g.l1Entries * 8).buffer);
  const free: number[] = [];
  const faulty: number[] = [];
  for (let index = 0; index < g.l1Entries; index++) {
    const { offset, fault } = l1State(g, rules.fileSize, table.getInt32(index * 8), table.getInt32(index * 8 + 4));
    if (fault !== undefined) faulty.push(index);
    if (index < ofDisk && (offset === 0 || fault !== undefined)) free.push(index);
  }
  return { free, faulty };
}

/** L1 tables of snapshots: index to L2 table, for the free entries. */
function* snapshotTables(
  { image, device }: Scene,
  free: readonly number[],
): Generator<{ index: number; host: number; name: string }> {
  const { geometry: g } = image;
  for (const { l1Offset, l1Entries, name } of image.snapshots) {
    const table = new DataView(readBytes(device, l1Offset, Math.min(l1Entries, g.l1Entries) * 8).buffer);
    for (const index of free) {
      if ((index + 1) * 8 > table.byteLength) continue;
      const { offset, fault } = l1State(g, device.size, table.getInt32(index * 8), table.getInt32(index * 8 + 4));
      if (offset > 0 && fault === undefined) yield { index, host: offset, name };
    }
  }
}

/** Tables that snapshots lead to and that are counted once more than that: the disk leads there too. */
function* sharedTables(scene: Scene, free: readonly number[]): Generator<Progress, KnownEntry[]> {
  const { image, device, isCounted } = scene;
  if (!isCounted || image.snapshots.length === 0) return [];
  const references = new Map<number, { count: number; index: number; name: string }>();
  for (const { index, host, name } of snapshotTables(scene, free)) {
    const seen = references.get(host);
    references.set(host, { count: (seen?.count ?? 0) + 1, index, name });
  }
  yield { what: 'snapshots', done: references.size, total: references.size };
  return [...references].flatMap(([host, { count, index, name }]): KnownEntry[] => {
    const counted = refcountOf(device, image.geometry, host);
    if (counted <= count) return [];
    const evidence = [
      `snapshot '${name}' has the table at the same index, and its refcount is ${counted}: one more than the snapshots account for`,
    ];
    return [{ index, host, confidence: 'high', evidence, alternatives: [] }];
  });
}

/** Tables copied from a snapshot's when the guest wrote on: most entries are the same still. */
function copiedTables(scene: Scene, free: readonly number[]): KnownEntry[] {
  const { device, orphans, image } = scene;
  if (image.snapshots.length === 0 || orphans.length === 0) return [];
  const { clusterSize, l2EntrySize } = image.geometry;
  const best = new Map<number, { index: number; same: number; name: string }>();
  for (const { index, host, name } of snapshotTables(scene, free)) {
    const theirs = new DataView(readBytes(device, host, clusterSize).buffer);
    for (const orphan of orphans) {
      let same = 0;
      const step = Math.max(1, Math.floor(orphan.slots.length / COMPARED));
      for (let i = 0; i < orphan.slots.length; i += step) {
        const at = (orphan.slots[i] as number) * l2EntrySize;
        const its = (theirs.getUint32(at) & 0x00ff_ffff) * 2 ** 32 + ((theirs.getUint32(at + 4) & ~511) >>> 0);
        if (its === orphan.hosts[i]) same++;
      }
      if (same > (best.get(orphan.host)?.same ?? 0)) best.set(orphan.host, { index, same, name });
    }
  }
  const taken = new Set<number>();
  return [...best].flatMap(([host, { index, same, name }]): KnownEntry[] => {
    if (taken.has(index)) return [];
    taken.add(index);
    const evidence = [
      `shares ${same === 1 ? 'a cluster' : `${same} clusters`} with snapshot '${name}' at the same entries`,
    ];
    return [{ index, host, confidence: 'high', evidence, alternatives: [] }];
  });
}
