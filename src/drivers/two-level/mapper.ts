/**
 * bdrv_map for formats with L1 and L2 tables: what may be mapped, and the entries that say so. The rules are the same
 * for all of them; a format gives its entry's flags and its zero entry.
 *
 * Invariants:
 *  1. A host cluster is mapped once: targets here cannot share clusters.
 *  2. A host range lies inside the source's file and outside the header and every structure of the target.
 *  3. Errors are thrown before the entry in question changes; the caller drops the step all the same.
 */
import { PAGE_BITS } from '../../bytes/cluster-bitmap.ts';
import {
  DATA,
  EXTENT_KINDS,
  type Extent,
  type ExtentColumns,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../../bytes/extents.ts';
import { bitsOf, hex, isPowerOfTwo, roundUp } from '../../bytes/size.ts';
import { ImageError } from '../../errors.ts';
import type { TargetSpace } from './space.ts';
import type { TargetTables } from './tables.ts';

const TWO_32 = 2 ** 32;
const PAGE_MASK = 2 ** PAGE_BITS - 1;
/** Clusters that 32-bit operators can compute with. */
const NEAR = 2 ** 31;
/**
 * Rows of one call of the tight loop. A loop over a whole batch is compiled while it runs, without knowing what comes
 * after it, and thrown away when it ends; in slices the function is compiled whole, and stays.
 */
const SLICE = 1024;

export interface MapperRules {
  /** Guest bytes. */
  readonly imageSize: number;
  /** Bytes: the granularity of the source's mapping, whose last run may be rounded up behind the disk's end. */
  readonly sourceUnit: number;
  /** Bytes: the source file's length, rounded up to a cluster; no data lies behind it. */
  readonly sourceEnd: number;
  /** Host clusters from 0 that are the target's header area. */
  readonly headerClusters: number;
  /** The low word of an entry that reads as zeros, its high word being 0; undefined: zeros stay unmapped. */
  readonly zeroEntry: number | undefined;
}

export class Mapper {
  readonly #tables: TargetTables;
  readonly #space: TargetSpace;
  readonly #clusterSize: number;
  readonly #rules: MapperRules;
  /** Pages of the claimed clusters by number, for clusters below NEAR: one look-up per row. */
  readonly #pages: (Int32Array | undefined)[] = [];

  constructor(tables: TargetTables, space: TargetSpace, rules: MapperRules) {
    this.#tables = tables;
    this.#space = space;
    this.#clusterSize = space.clusterSize;
    this.#rules = rules;
  }

  /** Throws ImageError: see ConversionTarget.map. */
  map(extents: ExtentColumns, force: boolean): void {
    const { kind, guest, length, host, unit, count } = extents;
    for (let i = 0; i < count; i++) {
      i = this.#mapSlices(extents, i);
      if (i === count) return;
      const code = kind[i] as number;
      const guestAt = (guest[i] as number) * unit;
      const bytes = (length[i] as number) * unit;
      if (code === DATA) this.#mapData(guestAt, (host[i] as number) * unit, bytes, force);
      else if (code === ZERO || code === ZERO_ALLOCATED) this.#mapZero(guestAt, bytes, force);
      else if (code !== UNALLOCATED_ALLOCATED) throw cannotHold(EXTENT_KINDS[code] as string, guestAt);
    }
  }

  /** The guest bytes `from` .. `to` - 1 of a run that get entries: none of what stays unmapped. */
  mapped({ kind, guest, length }: Extent): { readonly from: number; readonly to: number } {
    const { imageSize } = this.#rules;
    if (kind === 'data') return { from: guest, to: Math.min(guest + length, imageSize) };
    const none = { from: guest, to: guest };
    if (kind !== 'zero' && kind !== 'zero-allocated') return none;
    const [first, last] = this.#zeroClusters(guest, length);
    return first < last ? { from: first * this.#clusterSize, to: Math.min(last * this.#clusterSize, imageSize) } : none;
  }

  /** Claims what the tables on the device refer to, after undo or redo. */
  reload(): void {
    const tables = this.#tables;
    this.#space.claim(tables.l1Offset, tables.shape.l1Bytes);
    for (let i = 0; i < tables.shape.l1Entries; i++) {
      if (tables.l2Offset(i) === 0) continue;
      this.#space.claim(tables.l2Offset(i), tables.shape.l2Bytes);
      tables.show(i);
      for (let word = 0; word < tables.words.length; word += 2) {
        const host = this.#hostAt(word);
        if (host !== 0) this.#space.claimed.testAndSet(host / this.#clusterSize);
      }
    }
  }

  /** `#mapRows` over all rows from `from`, a slice at a time; answers the first row that needs the thorough way. */
  #mapSlices(extents: ExtentColumns, from: number): number {
    let i = from;
    while (i < extents.count) {
      const end = Math.min(i + SLICE, extents.count);
      i = this.#mapRows(extents, i, end);
      if (i < end) break;
    }
    return i;
  }

  /**
   * The common case in a tight loop (8.4 million clusters in 1 TiB): data rows that lie within the current table, in
   * units that are whole clusters, where nothing was mapped before. All bounds are in units, below 2^31 clusters, so
   * that the loop computes in 32-bit integers. Answers the first row that is anything else; the thorough way deals
   * with it, errors included.
   */
  #mapRows(extents: ExtentColumns, from: number, end: number): number {
    const { kind, guest, length, host } = extents;
    const clusterSize = this.#clusterSize;
    const { imageSize, sourceEnd, headerClusters } = this.#rules;
    const tables = this.#tables;
    const ratio = extents.unit / clusterSize;
    // Columns of doubles are for offsets beyond 32 bits, and so are tables behind 2^31 clusters.
    const far = guest.BYTES_PER_ELEMENT > 4 || (tables.current + 1) * tables.entries > NEAR;
    if (!isPowerOfTwo(ratio) || tables.current < 0 || far) return skipUnallocated(extents, from, end);
    // `| 0` tells the compiler int32 where a number's history is not known to it: the loop is twice as fast for it.
    const base = (tables.current * tables.entries) | 0;
    const onDisk = Math.floor(imageSize / clusterSize);
    const low = Math.ceil(base / ratio) | 0;
    const high = Math.floor(Math.min(base + tables.entries, onDisk, NEAR - 1) / ratio) | 0;
    const lowest = Math.ceil(headerClusters / ratio) | 0;
    const highest = Math.floor(Math.min(sourceEnd / clusterSize, NEAR - 1) / ratio) | 0;
    const shift = bitsOf(ratio) | 0;
    const clusterBits = bitsOf(clusterSize) | 0;
    const hiShift = (32 - clusterBits) | 0;
    const { words } = tables;
    const { flagsHi } = tables.shape;
    const { claimed } = this.#space;
    const pages = this.#pages;
    let changed = false;
    let i = from;
    for (; i < end; i++) {
      const code = kind[i] as number;
      if (code !== DATA) {
        if (code === UNALLOCATED) continue;
        break;
      }
      // Values of 2^31 and more turn negative here, and out of bounds.
      const at = (guest[i] as number) | 0;
      const units = (length[i] as number) | 0;
      const hostAt = (host[i] as number) | 0;
      if (at < low || at >= high || units <= 0 || units > ((high - at) | 0)) break;
      if (hostAt < lowest || hostAt >= highest || units > ((highest - hostAt) | 0)) break;
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
        words[word + 1] = (first >>> hiShift) | flagsHi;
      } else {
        if (!areZero(words, word, clusters)) break;
        const taken = claimed.setRun(first, clusters);
        if (taken >= 0) throw this.#hostTaken(taken);
        this.#fillData(word, clusters, first * clusterSize);
      }
      changed = true;
    }
    if (changed) tables.select(base);
    return i;
  }

  /** The page of a cluster below 2^31, from now on in `#pages`. */
  #page(cluster: number): Int32Array {
    const page = this.#space.claimed.page(cluster);
    this.#pages[cluster >>> PAGE_BITS] = page;
    return page;
  }

  /** One data row, checked step by step. Bytes. */
  #mapData(guest: number, host: number, bytes: number, force: boolean): void {
    const clusterSize = this.#clusterSize;
    const { imageSize, sourceEnd, sourceUnit, headerClusters } = this.#rules;
    if (guest % clusterSize !== 0) throw unaligned('guest', guest, clusterSize);
    if (host % clusterSize !== 0) throw unaligned('host', host, clusterSize);
    if (guest >= imageSize) throw pastEnd(guest, imageSize);
    const length = Math.min(bytes, imageSize - guest);
    if (length % clusterSize !== 0 && guest + length < imageSize) throw unaligned('length', bytes, clusterSize);
    if (bytes > roundUp(length, Math.max(clusterSize, sourceUnit))) throw pastEnd(guest + bytes, imageSize);
    const clusters = Math.ceil(length / clusterSize);
    const first = host / clusterSize;
    if (host + clusters * clusterSize > sourceEnd) {
      throw new ImageError({
        code: 'host-past-end',
        class: 'eof',
        what: `host range ${hex(host)}..${hex(host + bytes)} ends behind the source file's end, ${hex(sourceEnd)}`,
      });
    }
    if (first < headerClusters) throw this.#hostTaken(first);
    this.#eachPiece(guest / clusterSize, clusters, force, (word, count, done) => {
      const taken = this.#space.claimed.setRun(first + done, count);
      if (taken >= 0) throw this.#hostTaken(taken);
      this.#fillData(word, count, (first + done) * clusterSize);
    });
  }

  /**
   * Zero clusters. A run may cover parts of larger target clusters: only without a backing file, where unallocated
   * reads the same; then those parts stay unmapped.
   */
  #mapZero(guest: number, bytes: number, force: boolean): void {
    const { imageSize, zeroEntry } = this.#rules;
    if (guest >= imageSize) throw pastEnd(guest, imageSize);
    if (zeroEntry === undefined) return;
    const [first, last] = this.#zeroClusters(guest, bytes);
    this.#eachPiece(first, last - first, force, (word, count) => {
      const { words } = this.#tables;
      for (let w = word; w < word + count * 2; w += 2) {
        words[w] = zeroEntry;
        words[w + 1] = 0;
      }
    });
  }

  /** The clusters that lie wholly in a run of zeros, end exclusive; none where zeros stay unmapped. Bytes. */
  #zeroClusters(guest: number, bytes: number): readonly [first: number, last: number] {
    const { imageSize, zeroEntry } = this.#rules;
    if (zeroEntry === undefined) return [0, 0];
    const clusterSize = this.#clusterSize;
    const end = Math.min(guest + bytes, imageSize);
    const last = end === imageSize ? Math.ceil(end / clusterSize) : Math.floor(end / clusterSize);
    return [Math.ceil(guest / clusterSize), last];
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
      if (((words[w] as number) | (words[w + 1] as number)) === 0) continue;
      const host = this.#hostAt(w);
      if (!force) {
        const guest = this.#tables.guestCluster(w) * this.#clusterSize;
        throw new ImageError({
          code: 'guest-mapped',
          class: 'dup',
          what: `guest offset ${hex(guest)} is mapped already, to ${host === 0 ? 'zeros' : `host ${hex(host)}`}`,
          tryThis: '--force to map it anew',
        });
      }
      if (host !== 0) this.#space.claimed.clear(host / this.#clusterSize);
    }
  }

  /** `count` entries from `word`, for clusters that follow each other from `host` (bytes). */
  #fillData(word: number, count: number, host: number): void {
    const { words } = this.#tables;
    const step = this.#clusterSize | 0;
    let lo = (host % TWO_32) | 0;
    let hi = Math.floor(host / TWO_32) | this.#tables.shape.flagsHi;
    for (let w = word; w < word + count * 2; w += 2) {
      words[w] = lo;
      words[w + 1] = hi;
      lo = (lo + step) | 0;
      if (lo === 0) hi = (hi + 1) | 0;
    }
  }

  /** The host offset of the entry at `word`, in bytes; 0 for an unallocated or zero one. */
  #hostAt(word: number): number {
    if (this.#tables.words[word] === this.#rules.zeroEntry && this.#tables.words[word + 1] === 0) return 0;
    return this.#tables.hostAt(word);
  }

  #hostTaken(cluster: number): ImageError {
    const host = cluster * this.#clusterSize;
    return new ImageError({
      code: 'host-taken',
      class: 'overlap',
      what: `host offset ${hex(host)} belongs to ${this.#ownerOf(host)} already`,
      where: { offset: host, length: this.#clusterSize },
    });
  }

  /** In words, for a refusal: slow and thorough. Bytes. */
  #ownerOf(host: number): string {
    const tables = this.#tables;
    const within = (offset: number, length: number): boolean => host >= offset && host < offset + length;
    if (host < this.#rules.headerClusters * this.#clusterSize) return 'the header area of the target';
    if (within(tables.l1Offset, tables.shape.l1Bytes)) return 'the L1 table of the target';
    for (let i = 0; i < tables.shape.l1Entries; i++) {
      if (tables.l2Offset(i) === 0) continue;
      if (within(tables.l2Offset(i), tables.shape.l2Bytes)) return `L2 table ${i} of the target`;
      tables.show(i);
      for (let word = 0; word < tables.words.length; word += 2) {
        if (this.#hostAt(word) === host) return `guest offset ${hex(tables.guestCluster(word) * this.#clusterSize)}`;
      }
    }
    return 'the target';
  }
}

/** The first row from `from` up to `end` that maps anything. */
function skipUnallocated(extents: ExtentColumns, from: number, end: number): number {
  let i = from;
  while (i < end && extents.kind[i] === UNALLOCATED) i++;
  return i;
}

function areZero(words: Int32Array, word: number, count: number): boolean {
  let seen = 0;
  for (let w = word; w < word + count * 2; w++) seen |= words[w] as number;
  return seen === 0;
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
