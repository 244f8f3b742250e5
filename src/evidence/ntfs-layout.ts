/** NTFS on disk, as far as placing clusters needs it: boot sector, file records, attributes and their runs. */
import { bytes, decode, struct, u8, u16, u32, u64 } from '../bytes/struct.ts';

export const Boot = struct(
  'ntfs.boot',
  { spec: 'NTFS: boot sector', endian: 'little' },
  {
    jump: bytes(3),
    oem: bytes(8),
    sector_bytes: u16(),
    cluster_sectors: u8(),
    unused: bytes(14),
    hidden_sectors: u32(),
    unused2: bytes(8),
    total_sectors: u64(),
    mft_cluster: u64(),
    mirror_cluster: u64(),
    record_clusters: u8(),
    unused3: bytes(3),
    index_clusters: u8(),
  },
);

export const FileRecord = struct(
  'ntfs.file_record',
  { spec: 'NTFS: FILE record', endian: 'little' },
  {
    magic: bytes(4),
    fixup_offset: u16(),
    fixup_count: u16(),
    lsn: u64(),
    sequence: u16(),
    links: u16(),
    attributes_offset: u16(),
    flags: u16(),
    used_bytes: u32(),
    allocated_bytes: u32(),
    base: u64(),
    next_attribute: u16(),
    reserved: u16(),
    number: u32(),
  },
);

export interface NtfsShape {
  readonly clusterBytes: number;
  readonly clusters: number;
  readonly length: number;
  readonly mft: number;
  readonly mirror: number;
  readonly recordBytes: number;
  readonly indexBytes: number;
  /** Bytes before the partition, as the boot sector has it; 0 where it was not told. */
  readonly hidden: number;
}

/** A signed size: clusters, or where negative the power of two of bytes. */
function sizeOf(value: number, clusterBytes: number): number {
  return value < 128 ? value * clusterBytes : 2 ** (256 - value);
}

export function ntfsShape(sector: Uint8Array): NtfsShape | undefined {
  if (sector[3] !== 0x4e || Buffer.from(sector.subarray(3, 11)).toString('latin1') !== 'NTFS    ') return undefined;
  const boot = decode(Boot, sector);
  const perCluster = boot.cluster_sectors > 128 ? 2 ** (256 - boot.cluster_sectors) : boot.cluster_sectors;
  const clusterBytes = boot.sector_bytes * perCluster;
  if (boot.sector_bytes !== 512 || perCluster === 0 || clusterBytes > 2 ** 21) return undefined;
  const clusters = Math.floor(boot.total_sectors / perCluster);
  const recordBytes = sizeOf(boot.record_clusters, clusterBytes);
  const indexBytes = sizeOf(boot.index_clusters, clusterBytes);
  if (boot.mft_cluster >= clusters || boot.mirror_cluster >= clusters) return undefined;
  if (recordBytes < 512 || recordBytes > 65_536 || indexBytes < 512 || indexBytes > 2 ** 20) return undefined;
  return {
    clusterBytes,
    clusters,
    length: (boot.total_sectors + 1) * 512,
    mft: boot.mft_cluster,
    mirror: boot.mirror_cluster,
    recordBytes,
    indexBytes,
    hidden: boot.hidden_sectors * 512,
  };
}

/** Clusters in a row on the disk: `cluster` is -1 where they are a hole. */
export interface Run {
  readonly cluster: number;
  readonly count: number;
}

/** The record with the last two bytes of each sector put back; undefined when it is none. */
export function fixedUp(record: Uint8Array, magic: 'FILE' | 'INDX'): Uint8Array | undefined {
  if (Buffer.from(record.subarray(0, 4)).toString('latin1') !== magic) return undefined;
  const { fixup_offset: from, fixup_count: count } = decode(FileRecord, record);
  if (count !== record.length / 512 + 1 || from % 2 !== 0 || from + count * 2 > 510) return undefined;
  const fixed = record.slice();
  for (let i = 1; i < count; i++) {
    const end = i * 512 - 2;
    if (record[end] !== record[from] || record[end + 1] !== record[from + 1]) return undefined;
    fixed.set(record.subarray(from + i * 2, from + i * 2 + 2), end);
  }
  return fixed;
}

/** Runs of the record's unnamed (or index) attribute of that type, in it itself. */
export function runsOf(record: Uint8Array, type: number): Run[] | undefined {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  for (let at = view.getUint16(20, true); at + 24 <= record.length; ) {
    const its = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    if (its === 0xffff_ffff || length < 24 || at + length > record.length) return undefined;
    if (its === type && record[at + 8] === 1 && length >= 64) {
      return parseRuns(record.subarray(at + view.getUint16(at + 32, true), at + length));
    }
    at += length;
  }
  return undefined;
}

function parseRuns(list: Uint8Array): Run[] {
  const runs: Run[] = [];
  let cluster = 0;
  for (let at = 0; at < list.length && list[at] !== 0; ) {
    const lengthBytes = (list[at] as number) & 15;
    const offsetBytes = (list[at] as number) >>> 4;
    if (lengthBytes > 6 || offsetBytes > 6 || at + 1 + lengthBytes + offsetBytes > list.length) break;
    const count = Buffer.from(list).readUIntLE(at + 1, Math.max(1, lengthBytes));
    if (offsetBytes > 0) cluster += Buffer.from(list).readIntLE(at + 1 + lengthBytes, offsetBytes);
    runs.push({ cluster: offsetBytes > 0 ? cluster : -1, count });
    at += 1 + lengthBytes + offsetBytes;
  }
  return runs;
}

/** The disk's cluster that has cluster `wanted` of a file; undefined for holes and behind the end. */
export function clusterIn(runs: readonly Run[], wanted: number): number | undefined {
  let left = wanted;
  for (const { cluster, count } of runs) {
    if (left < count) return cluster < 0 ? undefined : cluster + left;
    left -= count;
  }
  return undefined;
}
