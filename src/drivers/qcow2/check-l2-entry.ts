/**
 * All rules of one L2 entry, in the order of qemu-img check, and the counters it prints about clusters. Complete but
 * not fast: check-l2.ts handles plain data clusters itself and brings everything else here.
 *
 * Invariants:
 *  1. Findings and references count `active + inactive` times (every L1 entry that leads here), the cluster counters
 *     `active` times (only the active image is looked at for fragmentation).
 *  2. `linked` is how many of the active uses have had an allocated cluster before this entry in their table: a first
 *     cluster is never fragmented.
 */
import { hasReservedBits } from '../../bytes/bits.ts';
import { hex, hex64 } from '../../bytes/size.ts';
import { ImageError, type Where } from '../../errors.ts';
import type { Finding, Severity } from '../finding.ts';
import { type Claims, COPIED } from './check-claims.ts';
import type { L1Tables } from './check-l1.ts';
import type { Runs } from './check-l2.ts';
import type { L2Piece } from './check-l2-pieces.ts';
import { readCompressedCluster } from './compressed.ts';
import { compressedOffsetBits, compressedRange } from './geometry.ts';
import { L2Entry } from './layout.ts';

const COMPRESSED = L2Entry.mask.compressed.hi;

/**
 * Guest bytes that check decompresses to see that they can be: the first ones. QEMU decompresses none; all of a large
 * image would take minutes. Small clusters and broken ones cost more time than their bytes say, and count as more.
 */
const DECODED_BYTES = 16 * 1024 * 1024;
const LEAST_DECODED = 32 * 1024;
const BROKEN_DECODED = 1024 * 1024;

export class L2Rules {
  /** As qemu-img prints them. Compressed clusters are always fragmented. */
  allocatedClusters = 0;
  fragmentedClusters = 0;
  compressedClusters = 0;
  /** Whether an active entry lacks COPIED, so that only the second pass can tell whether that is right. */
  anyWithoutCopied = false;
  readonly #claims: Claims;
  readonly #l1: L1Tables;
  #decodable = DECODED_BYTES;
  #piece: L2Piece | undefined;
  #active = 0;
  /** How often each reference of the piece counts: `active + inactive`. */
  times = 0;
  #linked = 0;
  /** Host offset that would continue the last allocated cluster, bytes; -1: none yet. */
  #next = -1;
  #pieceEnd = -1;

  constructor(claims: Claims, l1: L1Tables) {
    this.#claims = claims;
    this.#l1 = l1;
  }

  /** Entries of `piece` come next. */
  begin(piece: L2Piece): void {
    const began = piece.active - piece.begins;
    const continues = began > 0 && piece.offset === this.#pieceEnd;
    // Tables that end here are those that began first, which are the linked ones if any are.
    const ended = this.#active - began;
    this.#linked = continues ? Math.max(0, this.#linked - ended) : 0;
    if (!continues) this.#next = -1;
    this.#piece = piece;
    this.#active = piece.active;
    this.times = piece.active + piece.inactive;
    this.#pieceEnd = piece.offset + piece.length;
  }

  /** The cluster that would continue the last one, or -1 where there is none that is aligned. */
  nextCluster(): number {
    const cluster = this.#next / this.#claims.g.clusterSize;
    return this.#next >= 0 && cluster < 2 ** 31 && Number.isInteger(cluster) ? cluster | 0 : -1;
  }

  /** `clusters` allocated clusters that keep all rules but perhaps COPIED, in runs. */
  plain(clusters: number, { pairs, used, allCopied }: Runs): void {
    const breaks = used / 2 - 1;
    const firstBreaks = pairs[0] === pairs[1];
    this.allocatedClusters += clusters * this.#active;
    this.fragmentedClusters += firstBreaks ? this.#linked + (breaks - 1) * this.#active : breaks * this.#active;
    this.#linked = this.#active;
    this.#next = (pairs[used - 1] as number) * this.#claims.g.clusterSize;
    if (!allCopied && this.#active > 0) this.anyWithoutCopied = true;
  }

  /** The entry `at` bytes into the piece: its halves, and those of its subcluster bitmap (0 without extended L2). */
  entry(hi: number, lo: number, zeroBits: number, allocBits: number, at: number): void {
    const { g } = this.#claims;
    const extended = g.l2EntrySize === 16;
    if ((hi & COMPRESSED) !== 0) {
      this.#compressed(hi, lo, zeroBits | allocBits, at);
      return;
    }
    if (hasReservedBits(L2Entry, hi, lo)) this.#reserved(hi, lo, at);
    if ((lo & L2Entry.mask.zero.lo) !== 0 && (extended || g.version === 2)) this.#zeroFlag(hi, lo, at);
    const offset = ((hi & L2Entry.mask.offset.hi) >>> 0) * 2 ** 32 + ((lo & L2Entry.mask.offset.lo) >>> 0);
    const zero = (lo & L2Entry.mask.zero.lo) !== 0 && !extended;
    if (offset !== 0 || (g.dataFile && !zero && (hi & COPIED) !== 0)) {
      this.#cluster(hi, lo, offset, zeroBits, allocBits, at);
      return;
    }
    if ((hi & COPIED) !== 0) this.#copiedWithoutCluster(hi, lo, at);
    if (!zero && allocBits !== 0) this.#subclustersWithoutCluster(allocBits, at);
  }

  /** An allocated cluster, of data or of zeros. */
  #cluster(hi: number, lo: number, offset: number, zeroBits: number, allocBits: number, at: number): void {
    const { g } = this.#claims;
    if ((hi & COPIED) === 0 && this.#active > 0) this.anyWithoutCopied = true;
    if ((zeroBits & allocBits) !== 0) this.#subclusterConflict(zeroBits, allocBits, at);
    if (offset % g.clusterSize !== 0) this.#unaligned(hi, lo, offset, at);
    this.allocatedClusters += this.#active;
    if (this.#next !== offset) this.fragmentedClusters += this.#linked;
    this.#linked = this.#active;
    this.#next = offset + g.clusterSize;
    if (g.dataFile) this.#inDataFile(offset, at);
    else {
      this.#claims.claim(offset, g.clusterSize, this.times, () => ({ what: 'a data cluster', where: this.#where(at) }));
    }
  }

  #compressed(hi: number, lo: number, bitmap: number, at: number): void {
    const { g } = this.#claims;
    const entry = (): string => `compressed entry ${hex64(hi, lo)}`;
    if ((hi & COPIED) !== 0) {
      this.#find('compressed-copied', 'consistency', at, () => ({
        what: `${entry()} has COPIED (bit 63) set, which a compressed cluster must not have`,
        means: 'QEMU refuses to read this cluster',
      }));
    }
    if (g.dataFile) {
      this.#find('compressed-in-data-file', 'consistency', at, () => ({
        what: `${entry()}, but the image keeps its data in an external file, where nothing can be compressed`,
        means: 'QEMU refuses to read this cluster',
      }));
      return;
    }
    if (bitmap !== 0) {
      this.#find('compressed-subclusters', 'consistency', at, () => ({
        what: `${entry()} has a subcluster bitmap, expected 0 for a compressed cluster`,
        means: 'QEMU refuses to read this cluster',
      }));
      return;
    }
    this.allocatedClusters += this.#active;
    this.compressedClusters += this.#active;
    this.fragmentedClusters += this.#active;
    const { offset, length } = compressedRange(g, hi, lo);
    this.#claims.claim(offset, length, this.times, () => ({
      what: 'a compressed cluster',
      offset: hex64(hi & (2 ** (compressedOffsetBits(g) - 32) - 1), lo),
      where: this.#where(at),
    }));
    if ((hi & COPIED) !== 0 || offset >= this.#claims.device.size || this.#decodable <= 0) return;
    this.#decode(offset, length, at);
  }

  /** Whether a compressed cluster gives a whole cluster. */
  #decode(offset: number, length: number, at: number): void {
    const { device, g } = this.#claims;
    this.#decodable -= Math.max(g.clusterSize, LEAST_DECODED);
    try {
      readCompressedCluster(device, g, offset, length);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      this.#decodable -= BROKEN_DECODED;
      this.#findUnnoticed(error.code, 'corruption', 'consistency', at, () => ({
        what: error.what,
        means: 'this cluster cannot be read',
      }));
    }
  }

  #reserved(hi: number, lo: number, at: number): void {
    const { reserved } = L2Entry;
    this.#find('l2-reserved-bits', 'reserved', at, () => ({
      what: `L2 entry ${hex64(hi, lo)} has bits of ${hex64(hi & reserved.hi, lo & reserved.lo)} set, which are reserved and must be 0`,
      means: 'QEMU reads the cluster as if they were 0; a later version may give them a meaning',
    }));
  }

  #zeroFlag(hi: number, lo: number, at: number): void {
    if (this.#claims.g.version === 2) {
      this.#findUnnoticed('zero-flag-in-version-2', 'corruption', 'consistency', at, () => ({
        what: `L2 entry ${hex64(hi, lo)} has the zero flag (bit 0), which version 2 does not have`,
        means: 'QEMU refuses to read this cluster',
      }));
    } else {
      this.#findUnnoticed('zero-flag-in-extended-l2', 'corruption', 'reserved', at, () => ({
        what: `extended L2 entry ${hex64(hi, lo)} has bit 0 set, which is reserved there and must be 0`,
        means: 'it reads as if the bit were 0',
      }));
    }
  }

  #copiedWithoutCluster(hi: number, lo: number, at: number): void {
    this.#findUnnoticed('copied-without-cluster', 'note', 'consistency', at, () => ({
      what: `L2 entry ${hex64(hi, lo)} has COPIED (bit 63) set but no host cluster`,
      means: 'nothing: there is no cluster that a write could go to',
    }));
  }

  #subclustersWithoutCluster(allocBits: number, at: number): void {
    this.#find('subclusters-without-cluster', 'consistency', at, () => ({
      what: `subclusters are marked allocated (${hex(allocBits >>> 0)}), but the entry has no host cluster`,
      means: 'QEMU refuses to read these subclusters',
    }));
  }

  #subclusterConflict(zeroBits: number, allocBits: number, at: number): void {
    this.#find('subcluster-conflict', 'consistency', at, () => ({
      what: `subclusters ${hex((zeroBits & allocBits) >>> 0)} are marked both allocated and zero, at most one of the two is allowed`,
      means: 'QEMU refuses to read these subclusters',
    }));
  }

  #unaligned(hi: number, lo: number, offset: number, at: number): void {
    this.#find('data-cluster-align', 'align', at, () => ({
      what: `L2 entry ${hex64(hi, lo)} puts its cluster at ${hex(offset)}, expected a multiple of the cluster size ${hex(this.#claims.g.clusterSize)}`,
      means: 'QEMU refuses to read this cluster',
    }));
  }

  /** Data in an external file lies where the guest sees it. */
  #inDataFile(offset: number, at: number): void {
    const { g } = this.#claims;
    const { l1Word, isActive, table, offset: start } = this.#piece as L2Piece;
    const index = (start + at - table) / g.l2EntrySize;
    const guest = (this.#l1.locate(l1Word, isActive).index * g.l2Entries + index) * g.clusterSize;
    if (offset === guest) return;
    this.#findUnnoticed('data-file-offset', 'corruption', 'consistency', at, () => ({
      what: `guest cluster ${hex(guest)} is said to be at ${hex(offset)} of the external data file, expected the same offset`,
      means: 'QEMU refuses to read this cluster',
    }));
  }

  #find(code: string, faultClass: Finding['class'], at: number, say: () => { what: string; means: string }): void {
    const times = this.times;
    this.#claims.log.addLazily('corruption', times, () => ({
      code,
      severity: 'corruption',
      class: faultClass,
      where: this.#where(at),
      ...say(),
      qemuCount: times,
    }));
  }

  #findUnnoticed(
    code: string,
    severity: Severity,
    faultClass: Finding['class'],
    at: number,
    say: () => { what: string; means: string },
  ): void {
    this.#claims.log.addLazily(severity, 0, () => ({
      code,
      severity,
      class: faultClass,
      where: this.#where(at),
      ...say(),
      qemuCount: 0,
    }));
  }

  #where(at: number): Where {
    return whereOfEntry(this.#claims, this.#l1, this.#piece as L2Piece, at);
  }
}

/** The entry `at` bytes into `piece`, in the words of findings: `l2[0][5]`. */
export function whereOfEntry(claims: Claims, l1: L1Tables, piece: L2Piece, at: number): Where {
  const { l2EntrySize } = claims.g;
  const { prefix, index } = l1.locate(piece.l1Word, piece.isActive);
  const offset = piece.offset + at;
  return {
    offset,
    length: l2EntrySize,
    path: `${prefix}l2[${index}][${(offset - piece.table) / l2EntrySize}]`,
    spec: L2Entry.spec,
  };
}
