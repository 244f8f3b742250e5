/**
 * What the rules of check share: the image under check, its findings so far, and the one way to say "these bytes of
 * the file are in use", which is also where references behind the end of the file are found.
 *
 * Invariants:
 *  1. Memory follows the file's size: nothing behind its end is ever counted, as in QEMU.
 *  2. Everything here is said with a multiplicity (`times`): a table that 1000 entries point to is walked once, and
 *     what it claims counts 1000 times.
 */
import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import { hex, roundUp } from '../../bytes/size.ts';
import type { Device } from '../../device/device.ts';
import type { Where } from '../../errors.ts';
import type { FindingLog } from '../finding.ts';
import { WantedReferences } from '../two-level/wanted-references.ts';
import { ReferenceCounts } from './check-counts.ts';
import { type Geometry, refcountBits } from './geometry.ts';
import { L1Entry } from './layout.ts';

/** A byte range of metadata and its owner, for people: 'active L1 table', 'L1 table of snapshot s1'. */
export interface Owner {
  readonly offset: number;
  readonly length: number;
  readonly label: string;
  /** The field that says so. */
  readonly where: () => Where;
}

/** Who claims bytes: what they hold, and the field that says so. Made only for a finding. */
export interface Claimant {
  /** 'an L2 table', 'a data cluster', 'the refcount table'. */
  readonly what: string;
  /** The claimed offset, exact, where a double may not be. */
  readonly offset?: string;
  readonly where: Where;
}

/**
 * How loops recognise L1 and L2 entries that keep all rules. Integers computed once: V8 would sink the arithmetic that
 * gives them into the loops (measured: 30x slower).
 */
export interface PlainEntries {
  /** Bits of the high half that must be 0: flags other than COPIED, and offsets that 32-bit clusters cannot hold. */
  readonly oddHi: number;
  /** Bits of the low half that must be 0: flags, and offsets inside a cluster. */
  readonly oddLo: number;
  /** The cluster of a plain entry is `(hi << up) | (lo >>> down)`, which drops COPIED; 0 is none. */
  readonly up: number;
  readonly down: number;
  /** The cluster must be below this: inside the file, and a number that 32-bit operators can hold. */
  readonly limit: number;
}

/** The high half of an entry with only COPIED set. */
export const COPIED = L1Entry.mask.copied.hi;

function plainEntries({ clusterBits, clusterSize }: Geometry, clusters: number): PlainEntries {
  return {
    oddHi: ~(2 ** (clusterBits - 1) - 1) & ~COPIED,
    oddLo: (clusterSize - 1) | 0,
    up: 32 - clusterBits,
    down: clusterBits,
    limit: Math.min(clusters, 2 ** 31 - 1),
  };
}

/** Clusters behind the end of the file of which it is known whether something leads there. */
const NOTED_BEHIND = 2 ** 22;

export class Claims {
  readonly device: Device;
  readonly g: Geometry;
  readonly log: FindingLog;
  readonly counts: ReferenceCounts;
  readonly wanted = new WantedReferences();
  /** Tables and the header, but not L2 tables and refcount blocks, of which there may be millions. */
  readonly owners: Owner[] = [];
  /** Host clusters that hold refcount blocks. */
  readonly refcountBlocks = new ClusterBitmap();
  /** Clusters of the file; one more where a reference reaches a little past its last cluster. */
  clusters: number;
  readonly plain: PlainEntries;
  /** Whether a reference was found that was not counted because it lies behind the end of the file. */
  anyPastEnd = false;
  /** Clusters not far behind the end of the file that such references lead to. */
  readonly behindEnd = new ClusterBitmap();

  constructor(device: Device, g: Geometry, log: FindingLog) {
    this.device = device;
    this.g = g;
    this.log = log;
    this.counts = new ReferenceCounts(refcountBits(g));
    this.clusters = Math.ceil(device.size / g.clusterSize);
    this.plain = plainEntries(g, this.clusters);
  }

  /**
   * The bytes [offset, offset + length) are in use `times` times. The last cluster of a file may be half there, so
   * only bytes a whole cluster or more behind the end are a corruption, and those are not counted (qemu-img: "counting
   * reference for region exceeding the end of the file by one cluster or more"). QEMU counts files in whole sectors.
   */
  claim(offset: number, length: number, times: number, claimant: () => Claimant): void {
    const { clusterSize } = this.g;
    if (length <= 0) return;
    const beyond = offset + length - this.device.size;
    if (offset + length - roundUp(this.device.size, 512) >= clusterSize) {
      this.anyPastEnd = true;
      this.#noteBehindEnd(offset, length);
      this.log.addLazily('corruption', times, () => {
        const { what, offset: exact = hex(offset), where } = claimant();
        return {
          code: 'past-end-of-file',
          severity: 'corruption',
          class: 'eof',
          where,
          what: `${what} at ${exact} ends ${hex(beyond)} bytes behind the end of the file at ${hex(this.device.size)}, less than a cluster (${hex(clusterSize)}) allowed`,
          means: 'it reads as zeros: what it held is lost, or the file was cut off',
          qemuCount: times,
        };
      });
      return;
    }
    const first = Math.floor(offset / clusterSize);
    const last = Math.floor((offset + length - 1) / clusterSize);
    if (last >= this.clusters) this.clusters = last + 1;
    this.addRun(first, last - first + 1, times);
  }

  #noteBehindEnd(offset: number, length: number): void {
    const { clusterSize } = this.g;
    const end = Math.min(Math.ceil((offset + length) / clusterSize), this.clusters + NOTED_BEHIND);
    const first = Math.max(Math.floor(offset / clusterSize), Math.floor(this.device.size / clusterSize));
    if (first < end) this.behindEnd.setRun(first, end - first);
  }

  /** As `claim`, for metadata whose owner is remembered so that overlaps can be named. */
  claimTable(offset: number, length: number, label: string, where: () => Where): void {
    if (length > 0) this.owners.push({ offset, length, label, where });
    this.claim(offset, length, 1, () => ({ what: label, where: where() }));
  }

  /** `times` references to each of `count` clusters of the file from `first`. */
  addRun(first: number, count: number, times: number): void {
    const lost = this.counts.addRun(first, count, times);
    if (lost > 0) this.#overflow(first, count, lost);
  }

  #overflow(first: number, count: number, lost: number): void {
    const { clusterSize } = this.g;
    this.log.addLazily('corruption', lost, () => ({
      code: 'refcount-overflow',
      severity: 'corruption',
      class: 'dup',
      where: {
        offset: first * clusterSize,
        length: count * clusterSize,
        path: `cluster[${first}]`,
        spec: 'qcow2: Refcounts',
      },
      what: `${lost} ${lost === 1 ? 'reference' : 'references'} too many to the ${count === 1 ? 'cluster' : `${count} clusters`} at ${hex(first * clusterSize)}: a refcount of ${refcountBits(this.g)} ${refcountBits(this.g) === 1 ? 'bit' : 'bits'} holds at most ${this.counts.limit}`,
      means: 'a write through one of them may change what another one sees',
      references: this.wanted.of(first),
      qemuCount: lost,
    }));
  }
}
