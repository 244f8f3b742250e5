/**
 * Mends of the snapshot table. Entries differ in length, so the table is written anew at the end of the file whenever
 * one of them changes or goes; the header leads to it in one write.
 */
import { roundUp } from '../../../bytes/size.ts';
import { patch } from '../../../bytes/struct.ts';
import { readBytes } from '../../../device/device.ts';
import type { Finding } from '../../finding.ts';
import { HeaderV2, SnapshotEntry, SnapshotExtra } from '../layout.ts';
import type { Snapshot } from '../snapshots.ts';
import { type Mend, mend, type Patient, type Workbench } from './work.ts';

/** Bytes of extra data that version 3 requires. */
const REQUIRED_EXTRA = 16;

export function snapshotMends(finding: Finding, patient: Patient): readonly Mend[] {
  const { snapshots } = patient.image;
  const about = { code: finding.code, places: [finding.where], stage: 'tables' } as const;
  const [, index, field] = /^snapshot\[(\d+)\]\.(\w+)$/.exec(finding.where.path ?? '') ?? [];
  const snapshot = index === undefined ? undefined : snapshots[Number(index)];
  switch (finding.code) {
    case 'snapshot-incomplete':
      return [
        mend({
          ...about,
          group: finding.code,
          change:
            'record the sizes of VM state and disk in the snapshot table, which is written anew at the end of the file',
          make: (bench) =>
            rewrite(
              bench,
              snapshots.map((one) => withSizes(bench, one)),
            ),
        }),
      ];
    case 'snapshots-missing':
      return [
        mend({
          ...{ ...about, group: finding.code, isSafe: false },
          change: `set nb_snapshots to ${snapshots.length}, the entries that the file has`,
          loses: 'how many snapshots there were, should the file be longer elsewhere',
          make: (bench) => place(bench, snapshots.length, patient.image.header.snapshots_offset),
        }),
      ];
    case 'snapshots-with-data-file':
      return [
        mend({
          ...{ ...about, group: finding.code, isSafe: false },
          change: 'take all snapshots out of the header',
          loses: `${snapshots.length} snapshots, which an image with an external data file cannot have`,
          make: (bench) => {
            bench.release(patient.image.header.snapshots_offset, patient.image.snapshotTable.tableBytes);
            place(bench, 0, 0);
          },
        }),
      ];
    case 'past-end-of-file':
    case 'snapshot-l1-align':
    case 'snapshot-l1-range':
      return snapshot && (field === 'l1_table_offset' || field === 'l1_size')
        ? [dropped(about, snapshot, patient)]
        : [];
    default:
      return [];
  }
}

/** Snapshots whose L1 table would be the header. */
export function headerSnapshots(patient: Patient): readonly Mend[] {
  const { g, image } = patient;
  return patient.l1.snapshotTables.flatMap(({ offset, entries, pointer }) => {
    const snapshot = image.snapshots[Number(/\[(\d+)\]/.exec(pointer.path ?? '')?.[1])];
    if (!snapshot || offset >= g.clusterSize || entries === 0) return [];
    return [dropped({ code: 'overlap', places: [pointer], stage: 'tables' }, snapshot, patient)];
  });
}

function dropped(
  about: Pick<Mend, 'code' | 'places' | 'stage'>,
  snapshot: Snapshot,
  { image: { snapshots } }: Patient,
): Mend {
  return mend({
    ...{ ...about, group: `snapshot ${snapshot.index}`, isSafe: false },
    change: `take snapshot ${snapshot.index} out of the snapshot table, which is written anew at the end of the file`,
    loses: `snapshot '${snapshot.name}' (id ${snapshot.id}), whose L1 table cannot be read; what it used is leaked then`,
    make: (bench) =>
      rewrite(
        bench,
        snapshots.filter(({ index }) => index !== snapshot.index).map((one) => rawEntry(bench, one)),
      ),
  });
}

function rawEntry({ device }: Workbench, { offset, length }: Snapshot): Uint8Array {
  return readBytes(device, offset, length);
}

/** The entry with the extra data that version 3 requires; what it has of it stays. */
function withSizes(bench: Workbench, snapshot: Snapshot): Uint8Array {
  const old = rawEntry(bench, snapshot);
  if (snapshot.extraDataSize >= REQUIRED_EXTRA) return old;
  const names = old.subarray(SnapshotEntry.size + snapshot.extraDataSize);
  const bytes = new Uint8Array(roundUp(SnapshotEntry.size + REQUIRED_EXTRA + snapshot.idSize + snapshot.nameSize, 8));
  bytes.set(old.subarray(0, SnapshotEntry.size));
  patch(SnapshotEntry, bytes, { extra_data_size: REQUIRED_EXTRA });
  const disk_size = snapshot.diskSize ?? bench.patient.g.size;
  patch(SnapshotExtra, bytes, { vm_state_size_large: snapshot.vmStateSize, disk_size });
  bytes.set(names.subarray(0, snapshot.idSize + snapshot.nameSize), SnapshotEntry.size + REQUIRED_EXTRA);
  return bytes;
}

/** A snapshot table of these entries at the end of the file. */
function rewrite(bench: Workbench, entries: readonly Uint8Array[]): void {
  const { header, snapshotTable } = bench.patient.image;
  const table = Buffer.concat(entries);
  bench.release(header.snapshots_offset, snapshotTable.tableBytes);
  if (table.length === 0) {
    place(bench, 0, 0);
    return;
  }
  const at = bench.append(table.length);
  bench.device.write(at, table, 'snapshot table');
  bench.touch(at, table.length);
  place(bench, entries.length, at);
}

function place({ device }: Workbench, count: number, offset: number): void {
  const header = readBytes(device, 0, HeaderV2.size);
  patch(HeaderV2, header, { nb_snapshots: count, snapshots_offset: offset });
  device.write(HeaderV2.at.nb_snapshots, header.subarray(HeaderV2.at.nb_snapshots), 'header');
}
