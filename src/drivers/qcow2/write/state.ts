/**
 * One qcow2 image open for writing: where its tables are, what of them is in memory, and what a request must not
 * forget. The functions beside this file work on it; none of them is a method, so that each can be read alone.
 *
 *  1. Tables are changed only by who holds `lock`; data is copied and written without it, as in QEMU.
 *  2. `image` is thrown away whenever the header changes, and opened again on what is in memory.
 *  3. After `fail` no request is taken any more.
 */

import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { type Request, until } from '../../../device/events.ts';
import type { ImageError } from '../../../errors.ts';
import type { SectorCipher } from '../../sector-cipher.ts';
import type { WriteContext } from '../../writing.ts';
import type { Geometry } from '../geometry.ts';
import { Qcow2Image } from '../image.ts';
import { HeaderV3 } from '../layout.ts';
import { cachedDevice } from './cached-device.ts';
import { type Claim, type ClaimKind, Claims, checkedKinds } from './claims.ts';
import { ioFailure, noMedium } from './complaints.ts';
import { PairTable } from './pair-table.ts';
import { TableCache } from './table-cache.ts';

/** Memory for clean tables, bytes: as much as QEMU takes for L2 tables, and a little of refcounts. */
const L2_MEMORY = 16 * 1024 * 1024;
const BLOCK_MEMORY = 4 * 1024 * 1024;

const DIRTY = 1;
const CORRUPT = 2;

/** Dirty bitmaps, as requests meet them. Bytes. */
export interface TrackedBitmaps {
  /** Throws ImageError where one of them cannot follow. */
  checkResize(): void;
  resize(size: number): void;
  touch(guest: number, length: number): void;
  save(): Request;
}

/** A request's clusters from allocation until its entries say where they are. Guest bytes, whole clusters. */
export interface InFlight {
  readonly from: number;
  readonly to: number;
  /** What of that changes, where the clusters have their place already. Absent: all. */
  readonly touches?: { readonly from: number; readonly to: number };
}

export class WriteState {
  readonly device: Device;
  /** What host offsets of guest data mean. */
  readonly data: Device;
  readonly context: WriteContext;
  g: Geometry;
  l1: PairTable;
  refTable: PairTable;
  readonly l2: TableCache;
  readonly blocks: TableCache;
  /** Bytes of L2 entries that are loaded and looked at together: a whole table, as QEMU has it unless told otherwise. */
  readonly sliceSize: number;
  readonly claims: Claims;
  readonly #checked: ReadonlySet<ClaimKind>;
  readonly inFlight = new Set<InFlight>();
  /** Guest ranges whose bytes are on their way to where the entries say, while that can be suspended. */
  readonly inPlace = new Set<InFlight>();
  /** No cluster below this one is free. */
  firstFree = 0;
  /** Where the next compressed cluster may begin, in a cluster that is not full; 0: in a new one. */
  freeByte = 0;
  /** Clusters whose last reference is gone in memory only: the file's tables may still lead to them. */
  readonly #freed = { clusters: new ClusterBitmap(), count: 0 };
  readonly cipher: SectorCipher | undefined;
  readonly lazyRefcounts: boolean;
  readonly dataFileRaw: boolean;
  readonly hasBacking: boolean;
  /** Persistent dirty bitmaps, where the image has any. */
  bitmaps: TrackedBitmaps | undefined;
  /** The low half of incompatible_features. */
  incompatible: number;
  #image: Qcow2Image | undefined;
  #locked = false;
  #signaled = false;
  #dead = false;

  constructor(image: Qcow2Image, context: WriteContext, lazyRefcounts: boolean) {
    const { device, geometry: g, header } = image;
    this.device = device;
    this.data = image.dataDevice ?? device;
    this.context = context;
    this.g = g;
    this.l1 = PairTable.read(device, g.l1Offset, g.l1Entries);
    this.refTable = PairTable.read(device, g.refcountTableOffset, (g.refcountTableClusters * g.clusterSize) / 8);
    this.sliceSize = g.clusterSize;
    this.incompatible = header.incompatible_features.lo;
    this.lazyRefcounts = lazyRefcounts;
    this.dataFileRaw = image.dataFile?.raw ?? false;
    this.hasBacking = image.backing !== undefined;
    this.cipher = image.cipher;
    this.l2 = new TableCache(device, {
      name: 'l2 table',
      unit: this.sliceSize,
      limit: Math.max(8, L2_MEMORY / this.sliceSize),
      loaded: 'l2_load',
      written: 'l2_update',
      guard: (offset, length) => this.guard(offset, length, 'active-l2'),
      barrier: () => this.barrier(),
      settled: () => this.#forgetFreed(),
    });
    this.blocks = new TableCache(device, {
      name: 'refcount block',
      unit: g.clusterSize,
      limit: Math.max(8, BLOCK_MEMORY / g.clusterSize),
      written: 'refblock_update_part',
      guard: (offset, length) => this.guard(offset, length, 'refcount-block'),
      barrier: () => this.barrier(),
    });
    this.#image = image;
    this.#checked = checkedKinds(context.options);
    this.claims = new Claims(this, this.#checked);
    this.#image = undefined;
  }

  /** As every ended request left it. */
  get image(): Qcow2Image {
    this.#image ??= Qcow2Image.open(cachedDevice(this.device, this.l2, this.blocks), this.context);
    return this.#image;
  }

  /** The header, or a table that its fields lead to, is another one now. */
  reopen(geometry: Partial<Geometry> = {}): void {
    this.g = { ...this.g, ...geometry };
    this.#image = undefined;
  }

  /** Structures that stand in one piece. */
  *pieces(): Generator<Claim> {
    const { clusterSize } = this.g;
    yield { kind: 'main-header', offset: 0, length: clusterSize };
    yield { kind: 'active-l1', offset: this.l1.offset, length: this.l1.count * 8 };
    yield { kind: 'refcount-table', offset: this.refTable.offset, length: this.refTable.count * 8 };
    const { header, snapshotTable, bitmapTable } = this.image;
    if (snapshotTable.snapshots.length > 0) {
      yield { kind: 'snapshot-table', offset: header.snapshots_offset, length: snapshotTable.tableBytes };
    }
    for (const { l1Offset, l1Entries } of snapshotTable.snapshots) {
      yield { kind: 'inactive-l1', offset: l1Offset, length: l1Entries * 8 };
      if (!this.#checked.has('inactive-l2')) continue;
      const l1 = PairTable.read(this.device, l1Offset, l1Entries);
      for (let i = 0; i < l1Entries; i++) {
        if (l1.isSet(i)) yield { kind: 'inactive-l2', offset: l1.at(i), length: clusterSize };
      }
    }
    const { directoryOffset, directoryBytes } = bitmapTable;
    if (directoryBytes > 0) yield { kind: 'bitmap-directory', offset: directoryOffset, length: directoryBytes };
  }

  /** Throws where metadata stands in the bytes, having marked the image corrupt. */
  guard(offset: number, length: number, writes?: ClaimKind): void {
    const met = this.claims.at(offset, length, writes);
    if (met) throw this.corruption(`Preventing invalid write on metadata (overlaps with ${met})`);
  }

  /** The same for guest data. */
  guardData(offset: number, length: number): void {
    if (this.data === this.device) this.guard(offset, length);
  }

  /**
   * Marks the image corrupt, says so as QEMU does, and takes no further request. Answers what the request fails with.
   * `message`: in QEMU's words, without a full stop.
   */
  corruption(message: string): ImageError {
    if (this.context.readOnly) this.oddity(message);
    else if (!this.#dead) {
      this.context.warn?.(`qcow2: Marking image as corrupt: ${message}; further corruption events will be suppressed`);
      this.#dead = true;
      this.#signaled = true;
      this.setIncompatible(this.incompatible | CORRUPT);
    }
    return ioFailure(message);
  }

  /** The same where the request can go on: only told, once. */
  oddity(message: string): void {
    if (this.#signaled) return;
    this.#signaled = true;
    this.context.warn?.(`qcow2: Image is corrupt: ${message}; further non-fatal corruption events will be suppressed`);
  }

  /** Throws when the image was marked corrupt. Every request begins with it. */
  alive(): void {
    if (this.#dead) throw noMedium();
  }

  get isDead(): boolean {
    return this.#dead;
  }

  get isDirty(): boolean {
    return (this.incompatible & DIRTY) !== 0;
  }

  /** With lazy refcounts: before the first reference that the refcounts in the file do not know. */
  markDirty(): void {
    if (this.isDirty) return;
    this.setIncompatible(this.incompatible | DIRTY);
    this.device.flush();
  }

  /** Guest data, wherever it is, and tables: durable, as far as they are written. */
  barrier(): void {
    if (this.data !== this.device) this.data.flush();
    this.device.flush();
  }

  /** Everything is written and durable: the refcounts in the file can be relied on again. */
  markClean(): void {
    this.setIncompatible(this.incompatible & ~DIRTY);
    this.device.flush();
  }

  /** Version 2 has no such bits: there it is remembered only. */
  setIncompatible(low: number): void {
    this.incompatible = low;
    if (this.g.version < 3) return;
    const at = HeaderV3.at.incompatible_features;
    const bytes = readBytes(this.device, at, 8);
    new DataView(bytes.buffer).setUint32(4, low);
    this.device.write(at, bytes, 'header');
    this.reopen();
  }

  get isLocked(): boolean {
    return this.#locked;
  }

  /** Takes the lock on the tables, waiting for who has it. */
  *lock(): Request {
    while (this.#locked) yield* until(() => !this.#locked);
    this.alive();
    this.#locked = true;
  }

  /** The same, once no request is writing to the guest bytes `from` .. `to` - 1: for who takes their clusters away. */
  *lockAgainst(from: number, to: number): Request {
    const meets = (set: ReadonlySet<InFlight>): boolean => {
      for (const other of set) if (other.from < to && other.to > from) return true;
      return false;
    };
    const isBusy = (): boolean => this.#locked || meets(this.inFlight) || meets(this.inPlace);
    while (isBusy()) yield* until(() => !isBusy());
    yield* this.lock();
  }

  unlock(): void {
    this.#locked = false;
  }

  /** The cluster's last reference is gone. */
  noteFreed(cluster: number): void {
    this.#freed.clusters.testAndSet(cluster);
    this.#freed.count++;
  }

  /** Whether tables in the file may still lead to one of the clusters `first` .. `last`. */
  isFreshlyFreed(first: number, last: number): boolean {
    if (this.#freed.count === 0) return false;
    const next = this.#freed.clusters.nextSet(first);
    return next >= 0 && next <= last;
  }

  #forgetFreed(): void {
    if (this.#freed.count === 0) return;
    this.#freed.clusters = new ClusterBitmap();
    this.#freed.count = 0;
  }
}
