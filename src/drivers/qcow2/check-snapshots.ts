/**
 * Rules of the snapshot table's entries. What they point to is walked with the L1 tables.
 */
import { hex } from '../../bytes/size.ts';
import type { FaultClass, Where } from '../../errors.ts';
import type { FindingLog } from '../finding.ts';
import type { L1Table } from './check-l1.ts';
import type { Header } from './header.ts';
import { HeaderV2, LIMITS, SnapshotEntry } from './layout.ts';
import type { Snapshot, SnapshotTable } from './snapshots.ts';

/** Bytes of extra data that version 3 requires: VM state size and disk size. */
const REQUIRED_EXTRA = 16;

/** Bytes of the table: entries behind the end of the file read as zeros, and count with their fixed part as in QEMU. */
export function snapshotTableBytes(table: SnapshotTable): number {
  return table.tableBytes + table.missing * SnapshotEntry.size;
}

/** Checks the entries; answers the L1 tables that can be walked. */
export function checkSnapshots(log: FindingLog, header: Header, table: SnapshotTable, clusterSize: number): L1Table[] {
  if (header.version >= 3) checkExtraData(log, header, table);
  if (header.incompatible_features.data_file && header.nb_snapshots > 0) {
    add(log, 'snapshots-with-data-file', 'consistency', whereCount(), {
      what: `nb_snapshots is ${header.nb_snapshots}, expected 0 in an image with an external data file`,
      means: 'an external file has no room for what a snapshot kept: the snapshots read as the disk is now',
    });
  }
  return table.snapshots
    .filter((snapshot) => l1IsSane(log, snapshot, clusterSize))
    .map(({ index, offset, l1Offset, l1Entries }) => ({
      offset: l1Offset,
      entries: l1Entries,
      prefix: `snapshot[${index}].`,
      pointer: whereField(index, offset, 'l1_table_offset', 8),
    }));
}

function checkExtraData(log: FindingLog, header: Header, table: SnapshotTable): void {
  for (const { index, offset, extraDataSize } of table.snapshots) {
    if (extraDataSize >= REQUIRED_EXTRA) continue;
    add(log, 'snapshot-incomplete', 'consistency', whereField(index, offset, 'extra_data_size', 4), {
      what: `snapshot ${index}: extra_data_size is ${extraDataSize}, at least ${REQUIRED_EXTRA} required in version 3`,
      means: 'the sizes of its disk and VM state are not recorded',
    });
  }
  if (table.missing === 0) return;
  add(log, 'snapshots-missing', 'consistency', whereCount(), {
    what: `nb_snapshots is ${header.nb_snapshots}, but the file ends behind ${table.snapshots.length} of them`,
    means: 'what the missing snapshots held is lost, and what they used looks leaked',
    qemuCount: table.missing,
  });
}

function l1IsSane(log: FindingLog, snapshot: Snapshot, clusterSize: number): boolean {
  const { index, offset, l1Offset, l1OffsetLow, l1Entries } = snapshot;
  if (l1OffsetLow % clusterSize !== 0) {
    add(log, 'snapshot-l1-align', 'align', whereField(index, offset, 'l1_table_offset', 8), {
      what: `snapshot ${index}: l1_table_offset is ${hex(l1Offset)}, a multiple of the cluster size (${hex(clusterSize)}) required`,
      means: 'the snapshot cannot be read, and what it uses looks free',
    });
    return false;
  }
  if (l1Entries > LIMITS.l1Entries) {
    add(log, 'snapshot-l1-range', 'range', whereField(index, offset, 'l1_size', 4), {
      what: `snapshot ${index}: l1_size is ${l1Entries}, at most ${LIMITS.l1Entries} entries allowed`,
      means: 'the snapshot cannot be read, and what it uses looks free',
    });
    return false;
  }
  return true;
}

function add(
  log: FindingLog,
  code: string,
  faultClass: FaultClass,
  where: Where,
  rest: { what: string; means: string; qemuCount?: number },
): void {
  log.add({ code, severity: 'corruption', class: faultClass, where, ...rest });
}

function whereField(index: number, offset: number, field: keyof typeof SnapshotEntry.at, length: number): Where {
  return {
    offset: offset + SnapshotEntry.at[field],
    length,
    path: `snapshot[${index}].${field}`,
    spec: SnapshotEntry.spec,
  };
}

function whereCount(): Where {
  return { offset: HeaderV2.at.nb_snapshots, length: 4, path: 'header.nb_snapshots', spec: HeaderV2.spec };
}
