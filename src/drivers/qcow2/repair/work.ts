/**
 * What every mend of qcow2 works with: the image as it was examined, and the device it is mended on.
 *
 * Invariants:
 *  1. `append` places at the end of the file only, on clusters that nothing has ever been in.
 *  2. What a mend makes is `touched`, what it gives up is `released`: their refcounts, and the COPIED flags that lead
 *     there, are set right when all mends are done (settle.ts). Only what is released or freed can come to 0.
 *  3. Entries are read when they are changed, so mends of one entry add up.
 */
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import { roundUp } from '../../../bytes/size.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import type { Proposal } from '../../repair.ts';
import type { Mismatch } from '../check-refcounts.ts';
import type { Geometry } from '../geometry.ts';
import type { Qcow2Image } from '../image.ts';
import type { Examined } from '../rules.ts';

/** An image, what its check found and counted, and every run of clusters with a wrong refcount. */
export interface Patient extends Examined {
  readonly image: Qcow2Image;
  readonly device: Device;
  readonly g: Geometry;
  readonly runs: readonly Mismatch[];
  /** Clusters of metadata that have another owner too. */
  readonly taken: ClusterBitmap;
}

/** Whether the cluster of these bytes holds one table and no other metadata, whoever else leads there. */
export function isOneTable({ ownership, g }: Patient, offset: number): boolean {
  return offset >= g.clusterSize && ownership.of(Math.floor(offset / g.clusterSize)).length === 1;
}

/**
 * The first byte at or behind the end of the file, a multiple of the cluster size, from which nothing leads to the next
 * `length` bytes: an entry that was cut off from its cluster would otherwise lead to what is put there.
 */
export function freeEnd({ claims, g }: Patient, size: number, length: number): number {
  const count = Math.ceil(length / g.clusterSize);
  let first = Math.max(Math.ceil(size / g.clusterSize), claims.clusters);
  for (let at = claims.behindEnd.nextSet(first); at >= 0 && at < first + count; ) {
    first = claims.behindEnd.nextClear(at);
    at = claims.behindEnd.nextSet(first);
  }
  return first * g.clusterSize;
}

/**
 * Whether the bytes at `offset` are those of a table that stands in another's place, or where none can: what is changed
 * there would change the other, so it waits until the table has moved, or has gone.
 */
export function isContested({ taken, g }: Patient, offset: number): boolean {
  const cluster = Math.floor(offset / g.clusterSize);
  return cluster === 0 || taken.has(cluster);
}

/** In which order mends are done: what is built on comes first. */
export type Stage = 'header' | 'tables' | 'entries' | 'copies' | 'counts' | 'marks';
export const STAGES: readonly Stage[] = ['header', 'tables', 'entries', 'copies', 'counts', 'marks'];

/** A proposal, and how it is done. */
export interface Mend extends Proposal {
  readonly stage: Stage;
  make(bench: Workbench): void;
}

/** What is said of a mend in most cases: one finding, safe, nothing else to choose. */
export function mend(
  what: Pick<Mend, 'code' | 'change' | 'make' | 'stage' | 'places'> & Partial<Mend> & { readonly group: string },
): Mend {
  return { findings: what.places.length, isSafe: true, isPreferred: true, guest: [], ...what };
}

export class Workbench {
  readonly device: Device;
  readonly patient: Patient;
  readonly touched = new ClusterBitmap();
  readonly released = new ClusterBitmap();
  /** Leaked clusters to be freed. */
  readonly freed = new ClusterBitmap();
  /** The refcount structure is to be built anew: it is broken, or does not reach far enough. */
  rebuilds = false;
  /** What of wrong refcounts is to be set right; what is touched is anyway. */
  readonly counts = { wrong: false, copied: false, behindEnd: false };

  constructor(device: Device, patient: Patient) {
    this.device = device;
    this.patient = patient;
  }

  /** Bytes at the end of the file for `length` bytes, whole clusters. They read as zeros until they are written. */
  append(length: number): number {
    const { clusterSize } = this.patient.g;
    const offset = freeEnd(this.patient, this.device.size, length);
    const size = roundUp(length, clusterSize);
    this.device.resize(offset + size);
    this.touch(offset, size);
    return offset;
  }

  /** The clusters that share a byte with the range are in use. */
  touch(offset: number, length: number): void {
    this.#set(this.touched, offset, length);
  }

  /** Metadata stood in the clusters that share a byte with the range, and does no more. */
  release(offset: number, length: number): void {
    this.#set(this.released, offset, length);
  }

  #set(bitmap: ClusterBitmap, offset: number, length: number): void {
    const { clusterSize } = this.patient.g;
    const end = Math.min(offset + length, this.device.size);
    if (end <= offset) return;
    const first = Math.floor(offset / clusterSize);
    bitmap.setRun(first, Math.ceil(end / clusterSize) - first);
  }

  /** Changes a 64-bit big-endian entry at `offset`, given as two int32 halves. */
  change(offset: number, what: string, to: (hi: number, lo: number) => readonly [hi: number, lo: number]): void {
    const bytes = readBytes(this.device, offset, 8);
    const view = new DataView(bytes.buffer);
    const [hi, lo] = to(view.getInt32(0), view.getInt32(4));
    view.setInt32(0, hi);
    view.setInt32(4, lo);
    this.device.write(offset, bytes, what);
  }
}

/** An offset below 2^63, a multiple of 512, as the halves of an entry. */
export function halvesOf(offset: number): readonly [hi: number, lo: number] {
  return [Math.floor(offset / 2 ** 32) | 0, (offset % 2 ** 32) | 0];
}
