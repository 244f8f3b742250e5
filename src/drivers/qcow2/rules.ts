/**
 * qcow2's rules, all of them, in the order of qemu-img check: what each part of the image claims is counted, then
 * compared with the refcounts in the file, then the COPIED flags are held against those. Counters come out as QEMU's;
 * findings that QEMU does not make have `qemuCount` 0.
 *
 * The parts, each a walk of its own: check-header, check-snapshots, check-l1, check-l2 (with check-l2-entry: the
 * rules of one entry), check-bitmaps, check-refcounts, check-owners, check-copied. They share check-claims.
 *
 * Invariants:
 *  1. Nothing stops the check: whatever one structure holds, the others are still looked at.
 *  2. Every byte of the file is read a fixed number of times, however often it is claimed as a table.
 */
import type { Progress } from '../../bytes/progress.ts';
import { decode } from '../../bytes/struct.ts';
import type { Device } from '../../device/device.ts';
import { type CheckReport, FindingLog } from '../finding.ts';
import type { Bitmaps } from './bitmaps.ts';
import { countBitmaps } from './check-bitmaps.ts';
import { Claims } from './check-claims.ts';
import { checkCopied, copiedMayBeWrong } from './check-copied.ts';
import { checkHeader } from './check-header.ts';
import { type L1Table, L1Tables } from './check-l1.ts';
import { countL2Tables } from './check-l2.ts';
import { findOverlaps, Ownership } from './check-owners.ts';
import { RefcountTable } from './check-refcount-table.ts';
import { compareRefcounts, countRefcountBlocks, type Mismatch } from './check-refcounts.ts';
import { findReferences } from './check-references.ts';
import { checkSnapshots, snapshotTableBytes } from './check-snapshots.ts';
import { extensionOf } from './extensions.ts';
import type { Geometry } from './geometry.ts';
import { type Header, whereField } from './header.ts';
import { CryptoExtension, EXTENSION, type HeaderV2 } from './layout.ts';
import type { SnapshotTable } from './snapshots.ts';

/** An open image, as far as check needs it; Qcow2Image is one. */
export interface Checkable {
  readonly device: Device;
  readonly header: Header;
  readonly geometry: Geometry;
  readonly snapshotTable: SnapshotTable;
  readonly bitmapTable: Bitmaps;
}

/** What a check has seen: its report, and what it counted, for who mends what is wrong. */
export interface Examined {
  readonly report: CheckReport;
  readonly claims: Claims;
  readonly l1: L1Tables;
  readonly table: RefcountTable;
  readonly ownership: Ownership;
}

/** Runs every rule of the format over the whole image. Throws ImageError only when the device cannot be read. */
export function* checkQcow2(image: Checkable): Generator<Progress, CheckReport> {
  return (yield* examineQcow2(image)).report;
}

/** The same, and answers what was counted. `tell`: called with each run of clusters whose refcount is wrong. */
export function* examineQcow2(image: Checkable, tell?: (run: Mismatch) => void): Generator<Progress, Examined> {
  const { device, header, geometry: g } = image;
  const log = new FindingLog();
  const claims = new Claims(device, g, log);
  checkHeader(log, header);
  const pointer = whereField('l1_table_offset');
  const active: L1Table = { offset: g.l1Offset, entries: g.l1Entries, prefix: '', pointer };
  const l1 = new L1Tables(claims, active, checkSnapshots(log, header, image.snapshotTable, g.clusterSize));
  claimTables(claims, image, l1);
  l1.count();
  const l2 = yield* countL2Tables(claims, l1);
  countBitmaps(claims, image.bitmapTable);
  const table = new RefcountTable(device, g);
  countRefcountBlocks(claims, table);
  const ownership = new Ownership(claims, l1);
  const compared = yield* compareRefcounts(claims, table, ownership, tell);
  findOverlaps(claims, l1, ownership, table);
  if (copiedMayBeWrong(claims, l1, l2, compared.allEqual)) yield* checkCopied(claims, l1, table);
  yield* findReferences(claims, l1, table, image.bitmapTable);
  const shared = claims.counts.shared().next().value;
  const report = {
    findings: log.findings,
    findingCount: log.findingCount,
    corruptions: log.corruptions,
    leaks: log.leaks,
    checkErrors: log.checkErrors,
    unnoticedByQemu: log.unnoticedByQemu,
    unnoticedLeaks: log.unnoticedLeaks,
    imageEndOffset: (compared.highest + 1) * g.clusterSize,
    totalClusters: Math.ceil(g.size / g.clusterSize),
    allocatedClusters: l2.allocatedClusters,
    fragmentedClusters: l2.fragmentedClusters,
    compressedClusters: l2.compressedClusters,
    ...(typeof shared === 'number' && { firstShared: shared * g.clusterSize }),
    freeBytes: compared.freeBytes,
    leakedBytes: compared.leakedBytes,
    tailBytes: Math.max(0, device.size - (claims.counts.highest() + 1) * g.clusterSize),
  };
  return { report, claims, l1, table, ownership };
}

/** The tables that the header and the snapshot table place: all metadata but L2 tables, refcount blocks and bitmaps. */
function claimTables(claims: Claims, { header, geometry: g, snapshotTable }: Checkable, l1: L1Tables): void {
  const field = (name: keyof typeof HeaderV2.at) => () => whereField(name);
  claims.claimTable(0, g.clusterSize, 'the header', field('magic'));
  claims.claimTable(g.l1Offset, g.l1Entries * 8, 'the active L1 table', field('l1_table_offset'));
  for (const { offset, entries, prefix, pointer } of l1.snapshotTables) {
    claims.claimTable(offset, entries * 8, `the L1 table of ${prefix.slice(0, -1)}`, () => pointer);
  }
  const snapshotBytes = snapshotTableBytes(snapshotTable);
  claims.claimTable(header.snapshots_offset, snapshotBytes, 'the snapshot table', field('snapshots_offset'));
  const tableBytes = g.refcountTableClusters * g.clusterSize;
  claims.claimTable(g.refcountTableOffset, tableBytes, 'the refcount table', field('refcount_table_offset'));
  const crypto = extensionOf(header.extensions, EXTENSION.crypto_header);
  if (!crypto) return;
  const { offset, length } = decode(CryptoExtension, crypto.data);
  claims.claimTable(offset, length, 'the LUKS header', () => ({
    offset: crypto.offset,
    length: 8 + crypto.length,
    path: 'crypto_extension',
    spec: CryptoExtension.spec,
  }));
}
