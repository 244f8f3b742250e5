/** GPT and MBR: where they must stand, and the partitions they name. */
import { crc32 } from '../bytes/crc.ts';
import { bytes, decode, type Infer, struct, u8, u32, u64 } from '../bytes/struct.ts';
import { bytesOf, type Clue, type Disk, guessedBytes, type Partition } from './disk.ts';

const SECTOR = 512;

const Gpt = struct(
  'gpt.header',
  { spec: 'UEFI: GPT header', endian: 'little' },
  {
    signature: bytes(8),
    revision: u32(),
    header_size: u32({ min: 92, max: 512 }),
    header_crc32: u32(),
    reserved: u32(),
    my_lba: u64(),
    alternate_lba: u64(),
    first_usable_lba: u64(),
    last_usable_lba: u64(),
    disk_guid: bytes(16),
    entries_lba: u64(),
    entries: u32({ max: 1024 }),
    entry_size: u32({ min: 128, max: 4096 }),
    entries_crc32: u32(),
  },
);
type Gpt = Infer<typeof Gpt>;

const GptEntry = struct(
  'gpt.entry',
  { spec: 'UEFI: GPT partition entry', endian: 'little' },
  { type: bytes(16), guid: bytes(16), first_lba: u64(), last_lba: u64() },
);

const MbrEntry = struct(
  'mbr.entry',
  { spec: 'MBR: partition entry', endian: 'little' },
  { status: u8(), chs_first: bytes(3), type: u8(), chs_last: bytes(3), first_lba: u32(), sectors: u32() },
);

const MBR_TABLE = 446;
const PROTECTIVE = 0xee;

/** The header in a sector, its checksum holding. */
function gptOf(sector: Uint8Array): Gpt | undefined {
  if (Buffer.from(sector.buffer, sector.byteOffset, 8).toString('latin1') !== 'EFI PART') return undefined;
  const header = decode(Gpt, sector);
  if (header.header_size < 92 || header.header_size > SECTOR) return undefined;
  const copy = sector.slice(0, header.header_size);
  copy.fill(0, Gpt.at.header_crc32, Gpt.at.header_crc32 + 4);
  return crc32(copy) === header.header_crc32 ? header : undefined;
}

/** A GPT header in the sector at `at` of a cluster, or a table of an MBR. */
export function partitionClue(sector: Uint8Array, at: number): Clue | undefined {
  const gpt = gptOf(sector);
  if (gpt) {
    const which = gpt.my_lba < gpt.alternate_lba ? 'primary' : 'backup';
    return {
      what: `the ${which} GPT header says it is sector ${gpt.my_lba}, and its checksum holds`,
      at,
      guest: gpt.my_lba * SECTOR,
      diskSize: (Math.max(gpt.my_lba, gpt.alternate_lba) + 1) * SECTOR,
      isStrong: true,
    };
  }
  const table = mbrOf(sector);
  if (!table) return undefined;
  const isProtective = table.some(({ type }) => type === PROTECTIVE);
  return {
    what: isProtective ? 'a protective MBR is the first sector of a disk' : 'an MBR is the first sector of a disk',
    at,
    guest: 0,
    isStrong: true,
  };
}

/** Bytes of the disk, of a sector that is a GPT header. */
export function gptDiskSize(sector: Uint8Array): number | undefined {
  const gpt = gptOf(sector);
  return gpt && (Math.max(gpt.my_lba, gpt.alternate_lba) + 1) * SECTOR;
}

function mbrOf(sector: Uint8Array): Infer<typeof MbrEntry>[] | undefined {
  if (sector[510] !== 0x55 || sector[511] !== 0xaa) return undefined;
  const entries = [0, 1, 2, 3].map((i) => decode(MbrEntry, sector, MBR_TABLE + i * MbrEntry.size));
  const isSane = entries.every(({ status, type, first_lba, sectors }) =>
    type === 0 ? sectors === 0 : (status & 0x7f) === 0 && first_lba > 0 && sectors > 0,
  );
  return isSane && entries.some(({ type }) => type !== 0) ? entries : undefined;
}

/** Partitions of the disk as far as they can be read: GPT, its backup at the end, or MBR. */
export function partitionsOf(disk: Disk): Partition[] {
  const last = Math.floor(disk.size / SECTOR) - 1;
  for (const lba of [1, last]) {
    const sector = bytesOf(disk, lba * SECTOR, SECTOR);
    const gpt = sector && gptOf(sector);
    const found = gpt && gptPartitions(disk, gpt);
    if (found) return found;
  }
  const sector = bytesOf(disk, 0, SECTOR);
  const table = sector && mbrOf(sector);
  return (table ?? []).flatMap(({ type, first_lba, sectors }, i) =>
    type === 0 || type === PROTECTIVE
      ? []
      : [{ start: first_lba * SECTOR, length: sectors * SECTOR, name: `MBR partition ${i + 1}` }],
  );
}

function gptPartitions(disk: Disk, gpt: Gpt): Partition[] | undefined {
  if (gpt.entries > 1024 || gpt.entry_size < 128 || gpt.entry_size > 4096) return undefined;
  const table = guessedBytes(disk, gpt.entries_lba * SECTOR, gpt.entries * gpt.entry_size);
  if (!table || crc32(table) !== gpt.entries_crc32) return undefined;
  const partitions: Partition[] = [];
  for (let i = 0; i < gpt.entries; i++) {
    const { first_lba, last_lba } = decode(GptEntry, table, i * gpt.entry_size);
    if (first_lba === 0 || last_lba < first_lba) continue;
    const length = (last_lba - first_lba + 1) * SECTOR;
    partitions.push({ start: first_lba * SECTOR, length, name: `GPT partition ${i + 1}` });
  }
  return partitions;
}
