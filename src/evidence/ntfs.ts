/**
 * NTFS: the boot sector and its copy in the last sector, file records that say their number, index blocks that say their
 * directory and their place in it, and $Bitmap, which says which clusters are in use.
 */
import { decode } from '../bytes/struct.ts';
import { bytesOf, type Claim, type Clue, type Disk, type Usage, type Volume } from './disk.ts';
import { clusterIn, FileRecord, fixedUp, type NtfsShape, ntfsShape, type Run, runsOf } from './ntfs-layout.ts';

const DATA = 0x80;
const INDEX = 0xa0;
const RECORD_MFT = 0;
const RECORD_LOG = 2;
const RECORD_BITMAP = 6;

/** A boot sector or its copy, `at` bytes into the cluster: which of the two it is cannot be seen. */
export function ntfsClues(sector: Uint8Array, at: number): Clue[] {
  const shape = ntfsShape(sector);
  if (!shape) return [];
  const volume = `ntfs ${Buffer.from(sector.subarray(72, 80)).toString('hex')}`;
  const start = shape.hidden > 0 ? { start: shape.hidden } : {};
  return [
    {
      what: 'an NTFS boot sector is the first of its file system',
      at,
      within: { volume, offset: 0, length: shape.length, ...start },
      isStrong: true,
    },
    {
      what: 'an NTFS boot sector has its copy in the last sector',
      at,
      within: { volume, offset: shape.length - 512, length: shape.length, ...start },
      isStrong: true,
    },
  ];
}

export function ntfsVolume(disk: Disk, start: number, length: number): Volume | undefined {
  for (const at of [start, start + length - 512]) {
    const sector = bytesOf(disk, at, 512);
    const shape = sector && ntfsShape(sector);
    if (shape && shape.length <= length) return new NtfsVolume(disk, start, shape);
  }
  return undefined;
}

class NtfsVolume implements Volume {
  readonly name = 'NTFS';
  readonly start: number;
  readonly length: number;
  readonly #disk: Disk;
  readonly #shape: NtfsShape;
  #mft: readonly Run[] | undefined;
  #bitmap: readonly Run[] | undefined;
  #log: readonly Run[] | undefined;
  #part: { readonly index: number; readonly bytes: Uint8Array | undefined } | undefined;

  constructor(disk: Disk, start: number, shape: NtfsShape) {
    this.start = start;
    this.length = shape.length;
    this.#disk = disk;
    this.#shape = shape;
    this.#mft = this.#runs(RECORD_MFT, DATA) ?? [
      { cluster: shape.mft, count: Math.ceil((16 * shape.recordBytes) / shape.clusterBytes) },
    ];
    this.#bitmap = this.#runs(RECORD_BITMAP, DATA);
    this.#log = this.#runs(RECORD_LOG, DATA);
  }

  #runs(number: number, type: number): readonly Run[] | undefined {
    const at = this.#recordPlace(number);
    const { recordBytes, mirror, clusterBytes } = this.#shape;
    const places = [at, number < 4 ? this.start + mirror * clusterBytes + number * recordBytes : undefined];
    for (const place of places) {
      const bytes = place === undefined ? undefined : bytesOf(this.#disk, place, recordBytes);
      const record = bytes && fixedUp(bytes, 'FILE');
      if (record) return runsOf(record, type);
    }
    return undefined;
  }

  /** Guest byte of a file record. */
  #recordPlace(number: number): number | undefined {
    const { recordBytes, clusterBytes, mft } = this.#shape;
    const at = number * recordBytes;
    const runs = this.#mft ?? [{ cluster: mft, count: Math.ceil((16 * recordBytes) / clusterBytes) }];
    const cluster = clusterIn(runs, Math.floor(at / clusterBytes));
    return cluster === undefined ? undefined : this.start + cluster * clusterBytes + (at % clusterBytes);
  }

  usage(from: number, to: number): Usage {
    const { clusterBytes, clusters } = this.#shape;
    const first = Math.max(0, Math.floor((from - this.start) / clusterBytes));
    const last = Math.ceil((to - this.start) / clusterBytes);
    let isUnknown = false;
    let isMaybe = false;
    for (let cluster = first; cluster < last; cluster++) {
      // Behind the last whole cluster only the boot sector's copy stands.
      const use = cluster >= clusters ? 'used' : this.#clusterUsage(cluster);
      if (use === 'used') return 'used';
      if (use === 'unknown') isUnknown = true;
      if (use === 'maybe') isMaybe = true;
    }
    return isUnknown ? 'unknown' : isMaybe ? 'maybe' : 'free';
  }

  #clusterUsage(cluster: number): Usage {
    if (!this.#bitmap) return 'unknown';
    const { clusterBytes } = this.#shape;
    const at = Math.floor(cluster / 8);
    const part = this.#bitmapPart(Math.floor(at / clusterBytes));
    if (!part) return 'unknown';
    if ((((part[at % clusterBytes] as number) >>> (cluster & 7)) & 1) === 0) return 'free';
    const isSoft = [this.#log, this.#mft].some((runs) =>
      runs?.some((run) => cluster >= run.cluster && cluster < run.cluster + run.count),
    );
    return isSoft ? 'maybe' : 'used';
  }

  /** A cluster of $Bitmap; the last one asked for is kept. */
  #bitmapPart(index: number): Uint8Array | undefined {
    if (this.#part?.index === index) return this.#part.bytes;
    const { clusterBytes } = this.#shape;
    const cluster = clusterIn(this.#bitmap ?? [], index);
    const bytes =
      cluster === undefined ? undefined : bytesOf(this.#disk, this.start + cluster * clusterBytes, clusterBytes);
    this.#part = { index, bytes };
    return bytes;
  }

  *claims(cluster: Uint8Array): Generator<Claim> {
    const { recordBytes, indexBytes } = this.#shape;
    const step = Math.min(recordBytes, indexBytes, 4096);
    for (let at = 0; at + step <= cluster.length; at += step) {
      const letter = cluster[at];
      if (letter === 0x46 && at + recordBytes <= cluster.length) {
        yield* this.#recordClaims(cluster.subarray(at, at + recordBytes), at);
      } else if (letter === 0x49)
        yield* this.#indexClaims(cluster.subarray(at, Math.min(at + indexBytes, cluster.length)), at);
    }
  }

  *#recordClaims(bytes: Uint8Array, at: number): Generator<Claim> {
    const record = fixedUp(bytes, 'FILE');
    if (!record) return;
    const { number, fixup_offset } = decode(FileRecord, record);
    if (fixup_offset < 48) return;
    const place = this.#recordPlace(number);
    if (place !== undefined) {
      // The first four stand in the mirror too.
      yield { guest: place - at, what: `file record ${number} says its number`, isStrong: number >= 4 };
    }
  }

  /** An index block of a directory: the entries say which directory, the block says its place in it. */
  *#indexClaims(bytes: Uint8Array, at: number): Generator<Claim> {
    const { indexBytes, clusterBytes } = this.#shape;
    if (bytes.length < 88) return;
    const block = bytes.length === indexBytes ? fixedUp(bytes, 'INDX') : undefined;
    if (!block) return;
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const entry = 24 + view.getUint32(24, true);
    if (entry + 24 > block.length || view.getUint16(entry + 10, true) < 66) return;
    const parent = view.getUint32(entry + 16, true);
    const runs = this.#runs(parent, INDEX);
    const unit = indexBytes >= clusterBytes ? clusterBytes : 512;
    const byte = view.getUint32(16, true) * unit;
    const cluster = runs && clusterIn(runs, Math.floor(byte / clusterBytes));
    if (cluster === undefined) return;
    yield {
      guest: this.start + cluster * clusterBytes + (byte % clusterBytes) - at,
      what: `an index block of directory ${parent} says its place`,
      isStrong: true,
    };
  }
}
