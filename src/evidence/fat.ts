/** FAT12, 16 and 32: the boot sector and its copy, the table that says which clusters are in use, and `.` entries. */
import { bytes, decode, type Infer, struct, u8, u16, u32 } from '../bytes/struct.ts';
import { bytesOf, type Claim, type Clue, type Disk, type Usage, type Volume } from './disk.ts';

const Bpb = struct(
  'fat.boot',
  { spec: 'FAT: boot sector', endian: 'little' },
  {
    jump: bytes(3),
    oem: bytes(8),
    sector_bytes: u16(),
    cluster_sectors: u8(),
    reserved_sectors: u16(),
    tables: u8(),
    root_entries: u16(),
    sectors16: u16(),
    media: u8(),
    table_sectors16: u16(),
    chs: bytes(4),
    hidden_sectors: u32(),
    sectors32: u32(),
    table_sectors32: u32(),
    flags: u16(),
    version: u16(),
    root_cluster: u32(),
    info_sector: u16(),
    backup_sector: u16(),
  },
);
type Bpb = Infer<typeof Bpb>;

/** Bytes of the table read at once: a multiple of 3, so that no entry of 12 bits is cut. */
const PART = 1536;

interface Shape {
  readonly boot: Bpb;
  readonly kind: 12 | 16 | 32;
  readonly length: number;
  readonly tableBytes: number;
  readonly tableStart: number;
  /** Bytes from the start to cluster 2, and of a cluster. */
  readonly dataStart: number;
  readonly clusterBytes: number;
  readonly clusters: number;
}

function shapeOf(sector: Uint8Array): Shape | undefined {
  if (sector[510] !== 0x55 || sector[511] !== 0xaa) return undefined;
  const boot = decode(Bpb, sector);
  const tableSectors = boot.table_sectors16 || boot.table_sectors32;
  const sectors = boot.sectors16 || boot.sectors32;
  if (boot.sector_bytes !== 512 || boot.reserved_sectors === 0 || boot.tables < 1 || boot.tables > 2) return undefined;
  if (boot.cluster_sectors === 0 || (boot.cluster_sectors & (boot.cluster_sectors - 1)) !== 0) return undefined;
  if (tableSectors === 0 || boot.media < 0xf0) return undefined;
  const rootSectors = Math.ceil((boot.root_entries * 32) / 512);
  const before = boot.reserved_sectors + boot.tables * tableSectors + rootSectors;
  if (before >= sectors) return undefined;
  const clusters = Math.floor((sectors - before) / boot.cluster_sectors);
  return {
    boot,
    kind: boot.table_sectors16 === 0 ? 32 : clusters < 4085 ? 12 : 16,
    length: sectors * 512,
    tableBytes: tableSectors * 512,
    tableStart: boot.reserved_sectors * 512,
    dataStart: before * 512,
    clusterBytes: boot.cluster_sectors * 512,
    clusters,
  };
}

/** A boot sector, `at` bytes into the cluster. FAT32 has a copy a few sectors on. */
export function fatClues(sector: Uint8Array, at: number): Clue[] {
  const shape = shapeOf(sector);
  if (!shape) return [];
  const { boot, kind, length } = shape;
  const id = Buffer.from(sector.subarray(kind === 32 ? 67 : 39, kind === 32 ? 71 : 43)).toString('hex');
  const start = boot.hidden_sectors > 0 && kind !== 12 ? { start: boot.hidden_sectors * 512 } : {};
  const within = (offset: number) => ({ volume: `fat ${id}`, offset, length, ...start });
  const first: Clue = {
    what: `a FAT${kind} boot sector is the first of its file system`,
    at,
    within: within(0),
    isStrong: true,
  };
  if (kind !== 32 || boot.backup_sector === 0 || boot.backup_sector >= boot.reserved_sectors) return [first];
  const copy = {
    what: 'a FAT32 boot sector has its copy',
    at,
    within: within(boot.backup_sector * 512),
    isStrong: true,
  };
  return [first, copy];
}

export function fatVolume(disk: Disk, start: number, length: number): Volume | undefined {
  for (const at of [start, start + 6 * 512]) {
    const sector = bytesOf(disk, at, 512);
    const shape = sector && shapeOf(sector);
    if (shape && shape.length <= length) return new FatVolume(disk, start, shape);
  }
  return undefined;
}

class FatVolume implements Volume {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  readonly #disk: Disk;
  readonly #shape: Shape;
  #last: { readonly index: number; readonly bytes: DataView | undefined } | undefined;

  constructor(disk: Disk, start: number, shape: Shape) {
    this.name = `FAT${shape.kind}`;
    this.start = start;
    this.length = shape.length;
    this.#disk = disk;
    this.#shape = shape;
  }

  usage(from: number, to: number): Usage {
    const { dataStart, clusterBytes, clusters, tableStart, boot } = this.#shape;
    const first = from - this.start;
    const last = to - this.start;
    // Boot sectors and the beginning of each table are always written.
    const fixed = [0, ...Array.from({ length: boot.tables }, (_, i) => tableStart + i * this.#shape.tableBytes)];
    if (fixed.some((place) => place >= first && place < last)) return 'used';
    let use: Usage = first < dataStart ? 'maybe' : 'free';
    const low = Math.max(0, Math.floor((first - dataStart) / clusterBytes));
    const high = Math.min(clusters, Math.ceil((last - dataStart) / clusterBytes));
    for (let cluster = low; cluster < high; cluster++) {
      const entry = this.#entry(cluster + 2);
      if (entry === undefined) use = 'unknown';
      else if (entry !== 0) return 'used';
    }
    return use;
  }

  /** From the first copy of the table that is known. */
  #entry(cluster: number): number | undefined {
    const { kind } = this.#shape;
    const at = Math.floor((cluster * kind) / 8);
    const part = this.#part(Math.floor(at / PART));
    if (!part) return undefined;
    if (kind === 32) return part.getUint32(at % PART, true) & 0x0fff_ffff;
    const value = part.getUint16(at % PART, true);
    return kind === 16 ? value : cluster & 1 ? value >>> 4 : value & 0xfff;
  }

  /** A part of the table, from the first copy that is known, and a byte more; the last one asked for is kept. */
  #part(index: number): DataView | undefined {
    if (this.#last?.index === index) return this.#last.bytes;
    const { tableStart, tableBytes, boot } = this.#shape;
    let bytes: DataView | undefined;
    for (let copy = 0; copy < boot.tables && !bytes; copy++) {
      const found = bytesOf(this.#disk, this.start + tableStart + copy * tableBytes + index * PART, PART + 4);
      if (found) bytes = new DataView(found.buffer);
    }
    this.#last = { index, bytes };
    return bytes;
  }

  *claims(cluster: Uint8Array): Generator<Claim> {
    const { clusterBytes, dataStart, clusters, kind } = this.#shape;
    for (let at = 0; at + 64 <= cluster.length; at += Math.min(clusterBytes, 512)) {
      if (cluster[at] !== 0x2e || cluster[at + 11] !== 0x10 || cluster[at + 32] !== 0x2e || cluster[at + 33] !== 0x2e)
        continue;
      const view = new DataView(cluster.buffer, cluster.byteOffset + at, 32);
      const number = view.getUint16(26, true) + (kind === 32 ? view.getUint16(20, true) * 2 ** 16 : 0);
      if (number < 2 || number >= clusters + 2) continue;
      const guest = this.start + dataStart + (number - 2) * clusterBytes - at;
      yield { guest, what: `a directory says it is cluster ${number}`, isStrong: true };
    }
  }
}
