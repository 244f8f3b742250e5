/**
 * The refcount structure built anew behind the end of the file, where the one there is cannot be used or does not reach
 * far enough. The old one is not read as true where it is broken, and is free afterwards.
 *
 * Invariants:
 *  1. Every cluster that something refers to gets the number of references, the new table and blocks among them.
 *  2. A cluster that nothing refers to stays marked used where it was so, or where nobody can say and its bytes are not
 *     all zero: freeing it is for a proposal of its own.
 *  3. Header fields that place the table are written last, in one write.
 */
import type { Progress } from '../../../bytes/progress.ts';
import { roundUp } from '../../../bytes/size.ts';
import { patch } from '../../../bytes/struct.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { countNonZero } from '../../../device/zeros.ts';
import { ImageError } from '../../../errors.ts';
import { decodeCounters } from '../check-refcount-table.ts';
import { setCount } from '../counters.ts';
import { HeaderV2, LIMITS } from '../layout.ts';
import { type RefcountSize, refcountSize } from '../refcount-build.ts';
import { hasBlock } from './counters.ts';
import { freeEnd, halvesOf, type Patient } from './work.ts';

/** `patient`: as everything else has been mended. Throws ImageError where the table would be larger than QEMU reads. */
export function* rebuildRefcounts(device: Device, patient: Patient): Generator<Progress, void> {
  const { g } = patient;
  const { clusterSize, refcountsPerBlock } = g;
  const { start, blocks, tableClusters } = placeFor(device, patient);
  if (tableClusters * clusterSize > LIMITS.refcountTable) throw tooLarge();
  const tableOffset = start + blocks * clusterSize;
  const end = tableOffset + tableClusters * clusterSize;
  const counts = new NewCounts(device, patient, start / clusterSize, end / clusterSize);
  const table = new DataView(new ArrayBuffer(tableClusters * clusterSize));
  for (let i = 0; i < blocks; i++) {
    const offset = start + i * clusterSize;
    device.write(offset, counts.block(i), `refcount block ${i}`);
    const [hi, lo] = halvesOf(offset);
    table.setInt32(8 * i, hi);
    table.setInt32(8 * i + 4, lo);
    yield { what: 'refcount blocks', done: i * refcountsPerBlock, total: end / clusterSize };
  }
  device.write(tableOffset, new Uint8Array(table.buffer), 'refcount table');
  const header = readBytes(device, 0, HeaderV2.size);
  patch(HeaderV2, header, { refcount_table_offset: tableOffset, refcount_table_clusters: tableClusters });
  const { refcount_table_offset: from, nb_snapshots: to } = HeaderV2.at;
  device.write(from, header.subarray(from, to), 'header');
}

/** Blocks, then the table, behind all that anything leads to: the further back, the more there is to count. */
function placeFor(device: Device, patient: Patient): RefcountSize & { readonly start: number } {
  const { clusterSize, refcountOrder } = patient.g;
  let start = roundUp(device.size, clusterSize);
  for (;;) {
    const size = refcountSize(start / clusterSize, clusterSize, refcountOrder);
    const free = freeEnd(patient, start, (size.blocks + size.tableClusters) * clusterSize);
    if (free === start) return { start, ...size };
    start = free;
  }
}

/** What each counter is to be. */
class NewCounts {
  readonly #device: Device;
  readonly #patient: Patient;
  readonly #start: number;
  readonly #end: number;
  /** How often the old structure refers to a cluster. */
  readonly #old = new Map<number, number>();
  readonly #piece = Buffer.alloc(64 * 1024);

  /** Clusters `start` .. `end` - 1 are the new structure's. */
  constructor(device: Device, patient: Patient, start: number, end: number) {
    this.#device = device;
    this.#patient = patient;
    this.#start = start;
    this.#end = end;
    const { g, table, claims } = patient;
    const tableEnd = Math.ceil(g.refcountTableOffset / g.clusterSize) + g.refcountTableClusters;
    const isCounted = tableEnd * g.clusterSize - device.size < g.clusterSize;
    for (let at = g.refcountTableOffset / g.clusterSize; isCounted && at < tableEnd; at++) this.#claim(at);
    for (let i = 0; i < table.entries; i++) {
      const offset = table.block(i);
      const reserved = (table.words[2 * i] as number) & 0x1ff;
      if (offset !== 0 && reserved === 0 && table.aligned(i) && offset / g.clusterSize < claims.clusters) {
        this.#claim(offset / g.clusterSize);
      }
    }
  }

  #claim(cluster: number): void {
    this.#old.set(cluster, (this.#old.get(cluster) ?? 0) + 1);
  }

  block(i: number): Uint8Array {
    const { g, table, claims } = this.#patient;
    const { refcountsPerBlock, clusterSize } = g;
    const first = i * refcountsPerBlock;
    const bytes = new Uint8Array(clusterSize);
    const isKnown = hasBlock(this.#patient, i);
    // A block that was never made counts nothing; where something is in use, it was there and is lost.
    const isAbsent = ((table.words[2 * i] ?? 0) | (table.words[2 * i + 1] ?? 0)) === 0 && !this.#isUsed(first);
    const stored = isKnown ? this.#stored(table.block(i)) : undefined;
    for (let at = 0; at < refcountsPerBlock && first + at < this.#end; at++) {
      const cluster = first + at;
      let value = 1;
      // Between the old end and the new structure nothing is counted, but what leads there makes it used.
      if (cluster >= claims.clusters && cluster < this.#start) value = Number(claims.behindEnd.has(cluster));
      else if (cluster < this.#start) {
        const old = this.#old.get(cluster) ?? 0;
        value = claims.counts.overflowed.has(cluster) ? claims.counts.limit : claims.counts.get(cluster) - old;
        if (value === 0 && old === 0) value = this.#kept(cluster, stored?.[at], isAbsent);
      }
      if (value > 0) setCount(bytes, g.refcountOrder, at, value);
    }
    return bytes;
  }

  /** Whether something refers to a cluster that the block from `first` on counts. */
  #isUsed(first: number): boolean {
    const { claims, g } = this.#patient;
    return claims.counts.referenced(first, first + g.refcountsPerBlock).next().done !== true;
  }

  /** Of a cluster that nothing refers to. */
  #kept(cluster: number, stored: number | undefined, isAbsent: boolean): number {
    if (stored !== undefined) return stored > 0 ? 1 : 0;
    if (isAbsent) return 0;
    const { clusterSize } = this.#patient.g;
    return countNonZero(this.#device, cluster * clusterSize, clusterSize, this.#piece) > 0 ? 1 : 0;
  }

  #stored(offset: number): ArrayLike<number> {
    const { clusterSize, refcountOrder } = this.#patient.g;
    return decodeCounters(Buffer.from(readBytes(this.#device, offset, clusterSize)), refcountOrder);
  }
}

function tooLarge(): ImageError {
  return new ImageError({
    code: 'refcount-table-too-large',
    what: 'a new refcount table for this file would be larger than 8 MiB, which QEMU does not read',
  });
}
