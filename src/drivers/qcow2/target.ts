/**
 * A qcow2 image built inside another format's file, around guest data that stays where it is: the 2011 series'
 * conversion target. Tables go into ranges the source marks free, then behind the end of the file; the header sector
 * is kept in memory until `copyHeader`.
 *
 * Invariants:
 *  1. Before `copyHeader` nothing is written where the source claims anything.
 *  2. `#referenced` has a bit for every cluster that the target refers to: header, L1, L2 and guest data. A host cluster
 *     is referred to once; refcounts and COPIED follow from that (all 1, all set).
 *  3. One L2 table is in memory. A caller that maps in guest order has each table written once, and sequentially.
 *  4. `state` and the device are all there is: `resume` makes the same target from them.
 */
import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import {
  DATA,
  EXTENT_KINDS,
  type ExtentColumns,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../../bytes/extents.ts';
import type { Progress } from '../../bytes/progress.ts';
import { Ranges } from '../../bytes/ranges.ts';
import { bitsOf, hex, roundUp } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { overlay } from '../../device/overlay.ts';
import { ImageError, Refusal } from '../../errors.ts';
import type {
  ConversionDriver,
  ConversionOptions,
  ConversionTarget,
  Image,
  TargetReport,
  TargetState,
} from '../driver.ts';
import { buildHeaderSector, placeBackingName, SECTOR } from './header-build.ts';
import { Qcow2Image } from './image.ts';
import { L1Entry, L2Entry } from './layout.ts';
import { refcountSize, writeRefcountBlocks } from './refcount-build.ts';
import { REPRESENTS, REQUESTS, refusalsFor, type Settings, settingsFor } from './target-options.ts';

const TWO_32 = 2 ** 32;
const COPIED = L2Entry.mask.copied.hi;
const OFFSET_HI = L2Entry.mask.offset.hi;
const OFFSET_LO = L2Entry.mask.offset.lo;
/** Host offsets of tables and data must be below 2^56. */
const HOST_LIMIT = 2 ** 56;

export const qcow2Conversion: ConversionDriver = {
  requests: REQUESTS,
  represents: REPRESENTS,
  refusals: (options, request) => refusalsFor(options, settingsFor(options, request)),
  open(device, options, request, free) {
    const settings = settingsFor(options, request);
    const reasons = refusalsFor(options, settings);
    if (reasons.length > 0) throw new Refusal('this image cannot become qcow2 in place', reasons);
    return Qcow2Target.create(device, options, settings, free);
  },
  resume: (device, state) => Qcow2Target.resume(device, state),
};

class Qcow2Target implements ConversionTarget {
  readonly format = 'qcow2';
  readonly clusterSize: number;
  readonly #device: Device;
  readonly #options: ConversionOptions;
  readonly #settings: Settings;
  readonly #l2Entries: number;
  readonly #free: Ranges;
  readonly #placed: Record<string, number>;
  /** Bytes, a cluster multiple: where the next table goes when `#free` has no room. */
  #end: number;
  readonly #referenced = new ClusterBitmap();
  /** The L1 table as it stands on disk, big-endian. */
  readonly #l1: Uint8Array;
  readonly #l1View: DataView;
  /** L1 entries that `sync` has yet to write: [from, to). */
  #l1Dirty: readonly [number, number] = [0, 0];
  /** The L2 table in memory: its L1 index, and its entries as [lo, hi] words; -1 when there is none. */
  #table = -1;
  #tableDirty = false;
  readonly #entries: Buffer;
  readonly #words: Int32Array;
  #tables = 0;

  private constructor(device: Device, options: ConversionOptions, settings: Settings, state: PlacementState) {
    this.#device = device;
    this.#options = options;
    this.#settings = settings;
    this.clusterSize = settings.clusterSize;
    this.#l2Entries = settings.clusterSize / 8;
    this.#free = state.free;
    this.#end = state.end;
    this.#placed = state.placed;
    const l1Entries = Math.ceil(options.imageSize / (this.clusterSize * this.#l2Entries));
    this.#l1 = new Uint8Array(Math.max(l1Entries, 1) * 8);
    this.#l1View = new DataView(this.#l1.buffer);
    this.#entries = Buffer.alloc(settings.clusterSize);
    this.#words = new Int32Array(this.#entries.buffer, this.#entries.byteOffset, settings.clusterSize / 4);
  }

  static create(device: Device, options: ConversionOptions, settings: Settings, free: Ranges): Qcow2Target {
    const end = roundUp(device.size, settings.clusterSize);
    const target = new Qcow2Target(device, options, settings, { free: free.clone(), end, placed: {} });
    target.#claimMetadata(0, settings.clusterSize);
    target.#placed['l1'] = target.#place(target.#l1.length);
    target.#device.write(target.#placed['l1'], paddedToCluster(target.#l1, settings.clusterSize), 'l1 table');
    target.#placeBackingName();
    return target;
  }

  static resume(device: Device, state: TargetState): Qcow2Target {
    const { version, cluster_size, refcount_order } = state.settings;
    const settings: Settings = {
      version: version === 2 ? 2 : 3,
      clusterSize: cluster_size as number,
      refcountOrder: refcount_order as number,
    };
    const placement = { free: Ranges.of(state.free), end: state.end, placed: { ...state.placed } };
    const target = new Qcow2Target(device, state.options, settings, placement);
    target.#reload();
    return target;
  }

  get state(): TargetState {
    return {
      format: this.format,
      options: this.#options,
      settings: {
        version: this.#settings.version,
        cluster_size: this.clusterSize,
        refcount_order: this.#settings.refcountOrder,
      },
      free: [...this.#free],
      end: this.#end,
      placed: { ...this.#placed },
    };
  }

  map(extents: ExtentColumns, force = false): void {
    const { kind, guest, length, host, unit, count } = extents;
    for (let i = 0; i < count; i++) {
      const code = kind[i] as number;
      if (code === UNALLOCATED || code === UNALLOCATED_ALLOCATED) continue;
      const guestAt = (guest[i] as number) * unit;
      const bytes = (length[i] as number) * unit;
      if (code === DATA) this.#mapData(guestAt, (host[i] as number) * unit, bytes, force);
      else if (code === ZERO || code === ZERO_ALLOCATED) this.#mapZero(guestAt, bytes, force);
      else throw cannotHold(EXTENT_KINDS[code] as string, guestAt);
    }
  }

  sync(): void {
    this.#storeTable();
    const [from, to] = this.#l1Dirty;
    if (from === to) return;
    this.#device.write((this.#placed['l1'] as number) + from * 8, this.#l1.subarray(from * 8, to * 8), 'l1 table');
    this.#l1Dirty = [0, 0];
  }

  view(): Image {
    return Qcow2Image.open(overlay(this.#device, 0, this.headerSector()), { name: this.#device.name });
  }

  *finish(): Generator<Progress, TargetReport> {
    this.sync();
    const { clusterSize } = this;
    const { refcountOrder } = this.#settings;
    const size = refcountSize(this.#end / clusterSize, clusterSize, refcountOrder, {
      blocks: countClusters(this.#free, clusterSize),
      tableFits: () => false,
    });
    this.#placed['refcount_table'] = this.#append(size.tableClusters * clusterSize);
    this.#placed['refcount_table_clusters'] = size.tableClusters;
    const blocks = Array.from({ length: size.blocks }, () => this.#place(clusterSize));
    yield* writeRefcountBlocks(this.#device, this.#referenced, clusterSize, refcountOrder, blocks);
    this.#writeRefcountTable(blocks, size.tableClusters);
    // What lies behind the last referenced cluster is the source's dead tail: the commit cuts it off, after the header.
    const clusters = this.#referenced.highest() + 1;
    const used = this.#referenced.countSet(0, clusters);
    return {
      fileSize: clusters * clusterSize,
      metadataBytes:
        (1 + this.#tables + size.blocks + size.tableClusters) * clusterSize + roundUp(this.#l1.length, clusterSize),
      hiddenBytes: 0,
      freeBytes: (clusters - used) * clusterSize,
      leakedBytes: 0,
      notes: [],
    };
  }

  headerSector(): Uint8Array {
    const { backing } = this.#options;
    return buildHeaderSector({
      version: this.#settings.version,
      clusterBits: bitsOf(this.clusterSize),
      size: this.#options.imageSize,
      l1Entries: this.#l1.length / 8,
      l1Offset: this.#placed['l1'] as number,
      refcountTableOffset: this.#placed['refcount_table'] ?? 0,
      refcountTableClusters: this.#placed['refcount_table_clusters'] ?? 0,
      refcountOrder: this.#settings.refcountOrder,
      backing,
      backingNameOffset: this.#placed['backing_name'] ?? 0,
    });
  }

  copyHeader(rollback: Device): void {
    rollback.write(0, readBytes(this.#device, 0, SECTOR), 'old header');
    this.#device.write(0, this.headerSector(), 'header');
  }

  /** Data: one entry per cluster, in the tight loop; 8.4 million of them in 1 TiB. */
  #mapData(guest: number, host: number, bytes: number, force: boolean): void {
    const { clusterSize } = this;
    this.#checkAlignment(guest, bytes);
    if (host % clusterSize !== 0) throw unaligned('host', host, clusterSize);
    const count = Math.ceil(bytes / clusterSize);
    const first = host / clusterSize;
    if (host + count * clusterSize > Math.min(roundUp(this.#device.size, clusterSize), HOST_LIMIT)) {
      throw new ImageError({
        code: 'host-past-end',
        class: 'eof',
        what: `host range ${hex(host)}..${hex(host + bytes)} ends behind the file's end, ${hex(this.#device.size)}`,
      });
    }
    const taken =
      count === 1 ? (this.#referenced.testAndSet(first) ? first : -1) : this.#referenced.setRun(first, count);
    if (taken >= 0) throw this.#hostTaken(taken);
    let cluster = guest / clusterSize;
    let left = count;
    let hi = Math.floor(host / TWO_32) | COPIED;
    let lo = (host % TWO_32) | 0;
    const words = this.#words;
    const step = clusterSize | 0;
    while (left > 0) {
      const index = this.#select(cluster);
      const take = Math.min(left, this.#l2Entries - index);
      for (let w = index * 2, end = w + take * 2; w < end; w += 2) {
        if (((words[w] as number) | (words[w + 1] as number)) !== 0) this.#releaseOrThrow(w, force);
        words[w] = lo;
        words[w + 1] = hi;
        lo = (lo + step) | 0;
        if (lo === 0) hi = (hi + 1) | 0;
      }
      cluster += take;
      left -= take;
    }
  }

  /** Zero clusters; version 2 has none, and without a backing file unallocated reads the same (refusalsFor saw to it). */
  #mapZero(guest: number, bytes: number, force: boolean): void {
    if (this.#settings.version === 2) return;
    const { clusterSize } = this;
    const end = Math.min(guest + bytes, this.#options.imageSize);
    // A run that covers part of a larger target cluster is only possible without a backing file, and then says nothing.
    let cluster = Math.ceil(guest / clusterSize);
    const last = end === this.#options.imageSize ? Math.ceil(end / clusterSize) : Math.floor(end / clusterSize);
    if (guest >= this.#options.imageSize) throw pastEnd(guest, this.#options.imageSize);
    while (cluster < last) {
      const index = this.#select(cluster);
      const take = Math.min(last - cluster, this.#l2Entries - index);
      for (let w = index * 2, stop = w + take * 2; w < stop; w += 2) {
        if (((this.#words[w] as number) | (this.#words[w + 1] as number)) !== 0) this.#releaseOrThrow(w, force);
        this.#words[w] = L2Entry.mask.zero.lo;
        this.#words[w + 1] = 0;
      }
      cluster += take;
    }
  }

  #checkAlignment(guest: number, bytes: number): void {
    const { clusterSize } = this;
    const { imageSize } = this.#options;
    if (guest % clusterSize !== 0) throw unaligned('guest', guest, clusterSize);
    if (guest + bytes > roundUp(imageSize, clusterSize)) throw pastEnd(guest + bytes, imageSize);
    if (bytes % clusterSize !== 0 && guest + bytes < imageSize) throw unaligned('length', bytes, clusterSize);
  }

  /** Makes the table that covers a guest cluster current, and answers the cluster's index in it. */
  #select(cluster: number): number {
    const table = Math.floor(cluster / this.#l2Entries);
    if (table !== this.#table) this.#loadTable(table);
    this.#tableDirty = true;
    return cluster - table * this.#l2Entries;
  }

  #loadTable(table: number): void {
    this.#storeTable();
    this.#table = table;
    const offset = this.#l2Offset(table);
    if (offset !== 0) {
      this.#device.read(offset, this.#entries);
      this.#entries.swap64();
      return;
    }
    this.#entries.fill(0);
    this.#setL1(table, this.#place(this.clusterSize));
  }

  #storeTable(): void {
    if (!this.#tableDirty) return;
    this.#entries.swap64();
    this.#device.write(this.#l2Offset(this.#table), this.#entries, `l2 table ${this.#table}`);
    this.#entries.swap64();
    this.#tableDirty = false;
  }

  #l2Offset(table: number): number {
    const hi = this.#l1View.getUint32(table * 8) & L1Entry.mask.offset.hi;
    return hi * TWO_32 + ((this.#l1View.getUint32(table * 8 + 4) & L1Entry.mask.offset.lo) >>> 0);
  }

  #setL1(table: number, offset: number): void {
    this.#l1View.setUint32(table * 8, (Math.floor(offset / TWO_32) | L1Entry.mask.copied.hi) >>> 0);
    this.#l1View.setUint32(table * 8 + 4, offset % TWO_32);
    const [from, to] = this.#l1Dirty;
    this.#l1Dirty = from === to ? [table, table + 1] : [Math.min(from, table), Math.max(to, table + 1)];
    this.#tables++;
  }

  /** Mapped before: an error, or with `force` the host cluster is let go. */
  #releaseOrThrow(word: number, force: boolean): void {
    if (!force) {
      const guest = (this.#table * this.#l2Entries + word / 2) * this.clusterSize;
      throw new ImageError({
        code: 'guest-mapped',
        class: 'dup',
        what: `guest offset ${hex(guest)} is mapped already, to host ${hex(this.#hostOf(word))}`,
        tryThis: '--force to map it anew',
      });
    }
    const host = this.#hostOf(word);
    if (host !== 0) this.#referenced.clear(host / this.clusterSize);
  }

  #hostOf(word: number): number {
    const hi = (this.#words[word + 1] as number) & OFFSET_HI;
    return hi * TWO_32 + (((this.#words[word] as number) & OFFSET_LO) >>> 0);
  }

  #hostTaken(cluster: number): ImageError {
    const host = cluster * this.clusterSize;
    return new ImageError({
      code: 'host-taken',
      class: 'overlap',
      what: `host offset ${hex(host)} belongs to ${this.#ownerOf(host)} already`,
      where: { offset: host, length: this.clusterSize },
    });
  }

  /** In words, for a refusal: slow and thorough. */
  #ownerOf(host: number): string {
    if (host === 0) return 'the header';
    const l1 = this.#placed['l1'] as number;
    if (host >= l1 && host < l1 + this.#l1.length) return 'the L1 table of the target';
    this.sync();
    const table = new DataView(new ArrayBuffer(this.clusterSize));
    for (let i = 0; i < this.#l1.length / 8; i++) {
      const offset = this.#l2Offset(i);
      if (offset === 0) continue;
      if (offset === host) return `L2 table ${i} of the target`;
      this.#device.read(offset, new Uint8Array(table.buffer));
      for (let j = 0; j < this.#l2Entries; j++) {
        const hi = table.getUint32(j * 8) & OFFSET_HI;
        const at = hi * TWO_32 + ((table.getUint32(j * 8 + 4) & OFFSET_LO) >>> 0);
        if (at === host) return `guest offset ${hex((i * this.#l2Entries + j) * this.clusterSize)}`;
      }
    }
    return 'the target';
  }

  /** Space for metadata, `bytes` rounded up to clusters: in the source's free ranges, else at the end of the file. */
  #place(bytes: number): number {
    const length = roundUp(bytes, this.clusterSize);
    const offset = this.#free.take(length, this.clusterSize);
    if (offset === undefined) return this.#append(length);
    this.#claimMetadata(offset, length);
    return offset;
  }

  #append(length: number): number {
    const offset = this.#end;
    this.#end += length;
    this.#claimMetadata(offset, length);
    return offset;
  }

  #claimMetadata(offset: number, length: number): void {
    const taken = this.#referenced.setRun(offset / this.clusterSize, length / this.clusterSize);
    if (taken >= 0) throw this.#hostTaken(taken);
  }

  #placeBackingName(): void {
    const { backing, backingNameOffset, headerSlack } = this.#options;
    if (!backing) return;
    const { version } = this.#settings;
    const place = placeBackingName(version, this.clusterSize, backing, backingNameOffset, headerSlack);
    if (!place) return;
    this.#placed['backing_name'] = place.offset;
    if (place.where === 'slack') this.#device.write(place.offset, Buffer.from(backing.file), 'backing file name');
  }

  #writeRefcountTable(blocks: readonly number[], clusters: number): void {
    const table = new DataView(new ArrayBuffer(clusters * this.clusterSize));
    for (const [i, offset] of blocks.entries()) {
      table.setUint32(i * 8, Math.floor(offset / TWO_32));
      table.setUint32(i * 8 + 4, offset % TWO_32);
    }
    this.#device.write(this.#placed['refcount_table'] as number, new Uint8Array(table.buffer), 'refcount table');
  }

  /** After undo or redo: the L1 table and what it refers to, from the device. */
  #reload(): void {
    const { clusterSize } = this;
    this.#device.read(this.#placed['l1'] as number, this.#l1);
    this.#claimMetadata(0, clusterSize);
    this.#claimMetadata(this.#placed['l1'] as number, roundUp(this.#l1.length, clusterSize));
    for (let table = 0; table < this.#l1.length / 8; table++) {
      const offset = this.#l2Offset(table);
      if (offset === 0) continue;
      this.#tables++;
      this.#claimMetadata(offset, clusterSize);
      this.#loadTable(table);
      for (let word = 0; word < this.#words.length; word += 2) {
        const host = this.#hostOf(word);
        if (host !== 0) this.#referenced.testAndSet(host / clusterSize);
      }
    }
  }
}

interface PlacementState {
  readonly free: Ranges;
  readonly end: number;
  readonly placed: Record<string, number>;
}

function paddedToCluster(bytes: Uint8Array, clusterSize: number): Uint8Array {
  const padded = new Uint8Array(roundUp(bytes.length, clusterSize));
  padded.set(bytes);
  return padded;
}

function countClusters(free: Ranges, clusterSize: number): number {
  let clusters = 0;
  for (const { offset, length } of free) {
    const first = Math.ceil(offset / clusterSize);
    clusters += Math.max(Math.floor((offset + length) / clusterSize) - first, 0);
  }
  return clusters;
}

function unaligned(what: string, value: number, clusterSize: number): ImageError {
  return new ImageError({
    code: 'unaligned',
    class: 'align',
    what: `${what} ${hex(value)} is not a multiple of the target's cluster size, ${hex(clusterSize)}`,
  });
}

function pastEnd(guest: number, size: number): ImageError {
  return new ImageError({
    code: 'past-end',
    class: 'range',
    what: `guest offset ${hex(guest)} lies behind the end of the disk, ${hex(size)}`,
  });
}

function cannotHold(kind: string, guest: number): ImageError {
  return new ImageError({
    code: 'cannot-map',
    class: 'unsupported',
    what: `the guest range at ${hex(guest)} is ${kind}; a conversion target maps data and zeros only`,
  });
}
