/**
 * L2 entries into runs: the loop that map, check's preflight and conversion spend their time in.
 *
 * An entry mostly says what the one before it announces: the next cluster, or nothing again. So the loop keeps the
 * entry that would continue the run and compares two int32 words with it; only the others are classified. Words come
 * from a buffer turned by `swap64` (native, cheaper than DataView), so on the little-endian machines Node runs on,
 * word 2i is the low half of entry i and word 2i + 1 the high half.
 *
 *  1. Runs are maximal across calls: the open run is carried until something ends it.
 *  2. Every entry gives a run: one that breaks a rule becomes an `invalid` run of its own, and the walk goes on.
 *  3. Nothing is allocated per entry. entry.ts is the slow, exact decode that a property test holds this to.
 */
import {
  COMPRESSED,
  DATA,
  ENCRYPTED,
  type ExtentColumns,
  hasHost,
  INVALID,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../../bytes/extents.ts';
import type { MappingRows } from '../driver.ts';
import { compressedRange, type Geometry, SUBCLUSTERS } from './geometry.ts';
import { L2Entry } from './layout.ts';

/** No run is open. */
const NONE = -1;
const OFFSET_HI = L2Entry.mask.offset.hi;
const COMPRESSED_HI = L2Entry.mask.compressed.hi;
/** Bits that a plain descriptor has clear in its high half: all but the offset and COPIED. */
const ODD_HI = ~(OFFSET_HI | L2Entry.mask.copied.hi);
const ALL = -1;

export class RunDecoder {
  readonly out: ExtentColumns;
  readonly #g: Geometry;
  readonly #fileSize: number;
  /** Clusters: a host cluster must have a lower number. */
  readonly #hostLimit: number;
  readonly #dataKind: number;
  /** Whether every cluster number, guest and host, is an int32, and host clusters are in this file. */
  readonly #fast: boolean;
  /** What stands for nothing: the kind UNALLOCATED, or no run at all where gaps are left out. */
  readonly #nothing: number;
  #kind = NONE;
  /** Units. */
  #start = 0;
  #host = 0;
  /** Host cluster that `#classify` found; 0 for kinds that have none. */
  #classified = 0;

  /** `fileSize`: bytes of the image file. `out` must have room for what is decoded between two emptyings. */
  constructor(g: Geometry, fileSize: number, out: ExtentColumns, rows: MappingRows = 'all') {
    this.#nothing = rows === 'all' ? UNALLOCATED : NONE;
    this.out = out;
    this.#g = g;
    this.#fileSize = fileSize;
    this.#hostLimit = g.dataFile ? 2 ** 56 / g.clusterSize : Math.ceil(fileSize / g.clusterSize);
    this.#dataKind = g.crypt === 'none' ? DATA : ENCRYPTED;
    const largest = Math.max(this.#hostLimit, out.end / g.clusterSize + 1);
    this.#fast = !g.dataFile && largest < 2 ** 31;
  }

  /** A stretch without L2 entries, from `unit`: unallocated, or invalid as a whole. */
  stretch(kind: typeof UNALLOCATED | typeof INVALID, unit: number): void {
    this.#next(kind, unit, 0);
  }

  /** Closes the open run at `unit`, the end of the walk. */
  close(unit: number): void {
    if (this.#kind !== NONE) this.out.push(this.#kind, this.#start, unit - this.#start, this.#host);
    this.#kind = NONE;
  }

  /** Whether a unit of the open run's kind belongs to it: `expected` is where the run's host range ends. */
  #goesOn(kind: number, host: number, expected: number): boolean {
    return kind !== INVALID && (!hasHost(kind) || host === expected);
  }

  /** What stands at `unit` is of this kind: goes on with the open run, or closes it and opens another. */
  #next(found: number, unit: number, host: number): void {
    const kind = found === UNALLOCATED ? this.#nothing : found;
    if (kind === this.#kind && this.#goesOn(kind, host, this.#host + unit - this.#start)) return;
    this.close(unit);
    this.#kind = kind;
    this.#start = unit;
    this.#host = host;
  }

  /**
   * Decodes `count` entries in `words` (already turned) for guest clusters from `cluster`, a standard table's.
   * Appends at most `count` runs.
   */
  standard(words: Int32Array, count: number, cluster: number): void {
    if (this.#fast) {
      this.#plain(words, count, cluster);
      return;
    }
    for (let i = 0; i < count; i++) {
      const kind = this.#classify(words[2 * i + 1] as number, words[2 * i] as number, cluster + i);
      this.#next(kind, cluster + i, this.#classified);
    }
  }

  /**
   * The hot loop: all in int32, for images whose clusters have numbers that are. Nothing and plain data are decided
   * here; everything else by `#classify`.
   */
  #plain(words: Int32Array, count: number, cluster: number): void {
    const { kind: kinds, guest: guests, length: lengths, host: hosts } = this.out;
    // `| 0` tells the compiler int32 where a number's history is not known to it; without it this is twice as slow.
    const clusterBits = this.#g.clusterBits | 0;
    const clusterSize = this.#g.clusterSize | 0;
    const dataKind = this.#dataKind | 0;
    const nothing = this.#nothing | 0;
    // Near the end of the file every entry is looked at, so that a run never goes on behind it.
    const hostLimit = (this.#hostLimit - count) | 0;
    const shift = 32 - clusterBits;
    const end = (count * 2) | 0;
    const oddLo = clusterSize - 1;
    const oddHi = ODD_HI | (OFFSET_HI & -(1 << (clusterBits - 1)));
    let row = this.out.count | 0;
    let kind = this.#kind | 0;
    let start = this.#start | 0;
    let host = this.#host | 0;
    // The entry that continues the run, and what one cluster adds to it; step -1: no entry does.
    let nextHi = 0;
    let nextLo = 0;
    let step = -1;
    for (let i = 0, unit = cluster | 0; i < end; i = (i + 2) | 0, unit = (unit + 1) | 0) {
      const lo = (words[i] as number) | 0;
      const hi = (words[i + 1] as number) | 0;
      if (lo === nextLo && hi === nextHi && step >= 0) {
        nextLo = (nextLo + step) | 0;
        if (nextLo >= 0 && nextLo < step) nextHi = (nextHi + 1) | 0;
        continue;
      }
      let newKind = nothing;
      let newHost = 0;
      nextHi = hi;
      nextLo = lo;
      step = 0;
      if ((lo | hi) === 0) {
        if (kind === nothing) continue;
      } else {
        newHost = ((hi & OFFSET_HI) << shift) | (lo >>> clusterBits);
        if (((hi & oddHi) | (lo & oddLo)) === 0 && newHost > 0 && newHost < hostLimit) {
          newKind = dataKind;
          step = clusterSize;
          nextLo = (lo + step) | 0;
          if (nextLo >= 0 && nextLo < step) nextHi = (hi + 1) | 0;
          if (kind === dataKind && newHost === ((host + unit - start) | 0)) continue;
        } else {
          newKind = this.#classify(hi, lo, unit) | 0;
          if (newKind === UNALLOCATED) newKind = nothing;
          newHost = this.#classified | 0;
          step = newHost === 0 && newKind !== INVALID ? 0 : -1;
          if (newKind === kind && this.#goesOn(newKind, newHost, (host + unit - start) | 0)) continue;
        }
      }
      if (kind !== NONE) {
        kinds[row] = kind;
        guests[row] = start;
        lengths[row] = (unit - start) | 0;
        hosts[row] = host;
        row = (row + 1) | 0;
      }
      kind = newKind;
      start = unit;
      host = newHost;
    }
    this.out.count = row;
    this.#kind = kind;
    this.#start = start;
    this.#host = host;
  }

  /** The kind of any standard entry, for guest cluster `cluster`; its host cluster goes to `#classified`. */
  #classify(hi: number, lo: number, cluster: number): number {
    const { clusterBits, clusterSize, version, dataFile } = this.#g;
    this.#classified = 0;
    if ((hi & ODD_HI) !== 0) return (hi & COMPRESSED_HI) !== 0 && this.#isCompressed(hi, lo) ? COMPRESSED : INVALID;
    // Above the zero flag all bits up to the cluster size are reserved, or make the offset unaligned.
    if ((lo & (clusterSize - 2)) !== 0) return INVALID;
    const zero = (lo & 1) === 1;
    if (zero && version < 3) return INVALID;
    const host = (hi & OFFSET_HI) * 2 ** (32 - clusterBits) + (lo >>> clusterBits);
    // In a data file cluster 0 is a place like any other: COPIED says that it is allocated.
    if (host === 0 && (zero || !dataFile || hi === 0)) return zero ? ZERO : UNALLOCATED;
    if (host >= this.#hostLimit || (dataFile && host !== cluster)) return INVALID;
    this.#classified = host;
    return zero ? ZERO_ALLOCATED : this.#dataKind;
  }

  /** The same for extended entries, 16 bytes each: at most 32 runs per entry. */
  extended(words: Int32Array, count: number, cluster: number): void {
    const { clusterBits, clusterSize, dataFile } = this.#g;
    const hiScale = 2 ** (32 - clusterBits);
    for (let i = 0; i < count; i++) {
      const lo = words[4 * i] as number;
      const hi = words[4 * i + 1] as number;
      const allocated = words[4 * i + 2] as number;
      const zero = words[4 * i + 3] as number;
      const unit = (cluster + i) * SUBCLUSTERS;
      if ((hi & COMPRESSED_HI) !== 0) {
        const valid = (allocated | zero) === 0 && this.#isCompressed(hi, lo);
        this.#next(valid ? COMPRESSED : INVALID, unit, 0);
        continue;
      }
      const host = (hi & OFFSET_HI) * hiScale + (lo >>> clusterBits);
      const owns = host > 0 || (dataFile && hi < 0);
      const valid =
        (hi & ODD_HI) === 0 &&
        (lo & (clusterSize - 1)) === 0 &&
        (allocated & zero) === 0 &&
        (owns ? host < this.#hostLimit && (!dataFile || host === cluster + i) : allocated === 0);
      if (!valid) this.#next(INVALID, unit, 0);
      else if (owns) this.#subclusters(allocated, zero, unit, host * SUBCLUSTERS);
      else this.#unbacked(zero, unit);
    }
  }

  /** Subclusters of a cluster with host space: data, zero, or neither. */
  #subclusters(allocated: number, zero: number, unit: number, host: number): void {
    if (allocated === ALL) this.#next(this.#dataKind, unit, host);
    for (let i = 0; i < SUBCLUSTERS && allocated !== ALL; i++) {
      const plain = ((zero >>> i) & 1) === 1 ? ZERO_ALLOCATED : UNALLOCATED_ALLOCATED;
      this.#next(((allocated >>> i) & 1) === 1 ? this.#dataKind : plain, unit + i, host + i);
    }
  }

  /** Subclusters of a cluster without host space: zero or unallocated. */
  #unbacked(zero: number, unit: number): void {
    if (zero === 0) {
      this.#next(UNALLOCATED, unit, 0);
      return;
    }
    for (let i = 0; i < SUBCLUSTERS; i++) this.#next(((zero >>> i) & 1) === 1 ? ZERO : UNALLOCATED, unit + i, 0);
  }

  /** Whether a compressed descriptor keeps its rules; called for compressed clusters only. */
  #isCompressed(hi: number, lo: number): boolean {
    return hi >= 0 && !this.#g.dataFile && compressedRange(this.#g, hi, lo).offset < this.#fileSize;
  }
}
