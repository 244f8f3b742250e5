/**
 * qcow2's snapshot table: `nb_snapshots` entries of variable length, each on a multiple of 8 bytes.
 *
 *  1. Reading stops where the file ends: entries behind it are counted, not made up.
 *  2. At most 65,536 entries and 64 MiB are read, QEMU's own limits.
 *  3. Where an entry's L1 table lies is not checked here: QEMU does not at open; `check` does.
 */
import { roundUp } from '../../bytes/size.ts';
import { decode } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { ImageError } from '../../errors.ts';
import type { SnapshotInfo } from '../driver.ts';
import { type Header, low32 } from './header.ts';
import { LIMITS, SnapshotEntry, SnapshotExtra } from './layout.ts';

/** Sizes and offsets in bytes. */
export interface Snapshot extends SnapshotInfo {
  /** Position in the table, from 0. */
  readonly index: number;
  /** Where the entry stands in the file, and how long it is with its padding. */
  readonly offset: number;
  readonly length: number;
  readonly l1Offset: number;
  /** Its low half, exact: above 2^53 a double has lost the bits that say whether it is aligned. */
  readonly l1OffsetLow: number;
  readonly l1Entries: number;
  readonly extraDataSize: number;
  /** Bytes of the id and of the name, which stand behind the extra data. */
  readonly idSize: number;
  readonly nameSize: number;
  /** Instructions executed; absent when not recorded. */
  readonly icount?: number;
}

export interface SnapshotTable {
  readonly snapshots: readonly Snapshot[];
  /** Bytes from the table's start to the end of its last entry that the file holds. */
  readonly tableBytes: number;
  /** Entries that the header counts and the file ends before. */
  readonly missing: number;
}

/** Reads the snapshot table. Throws ImageError where QEMU refuses to open: extra data or a table too large. */
export function readSnapshots(device: Device, header: Header): SnapshotTable {
  const window = new Window(device, header.snapshots_offset);
  const snapshots: Snapshot[] = [];
  let offset = header.snapshots_offset;
  for (let index = 0; index < header.nb_snapshots && offset < device.size; index++) {
    const snapshot = readEntry(window, index, offset);
    offset += snapshot.length;
    if (offset - header.snapshots_offset > LIMITS.snapshotTable) throw tableTooLarge(header, index);
    snapshots.push(snapshot);
  }
  return {
    snapshots,
    tableBytes: offset - header.snapshots_offset,
    missing: header.nb_snapshots - snapshots.length,
  };
}

function readEntry(window: Window, index: number, offset: number): Snapshot {
  const entry = decode(SnapshotEntry, window.bytes(offset, SnapshotEntry.size));
  const extra = entry.extra_data_size;
  if (extra > LIMITS.snapshotExtra) {
    throw new ImageError({
      code: 'snapshot-extra-data-size-range',
      class: 'range',
      what: `qcow2 snapshot ${index}: extra_data_size is ${extra}, at most ${LIMITS.snapshotExtra} allowed`,
      where: {
        offset: offset + SnapshotEntry.at.extra_data_size,
        length: 4,
        path: `snapshot[${index}].extra_data_size`,
        spec: SnapshotEntry.spec,
      },
    });
  }
  const rest = extra + entry.id_str_size + entry.name_size;
  const bytes = window.bytes(offset, SnapshotEntry.size + rest);
  const known = decode(SnapshotExtra, bytes.subarray(0, SnapshotEntry.size + extra));
  const has = (field: keyof typeof SnapshotExtra.at): boolean =>
    SnapshotEntry.size + extra >= SnapshotExtra.at[field] + 8;
  const idAt = SnapshotEntry.size + extra;
  const text = (from: number, length: number): string => Buffer.from(bytes).toString('utf8', from, from + length);
  return {
    index,
    offset,
    length: roundUp(SnapshotEntry.size + rest, 8),
    l1Offset: entry.l1_table_offset,
    l1OffsetLow: low32(bytes, SnapshotEntry.at.l1_table_offset),
    l1Entries: entry.l1_size,
    extraDataSize: extra,
    idSize: entry.id_str_size,
    nameSize: entry.name_size,
    id: text(idAt, entry.id_str_size),
    name: text(idAt + entry.id_str_size, entry.name_size),
    vmStateSize: has('vm_state_size_large') ? known.vm_state_size_large : entry.vm_state_size,
    diskSize: has('disk_size') ? known.disk_size : undefined,
    icount: has('icount') ? known.icount : undefined,
    dateSeconds: entry.date_sec,
    dateNanoseconds: entry.date_nsec,
    vmClockNanoseconds: entry.vm_clock_nsec,
  };
}

function tableTooLarge(header: Header, index: number): ImageError {
  return new ImageError({
    code: 'snapshot-table-range',
    class: 'range',
    what: `qcow2 snapshot table: entry ${index} ends more than ${LIMITS.snapshotTable} bytes (64 MiB) behind the table's start`,
    where: { offset: header.snapshots_offset, length: SnapshotEntry.size, path: 'snapshots', spec: SnapshotEntry.spec },
  });
}

/** Largest piece read ahead; an entry is at most 40 + 1024 + 2 x 65535 bytes. */
const WINDOW = 256 * 1024;

/** A moving window over the table, so that small entries cost no read each. */
class Window {
  readonly #device: Device;
  #start: number;
  #held: Uint8Array = new Uint8Array(0);

  constructor(device: Device, start: number) {
    this.#device = device;
    this.#start = start;
  }

  /** `length` bytes from `offset` (at most WINDOW), zeros behind the end of the file. Valid until the next call. */
  bytes(offset: number, length: number): Uint8Array {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#held.length) {
      const inFile = Math.max(0, this.#device.size - offset);
      this.#held = readBytes(this.#device, offset, Math.max(length, Math.min(WINDOW, inFile)));
      this.#start = offset;
    }
    return this.#held.subarray(offset - this.#start, offset - this.#start + length);
  }
}
