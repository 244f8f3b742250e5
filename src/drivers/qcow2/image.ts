/**
 * An open qcow2 image: translations, regions, check and what a conversion must know. Reads only, and holds no table:
 * a disk of any size costs the same.
 */
import type { Extent, ExtentColumns } from '../../bytes/extents.ts';
import type { Field, Hop } from '../../bytes/field.ts';
import { Named } from '../../bytes/named.ts';
import { type Progress, runToEnd } from '../../bytes/progress.ts';
import { Ranges } from '../../bytes/ranges.ts';
import { hex } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { ImageError } from '../../errors.ts';
import type {
  BackingReference,
  ConversionOptions,
  Image,
  ImageInfo,
  MappingRows,
  OpenContext,
  Region,
} from '../driver.ts';
import type { CheckReport } from '../finding.ts';
import type { SectorCipher } from '../sector-cipher.ts';
import { type Bitmap, type Bitmaps, readBitmaps } from './bitmaps.ts';
import { readCompressedCluster } from './compressed.ts';
import { unlock } from './crypto/unlock.ts';
import { type L2Words, l1State, type UnitState, unitState } from './entry.ts';
import { extensionOf, extensionText } from './extensions.ts';
import { Qcow2Fields } from './fields.ts';
import { fieldsIn } from './fields-in.ts';
import { type Geometry, mappingUnit } from './geometry.ts';
import { geometry, type Header, readHeader } from './header.ts';
import { imageInfo } from './info.ts';
import { EXTENSION } from './layout.ts';
import { countedClusters } from './refcounts.ts';
import { ownership } from './regions.ts';
import { checkQcow2 } from './rules.ts';
import { readSnapshots, type Snapshot, type SnapshotTable } from './snapshots.ts';
import { conversionOptions } from './source.ts';
import { structures } from './structures.ts';
import { trace } from './trace.ts';
import { TableWalk } from './walk.ts';

/** One answer needs one run: read little first. Bytes of L2 entries. */
const FIRST_READ = 4096;
/** A run that goes on for longer than this many bytes of L2 entries is answered in parts. */
const LOOK_AHEAD = 64 * 1024 * 1024;
/** Entries of a range whose tables are read in small pieces. */
const SHORT_RANGE = 128;
/** At most this many free ranges are listed. */
const FREE_RANGES = 4096;

export class Qcow2Image extends Named implements Image {
  readonly format = 'qcow2';
  readonly device: Device;
  readonly header: Header;
  readonly geometry: Geometry;
  readonly snapshotTable: SnapshotTable;
  readonly bitmapTable: Bitmaps;
  readonly backing: BackingReference | undefined;
  /** The external data file: its name ('' when none is recorded), and whether it can be used as a raw image. */
  readonly dataFile: { readonly file: string; readonly raw: boolean } | undefined;
  readonly dataDevice: Device | undefined;
  readonly cipher: SectorCipher | undefined;
  #tree: Qcow2Fields | undefined;

  /** Throws ImageError for every rule that QEMU enforces at open (header.ts, snapshots.ts, bitmaps.ts). */
  static open(device: Device, context: OpenContext): Qcow2Image {
    const header = readHeader(device);
    return new Qcow2Image(device, header, geometry(header, device.size), context);
  }

  private constructor(device: Device, header: Header, g: Geometry, context: OpenContext) {
    super();
    this.device = device;
    this.header = header;
    this.geometry = g;
    this.snapshotTable = readSnapshots(device, header);
    this.bitmapTable = readBitmaps(device, header, g);
    this.backing = backingOf(header);
    this.dataFile = dataFileOf(header);
    this.dataDevice = this.dataFile ? openDataFile(this.dataFile.file, context) : device;
    const { passphrase } = context;
    this.cipher = passphrase && g.crypt !== 'none' ? unlock(device, header, passphrase) : undefined;
  }

  get size(): number {
    return this.geometry.size;
  }

  get clusterSize(): number {
    return this.geometry.clusterSize;
  }

  get unit(): number {
    return mappingUnit(this.geometry);
  }

  get snapshots(): readonly Snapshot[] {
    return this.snapshotTable.snapshots;
  }

  get bitmaps(): readonly Bitmap[] {
    return this.bitmapTable.bitmaps;
  }

  getConversionOptions(depth: 'all' | 'header' = 'all'): ConversionOptions {
    return conversionOptions(this, depth);
  }

  /** Begins with the unit that holds `from` (bytes). */
  mappings(from = 0, to = this.size, rows: MappingRows = 'all'): Iterable<ExtentColumns> {
    const end = Math.min(to, this.size);
    // A short range needs a few entries only: buffers for many would cost more than reading them.
    const entries = Math.ceil((end - from) / this.clusterSize) + 1;
    const firstRead = entries <= SHORT_RANGE ? FIRST_READ : undefined;
    return this.#walk(from, end, firstRead, rows).runs();
  }

  /**
   * A run of `compressed` or `invalid` is one cluster (or what one broken L1 entry covers); a very long run of another
   * kind may be answered in parts.
   */
  getMapping(guest: number): Extent {
    const { size, clusterSize, l2Entries } = this.geometry;
    if (guest >= size) {
      throw new ImageError({
        code: 'past-end',
        class: 'range',
        what: `guest offset ${hex(guest)} lies behind the end of the disk, ${hex(size)}`,
      });
    }
    const cluster = Math.floor(guest / clusterSize);
    const slot = Math.floor(cluster / l2Entries);
    const table = this.#table(slot);
    if (table.fault !== undefined) {
      const end = Math.min((slot + 1) * l2Entries * clusterSize, size);
      return { kind: 'invalid', guest, length: end - guest, host: table.offset, fault: `l1[${slot}]: ${table.fault}` };
    }
    if (table.offset === 0) return this.#follow(guest, { kind: 'unallocated' });
    const state = this.#state(table.offset, cluster, guest);
    if (state.kind !== 'compressed' && state.kind !== 'invalid') return this.#follow(guest, state);
    const end = Math.min((cluster + 1) * clusterSize, size);
    const fault = state.fault === undefined ? {} : { fault: `l2[${slot}][${cluster % l2Entries}]: ${state.fault}` };
    return { ...state, ...fault, guest, length: end - guest };
  }

  regions(): Iterable<Region> {
    return runToEnd(this.ownership());
  }

  ownership(): Generator<Progress, Iterable<Region>> {
    return ownership(this);
  }

  structures(among: Ranges): Generator<Progress, readonly Region[]> {
    return structures(this, among);
  }

  /** None where the refcounts cannot be trusted: a dirty or corrupt image. */
  freeRanges(minimum: number): Ranges {
    const free = new Ranges();
    const { dirty, corrupt } = this.header.incompatible_features;
    if (dirty || corrupt) return free;
    const { clusterSize } = this.geometry;
    const clusters = Math.floor(this.device.size / clusterSize);
    const counted = countedClusters(this.device, this.geometry);
    for (let at = counted.nextClear(0); at < clusters && free.count < FREE_RANGES; ) {
      const used = counted.nextSet(at);
      const end = used < 0 ? clusters : Math.min(used, clusters);
      if ((end - at) * clusterSize >= minimum) free.add(at * clusterSize, (end - at) * clusterSize);
      at = counted.nextClear(end);
    }
    return free;
  }

  check(): Generator<Progress, CheckReport> {
    return checkQcow2(this);
  }

  /** The whole cluster, decoded, that a `compressed` extent of `getMapping` lies in. */
  readCompressed(extent: Extent): Uint8Array {
    return readCompressedCluster(this.device, this.geometry, extent.host ?? 0, extent.hostLength ?? 0);
  }

  info(): ImageInfo {
    return imageInfo(this);
  }

  fields(region: Region, from: number, to: number): readonly Field[] {
    return fieldsIn(this, this.tree, region, { from, to });
  }

  trace(guest: number): readonly Hop[] {
    return trace(this, this.tree, guest);
  }

  /** Made when first asked for. */
  protected get tree(): Qcow2Fields {
    this.#tree ??= new Qcow2Fields(this);
    return this.#tree;
  }

  #walk(from: number, to: number, firstRead?: number, rows?: MappingRows): TableWalk {
    const { l1Offset, l1Entries } = this.geometry;
    return new TableWalk(this.device, this.geometry, { l1Offset, l1Entries, from, to }, firstRead, rows);
  }

  /** How far the state at `guest` goes on. */
  #follow(guest: number, state: UnitState): Extent {
    const skip = guest % this.unit;
    const host = state.host === undefined ? {} : { host: state.host + skip };
    const walk = this.#walk(guest - skip, this.size, FIRST_READ);
    for (const batch of walk.runs()) {
      if (batch.count > 0) return { ...state, ...host, guest, length: batch.at(0).length - skip };
      if (walk.decoded >= LOOK_AHEAD) break;
    }
    return { ...state, ...host, guest, length: Math.min(walk.reached, this.size) - guest };
  }

  #table(slot: number): { offset: number; fault?: string } {
    const { l1Offset } = this.geometry;
    const [hi, lo] = this.#words(l1Offset + slot * 8, 2);
    return l1State(this.geometry, this.device.size, hi as number, lo as number);
  }

  #state(table: number, cluster: number, guest: number): UnitState {
    const g = this.geometry;
    const at = table + (cluster % g.l2Entries) * g.l2EntrySize;
    const [hi, lo, zeroBits = 0, allocatedBits = 0] = this.#words(at, g.l2EntrySize / 4);
    const entry: L2Words = { hi: hi as number, lo: lo as number, zeroBits, allocatedBits };
    return unitState(g, this.device.size, cluster, entry, Math.floor((guest % g.clusterSize) / this.unit));
  }

  /** Big-endian 32-bit words, as int32. */
  #words(offset: number, count: number): number[] {
    const view = new DataView(readBytes(this.device, offset, count * 4).buffer);
    return Array.from({ length: count }, (_, i) => view.getInt32(i * 4));
  }
}

function backingOf(header: Header): BackingReference | undefined {
  const file = header.backingName;
  if (file === undefined || file === '') return undefined;
  const format = extensionText(extensionOf(header.extensions, EXTENSION.backing_format));
  return format ? { file, format } : { file };
}

function dataFileOf(header: Header): { file: string; raw: boolean } | undefined {
  if (!header.incompatible_features.data_file) return undefined;
  const file = extensionText(extensionOf(header.extensions, EXTENSION.data_file)) ?? '';
  return { file, raw: header.autoclear_features.data_file_raw };
}

function openDataFile(file: string, context: OpenContext): Device | undefined {
  return file === '' ? undefined : context.openExternal?.(file);
}
