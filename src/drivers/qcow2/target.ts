/**
 * A qcow2 image built inside another format's file, around guest data that stays where it is: the 2011 series'
 * conversion target. Tables go into ranges the source marks free, then behind the end of the file; the header sector
 * is kept in memory until `copyHeader`.
 *
 * Invariants:
 *  1. Before `copyHeader` nothing is written where the source claims anything.
 *  2. `#referenced` has a bit for every cluster that the target refers to: header, L1, L2 and guest data. A host cluster
 *     is referred to once; refcounts and COPIED follow from that (all 1, all set).
 *  3. `state` and the device are all there is: `resume` makes the same target from them.
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
import { L2Entry } from './layout.ts';
import { refcountSize, writeRefcountBlocks } from './refcount-build.ts';
import { REPRESENTS, REQUESTS, refusalsFor, type Settings, settingsFor } from './target-options.ts';
import { TargetTables } from './target-tables.ts';

const TWO_32 = 2 ** 32;
const COPIED = L2Entry.mask.copied.hi;
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
  readonly #tables: TargetTables;
  readonly #free: Ranges;
  readonly #placed: Record<string, number>;
  /** Bytes, a cluster multiple: where the next table goes when `#free` has no room. */
  #end: number;
  readonly #referenced = new ClusterBitmap();

  private constructor(device: Device, options: ConversionOptions, settings: Settings, state: PlacementState) {
    this.#device = device;
    this.#options = options;
    this.#settings = settings;
    this.clusterSize = settings.clusterSize;
    this.#free = state.free;
    this.#end = state.end;
    this.#placed = state.placed;
    this.#tables = new TargetTables(device, settings.clusterSize, options.imageSize, (bytes) => this.#place(bytes));
  }

  static create(device: Device, options: ConversionOptions, settings: Settings, free: Ranges): Qcow2Target {
    const end = roundUp(device.size, settings.clusterSize);
    const target = new Qcow2Target(device, options, settings, { free: free.clone(), end, placed: {} });
    target.#claimMetadata(0, settings.clusterSize);
    target.#tables.l1Offset = target.#place(target.#tables.l1Bytes);
    target.#placed['l1'] = target.#tables.l1Offset;
    target.#tables.writeL1(roundUp(target.#tables.l1Bytes, settings.clusterSize));
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
    this.#tables.sync();
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
        (1 + this.#tables.count + size.blocks + size.tableClusters) * clusterSize +
        roundUp(this.#tables.l1Bytes, clusterSize),
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
      l1Entries: this.#tables.l1Entries,
      l1Offset: this.#tables.l1Offset,
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
    if (host + count * clusterSize > Math.min(roundUp(this.#device.size, clusterSize), HOST_LIMIT)) {
      throw new ImageError({
        code: 'host-past-end',
        class: 'eof',
        what: `host range ${hex(host)}..${hex(host + bytes)} ends behind the file's end, ${hex(this.#device.size)}`,
      });
    }
    this.#claimData(host / clusterSize, count);
    let cluster = guest / clusterSize;
    let left = count;
    let hi = Math.floor(host / TWO_32) | COPIED;
    let lo = (host % TWO_32) | 0;
    const { words, l2Entries } = this.#tables;
    const step = clusterSize | 0;
    while (left > 0) {
      const first = this.#tables.select(cluster);
      const take = Math.min(left, l2Entries - first / 2);
      for (let w = first; w < first + take * 2; w += 2) {
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
    const { words, l2Entries } = this.#tables;
    while (cluster < last) {
      const first = this.#tables.select(cluster);
      const take = Math.min(last - cluster, l2Entries - first / 2);
      for (let w = first; w < first + take * 2; w += 2) {
        if (((words[w] as number) | (words[w + 1] as number)) !== 0) this.#releaseOrThrow(w, force);
        words[w] = L2Entry.mask.zero.lo;
        words[w + 1] = 0;
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

  /** Mapped before: an error, or with `force` the host cluster is let go. */
  #releaseOrThrow(word: number, force: boolean): void {
    const host = this.#tables.hostAt(word);
    if (!force) {
      const guest = this.#tables.guestCluster(word) * this.clusterSize;
      throw new ImageError({
        code: 'guest-mapped',
        class: 'dup',
        what: `guest offset ${hex(guest)} is mapped already, to ${host === 0 ? 'zeros' : `host ${hex(host)}`}`,
        tryThis: '--force to map it anew',
      });
    }
    if (host !== 0) this.#referenced.clear(host / this.clusterSize);
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
    const tables = this.#tables;
    if (host === 0) return 'the header';
    if (host >= tables.l1Offset && host < tables.l1Offset + tables.l1Bytes) return 'the L1 table of the target';
    for (let i = 0; i < tables.l1Entries; i++) {
      if (tables.l2Offset(i) === 0) continue;
      if (tables.l2Offset(i) === host) return `L2 table ${i} of the target`;
      tables.show(i);
      for (let word = 0; word < tables.words.length; word += 2) {
        if (tables.hostAt(word) === host) return `guest offset ${hex(tables.guestCluster(word) * this.clusterSize)}`;
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

  #claimData(first: number, count: number): void {
    if (count === 1) {
      if (this.#referenced.testAndSet(first)) throw this.#hostTaken(first);
      return;
    }
    const taken = this.#referenced.setRun(first, count);
    if (taken >= 0) throw this.#hostTaken(taken);
  }

  #claimMetadata(offset: number, length: number): void {
    this.#claimData(offset / this.clusterSize, length / this.clusterSize);
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
    const tables = this.#tables;
    tables.l1Offset = this.#placed['l1'] as number;
    tables.reload();
    this.#claimMetadata(0, clusterSize);
    this.#claimMetadata(tables.l1Offset, roundUp(tables.l1Bytes, clusterSize));
    for (let i = 0; i < tables.l1Entries; i++) {
      if (tables.l2Offset(i) === 0) continue;
      this.#claimMetadata(tables.l2Offset(i), clusterSize);
      tables.show(i);
      for (let word = 0; word < tables.words.length; word += 2) {
        const host = tables.hostAt(word);
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
