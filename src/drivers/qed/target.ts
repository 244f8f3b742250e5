/**
 * A QED image built inside another format's file, around guest data that stays where it is: the 2011 series'
 * conversion target. Tables go into ranges the source marks free, then behind the end of the file; the header sector
 * is kept in memory until `copyHeader`.
 *
 * Invariants:
 *  1. Before `copyHeader` nothing is written where the source claims anything.
 *  2. `#live` has a bit for every cluster that the target refers to: tables and guest data; not the header's. A host
 *     cluster is referred to once: QED cannot share.
 *  3. The file is a whole number of clusters from the start, because QEMU does not see what lies behind the last.
 *  4. header_size reaches to the lowest live cluster, so that dead clusters before it are no leaks.
 *  5. `state` and the device are all there is: `resume` makes the same target from them.
 */
import { ClusterBitmap, PAGE_BITS } from '../../bytes/cluster-bitmap.ts';
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
import { bitsOf, hex, isPowerOfTwo, roundUp } from '../../bytes/size.ts';
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
import { QedImage } from './image.ts';
import { LIMITS, ZERO_CLUSTER } from './layout.ts';
import { entryValue } from './tables.ts';
import { notesFor, REPRESENTS, REQUESTS, refusalsFor, type Settings, settingsFor } from './target-options.ts';
import { TargetTables } from './target-tables.ts';

const TWO_32 = 2 ** 32;
const PAGE_MASK = 2 ** PAGE_BITS - 1;

export const qedConversion: ConversionDriver = {
  requests: REQUESTS,
  represents: REPRESENTS,
  refusals: (options, request) => refusalsFor(options, settingsFor(options, request)),
  open(device, options, request, free) {
    const settings = settingsFor(options, request);
    const reasons = refusalsFor(options, settings);
    if (reasons.length > 0) throw new Refusal('this image cannot become qed in place', reasons);
    return QedTarget.create(device, options, settings, free);
  },
  resume: (device, state) => QedTarget.resume(device, state),
};

class QedTarget implements ConversionTarget {
  readonly format = 'qed';
  readonly clusterSize: number;
  readonly #device: Device;
  readonly #options: ConversionOptions;
  readonly #settings: Settings;
  readonly #tables: TargetTables;
  readonly #free: Ranges;
  readonly #placed: Record<string, number>;
  /** Bytes, a cluster multiple: where the next table goes when `#free` has no room. */
  #end: number;
  readonly #live = new ClusterBitmap();
  /** Pages of `#live` by number, for clusters below 2^31: one look-up per row. */
  readonly #pages: (Int32Array | undefined)[] = [];

  private constructor(device: Device, options: ConversionOptions, settings: Settings, state: PlacementState) {
    this.#device = device;
    this.#options = options;
    this.#settings = settings;
    this.clusterSize = settings.clusterSize;
    this.#free = state.free;
    this.#end = state.end;
    this.#placed = state.placed;
    const shape = { ...settings, imageSize: options.imageSize };
    this.#tables = new TargetTables(device, shape, (bytes) => this.#place(bytes));
  }

  static create(device: Device, options: ConversionOptions, settings: Settings, free: Ranges): QedTarget {
    const end = roundUp(device.size, settings.clusterSize);
    if (end > device.size) device.resize(end);
    const placed = { source_end: end };
    const target = new QedTarget(device, options, settings, { free: free.clone(), end, placed });
    target.#placeBackingName();
    target.#free.remove(0, target.#headerClusters * settings.clusterSize);
    target.#tables.l1Offset = target.#place(target.#tables.tableBytes);
    target.#placed['l1'] = target.#tables.l1Offset;
    target.#tables.writeL1();
    return target;
  }

  static resume(device: Device, state: TargetState): QedTarget {
    const { cluster_size, table_size } = state.settings;
    const settings: Settings = { clusterSize: cluster_size as number, tableClusters: table_size as number };
    const placement = { free: Ranges.of(state.free), end: state.end, placed: { ...state.placed } };
    const target = new QedTarget(device, state.options, settings, placement);
    target.#reload();
    return target;
  }

  /** Complete with what is on the device: call `sync` first. */
  get state(): TargetState {
    return {
      format: this.format,
      options: this.#options,
      settings: { cluster_size: this.clusterSize, table_size: this.#settings.tableClusters },
      free: [...this.#free],
      end: this.#end,
      placed: { ...this.#placed },
    };
  }

  map(extents: ExtentColumns, force = false): void {
    const { kind, guest, length, host, unit, count } = extents;
    for (let i = 0; i < count; i++) {
      i = this.#mapRows(extents, i);
      if (i === count) break;
      const code = kind[i] as number;
      const guestAt = (guest[i] as number) * unit;
      const bytes = (length[i] as number) * unit;
      if (code === DATA) this.#mapData(guestAt, (host[i] as number) * unit, bytes, force);
      else if (code === ZERO || code === ZERO_ALLOCATED) this.#mapZero(guestAt, bytes, force);
      else if (code !== UNALLOCATED_ALLOCATED) throw cannotHold(EXTENT_KINDS[code] as string, guestAt);
    }
  }

  sync(): void {
    this.#tables.sync();
  }

  view(): Image {
    return QedImage.open(overlay(this.#device, 0, this.headerSector()));
  }

  // biome-ignore lint/correctness/useYield: QED has nothing to build at the end; other formats do
  *finish(): Generator<Progress, TargetReport> {
    this.sync();
    const { clusterSize } = this;
    const header = this.#headerSize();
    const end = this.#live.highest() + 1;
    return {
      // A dead tail, source's tables mostly, is cut off once the header has changed.
      fileSize: end * clusterSize,
      metadataBytes: clusterSize + (1 + this.#tables.count) * this.#tables.tableBytes,
      hiddenBytes: (header - 1) * clusterSize,
      freeBytes: 0,
      leakedBytes: (end - header - this.#live.countSet(header, end)) * clusterSize,
      notes: notesFor(this.#options, this.#settings),
    };
  }

  headerSector(): Uint8Array {
    return buildHeaderSector({
      clusterSize: this.clusterSize,
      tableClusters: this.#settings.tableClusters,
      headerClusters: this.#headerSize(),
      l1Offset: this.#tables.l1Offset,
      size: this.#options.imageSize,
      backing: this.#options.backing,
      backingNameOffset: this.#placed['backing_name'] ?? 0,
    });
  }

  copyHeader(rollback: Device): void {
    rollback.write(0, readBytes(this.#device, 0, SECTOR), 'old header');
    this.#device.write(0, this.headerSector(), 'header');
  }

  /** Clusters that the header and the backing name need: no table and no data may lie there. */
  get #headerClusters(): number {
    const { backing } = this.#options;
    const nameEnd = backing ? (this.#placed['backing_name'] as number) + Buffer.byteLength(backing.file) : 0;
    return Math.ceil(Math.max(SECTOR, nameEnd) / this.clusterSize);
  }

  /** header_size: as far as the lowest live cluster, but header_size * cluster_size must fit 32 bits. */
  #headerSize(): number {
    return Math.min(this.#live.nextSet(0), Math.floor(LIMITS.headerArea / this.clusterSize));
  }

  /**
   * The common case in a tight loop (8.4 million clusters in 1 TiB): data rows that lie within the current table, in
   * units that are whole clusters, where nothing was mapped before. All bounds are in units, below 2^31 clusters, so
   * that the loop computes in 32-bit integers. Answers the first row that is anything else; the thorough way deals
   * with it, errors included.
   */
  #mapRows(extents: ExtentColumns, from: number): number {
    const { kind, guest, length, host, count } = extents;
    const { clusterSize } = this;
    const tables = this.#tables;
    const ratio = extents.unit / clusterSize;
    if (!isPowerOfTwo(ratio) || tables.current < 0) return skipUnallocated(extents, from);
    const base = tables.current * tables.entries;
    const onDisk = Math.floor(this.#options.imageSize / clusterSize);
    const low = Math.ceil(base / ratio);
    const high = Math.floor(Math.min(base + tables.entries, onDisk, 2 ** 31) / ratio);
    const lowest = Math.ceil(this.#headerClusters / ratio);
    const highest = Math.floor(Math.min((this.#placed['source_end'] as number) / clusterSize, 2 ** 31) / ratio);
    const shift = bitsOf(ratio);
    const clusterBits = bitsOf(clusterSize);
    const { words } = tables;
    const live = this.#live;
    const pages = this.#pages;
    let changed = false;
    let i = from;
    for (; i < count; i++) {
      const code = kind[i] as number;
      if (code !== DATA) {
        if (code === UNALLOCATED) continue;
        break;
      }
      const at = guest[i] as number;
      const units = length[i] as number;
      const hostAt = host[i] as number;
      if (at < low || at >= high || units > high - at || hostAt < lowest || hostAt >= highest) break;
      if (units > highest - hostAt) break;
      const word = ((at << shift) - base) << 1;
      const clusters = units << shift;
      const first = hostAt << shift;
      if (clusters === 1) {
        if (((words[word] as number) | (words[word + 1] as number)) !== 0) break;
        const page = pages[first >>> PAGE_BITS] ?? this.#page(first);
        const slot = (first & PAGE_MASK) >>> 5;
        const bit = 1 << (first & 31);
        const old = page[slot] as number;
        if ((old & bit) !== 0) break;
        page[slot] = old | bit;
        words[word] = first << clusterBits;
        words[word + 1] = first >>> (32 - clusterBits);
      } else {
        if (!areZero(words, word, clusters)) break;
        const taken = live.setRun(first, clusters);
        if (taken >= 0) throw this.#hostTaken(taken);
        fillData(words, word, clusters, first * clusterSize, clusterSize);
      }
      changed = true;
    }
    if (changed) tables.select(base);
    return i;
  }

  /** The page of a cluster below 2^31, from now on in `#pages`. */
  #page(cluster: number): Int32Array {
    const page = this.#live.page(cluster);
    this.#pages[cluster >>> PAGE_BITS] = page;
    return page;
  }

  /** One data row, checked step by step. Bytes. */
  #mapData(guest: number, host: number, bytes: number, force: boolean): void {
    const { clusterSize } = this;
    const { imageSize } = this.#options;
    if (guest % clusterSize !== 0) throw unaligned('guest', guest, clusterSize);
    if (host % clusterSize !== 0) throw unaligned('host', host, clusterSize);
    // A source whose unit is larger than the cluster may round its last run up behind the disk's end.
    if (guest >= imageSize) throw pastEnd(guest, imageSize);
    const length = Math.min(bytes, imageSize - guest);
    if (length % clusterSize !== 0 && guest + length < imageSize) throw unaligned('length', bytes, clusterSize);
    if (bytes > roundUp(length, Math.max(clusterSize, this.#options.clusterSize))) {
      throw pastEnd(guest + bytes, imageSize);
    }
    const clusters = Math.ceil(length / clusterSize);
    const first = host / clusterSize;
    const end = this.#placed['source_end'] as number;
    if (host + clusters * clusterSize > end) {
      throw new ImageError({
        code: 'host-past-end',
        class: 'eof',
        what: `host range ${hex(host)}..${hex(host + bytes)} ends behind the source file's end, ${hex(end)}`,
      });
    }
    if (first < this.#headerClusters) throw this.#hostTaken(first);
    this.#eachPiece(guest / clusterSize, clusters, force, (word, count, done) => {
      const taken = this.#live.setRun(first + done, count);
      if (taken >= 0) throw this.#hostTaken(taken);
      fillData(this.#tables.words, word, count, (first + done) * clusterSize, clusterSize);
    });
  }

  /** Zero clusters. A run may cover parts of larger target clusters: only without a backing file, and then says nothing. */
  #mapZero(guest: number, bytes: number, force: boolean): void {
    const { clusterSize } = this;
    const { imageSize } = this.#options;
    if (guest >= imageSize) throw pastEnd(guest, imageSize);
    const end = Math.min(guest + bytes, imageSize);
    const first = Math.ceil(guest / clusterSize);
    const last = end === imageSize ? Math.ceil(end / clusterSize) : Math.floor(end / clusterSize);
    this.#eachPiece(first, last - first, force, (word, count) => {
      const { words } = this.#tables;
      for (let w = word; w < word + count * 2; w += 2) {
        words[w] = ZERO_CLUSTER;
        words[w + 1] = 0;
      }
    });
  }

  /** Cuts a run of guest clusters at table borders; `set` fills `count` entries from `word`, `done` being filled before. */
  #eachPiece(
    guestCluster: number,
    clusters: number,
    force: boolean,
    set: (word: number, count: number, done: number) => void,
  ): void {
    for (let done = 0; done < clusters; ) {
      const word = this.#tables.select(guestCluster + done);
      const count = Math.min(clusters - done, this.#tables.entries - word / 2);
      if (!areZero(this.#tables.words, word, count)) this.#release(word, count, force);
      set(word, count, done);
      done += count;
    }
  }

  /** Some of these entries are mapped already: an error, or with `force` their host clusters are let go. */
  #release(word: number, count: number, force: boolean): void {
    const { words } = this.#tables;
    for (let w = word; w < word + count * 2; w += 2) {
      const host = entryValue(words, w / 2);
      if (host === 0) continue;
      if (!force) {
        const guest = this.#tables.guestCluster(w) * this.clusterSize;
        const to = host === ZERO_CLUSTER ? 'zeros' : `host ${hex(host)}`;
        throw new ImageError({
          code: 'guest-mapped',
          class: 'dup',
          what: `guest offset ${hex(guest)} is mapped already, to ${to}`,
          tryThis: '--force to map it anew',
        });
      }
      if (host !== ZERO_CLUSTER) this.#live.clear(host / this.clusterSize);
    }
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

  /** In words, for a refusal: slow and thorough. Bytes. */
  #ownerOf(host: number): string {
    const tables = this.#tables;
    const within = (offset: number): boolean => host >= offset && host < offset + tables.tableBytes;
    if (host < this.#headerClusters * this.clusterSize) return 'the header area of the target';
    if (within(tables.l1Offset)) return 'the L1 table of the target';
    for (let i = 0; i < tables.l1Entries; i++) {
      if (tables.l2Offset(i) === 0) continue;
      if (within(tables.l2Offset(i))) return `L2 table ${i} of the target`;
      tables.show(i);
      for (let word = 0; word < tables.words.length; word += 2) {
        if (entryValue(tables.words, word / 2) === host) {
          return `guest offset ${hex(tables.guestCluster(word) * this.clusterSize)}`;
        }
      }
    }
    return 'the run itself';
  }

  /** Space for a table of `bytes`: in the source's free ranges, else at the end of the file. */
  #place(bytes: number): number {
    let offset = this.#free.take(bytes, this.clusterSize);
    if (offset === undefined) {
      offset = this.#end;
      this.#end += bytes;
    }
    this.#claimTable(offset);
    return offset;
  }

  #claimTable(offset: number): void {
    this.#live.setRun(offset / this.clusterSize, this.#settings.tableClusters);
  }

  #placeBackingName(): void {
    const { backing, backingNameOffset, headerSlack } = this.#options;
    if (!backing) return;
    const place = placeBackingName(backing, backingNameOffset, headerSlack);
    // refusalsFor has seen to it that there is a place.
    if (!place) throw new Error('qed target: no place for the backing name');
    this.#placed['backing_name'] = place.offset;
    if (place.where === 'slack') this.#device.write(place.offset, Buffer.from(backing.file), 'backing file name');
  }

  #reload(): void {
    const tables = this.#tables;
    tables.l1Offset = this.#placed['l1'] as number;
    tables.reload();
    this.#claimTable(tables.l1Offset);
    for (let i = 0; i < tables.l1Entries; i++) {
      if (tables.l2Offset(i) === 0) continue;
      this.#claimTable(tables.l2Offset(i));
      tables.show(i);
      for (let entry = 0; entry < tables.entries; entry++) {
        const host = entryValue(tables.words, entry);
        if (host > ZERO_CLUSTER) this.#live.testAndSet(host / this.clusterSize);
      }
    }
  }
}

interface PlacementState {
  readonly free: Ranges;
  readonly end: number;
  readonly placed: Record<string, number>;
}

/** The first row at or after `from` that maps anything. */
function skipUnallocated(extents: ExtentColumns, from: number): number {
  let i = from;
  while (i < extents.count && extents.kind[i] === UNALLOCATED) i++;
  return i;
}

function areZero(words: Int32Array, word: number, count: number): boolean {
  let seen = 0;
  for (let w = word; w < word + count * 2; w++) seen |= words[w] as number;
  return seen === 0;
}

/** `count` entries from `word`, for clusters that follow each other from `host` (bytes). */
function fillData(words: Int32Array, word: number, count: number, host: number, clusterSize: number): void {
  let lo = (host % TWO_32) | 0;
  let hi = Math.floor(host / TWO_32) | 0;
  for (let w = word; w < word + count * 2; w += 2) {
    words[w] = lo;
    words[w + 1] = hi;
    lo = (lo + clusterSize) | 0;
    if (lo === 0) hi = (hi + 1) | 0;
  }
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
