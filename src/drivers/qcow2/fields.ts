/**
 * The named fields of a qcow2 image: `header`, `extension[i]`, `l1[i]`, `l2[i][j]`, `refcount_table[i]`,
 * `refcount[CLUSTER]`, `snapshot[i]` with tables of its own, `bitmap[i]` with its table.
 */
import type { Codec } from '../../bytes/fields/codec.ts';
import { counterCodec } from '../../bytes/fields/counter-codec.ts';
import { entryCodec } from '../../bytes/fields/entry-codec.ts';
import { type Group, group, type Leaf, type List, type Missing, nextSet, type Read } from '../../bytes/fields/tree.ts';
import { hex } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { l1State } from './entry.ts';
import { bitmapFields, extensionList, headerGroup, snapshotFields } from './fields-header.ts';
import { bytesPerL2, compressedOffsetBits, type Geometry, refcountBits } from './geometry.ts';
import { BitmapTableEntry, compressedEntry, L1Entry, L2Entry, RefcountTableEntry, Subclusters } from './layout.ts';
import type { Claimants } from './owners.ts';
import { blockOf } from './refcounts.ts';
import type { Snapshot } from './snapshots.ts';

const missing = (why: string): Missing => ({ kind: 'missing', why });

/** An L1 table and the L2 tables it leads to. Bytes of the file. */
export interface TableSet {
  readonly l1Offset: number;
  readonly l1Entries: number;
  /** Guest bytes; what lies behind is VM state. */
  readonly diskSize: number;
  /** Before the names of its tables: '' or `snapshot[0].`. */
  readonly prefix: string;
}

/** Refcount blocks looked into for the next refcount. */
const BLOCK_TRIES = 1024;

export class Qcow2Fields {
  readonly root: Group;
  readonly read: Read;
  readonly #device: Device;
  readonly #g: Geometry;
  /** One for each place of a counter in its byte. */
  readonly #counters: readonly Codec[];

  constructor(image: Claimants) {
    const { device, header, geometry, snapshotTable, bitmapTable } = image;
    this.#device = device;
    this.#g = geometry;
    this.read = (offset, length) => readBytes(device, offset, length);
    const width = refcountBits(geometry);
    this.#counters = Array.from({ length: Math.max(1, 8 / width) }, (_, i) => counterCodec(width, i * width));
    const active = this.active;
    const { snapshots } = snapshotTable;
    const { bitmaps } = bitmapTable;
    const extensions = extensionList(header);
    this.root = group({
      header: headerGroup(header),
      extension: extensions.count > 0 ? extensions : undefined,
      l1: this.l1(active),
      l2: this.l2(active),
      refcount_table: this.refcountTable(),
      refcount: this.refcounts(),
      snapshot: listOf(snapshots, (snapshot) => {
        const set = this.ofSnapshot(snapshot);
        return group({ ...snapshotFields(snapshot), l1: this.l1(set), l2: this.l2(set) });
      }),
      bitmap: listOf(bitmaps, (bitmap) =>
        group({ ...bitmapFields(bitmap), table: this.bitmapTable(bitmap.tableOffset, bitmap.tableEntries) }),
      ),
    });
  }

  get active(): TableSet {
    const { l1Offset, l1Entries, size } = this.#g;
    return { l1Offset, l1Entries, diskSize: size, prefix: '' };
  }

  ofSnapshot({ index, l1Offset, l1Entries, diskSize }: Snapshot): TableSet {
    return { l1Offset, l1Entries, diskSize: diskSize ?? this.#g.size, prefix: `snapshot[${index}].` };
  }

  l1({ l1Offset, l1Entries, diskSize }: TableSet): List<Leaf> {
    const covers = bytesPerL2(this.#g);
    const codec = entryCodec({ endian: 'big', words: [L1Entry], empty: 'unallocated' });
    return {
      kind: 'list',
      count: l1Entries,
      addressOf: 'guest',
      at: (slot) => ({
        kind: 'leaf',
        offset: l1Offset + slot * 8,
        codec,
        spec: L1Entry.spec,
        doc: L1Entry.fields.offset.doc,
        guest: guestPart(slot * covers, covers, diskSize),
      }),
      next: (from) => nextSet(this.read, this.#device.size, l1Offset, 8, from, l1Entries),
      locate: (guest) => [Math.floor(guest / covers)],
    };
  }

  l2(set: TableSet): List {
    const { clusterSize, l2Entries } = this.#g;
    return {
      kind: 'list',
      count: set.l1Entries,
      addressOf: 'guest',
      at: (slot) => {
        const table = this.l2Offset(set, slot);
        return typeof table === 'number' ? this.l2Table(set, slot, table) : table;
      },
      next: (from) => nextSet(this.read, this.#device.size, set.l1Offset, 8, from, set.l1Entries),
      locate: (guest) => {
        const cluster = Math.floor(guest / clusterSize);
        return [Math.floor(cluster / l2Entries), cluster % l2Entries];
      },
    };
  }

  /** Where the L2 table of an L1 slot stands, or why there is none. */
  l2Offset({ l1Offset, prefix }: TableSet, slot: number): number | Missing {
    const view = new DataView(readBytes(this.#device, l1Offset + slot * 8, 8).buffer);
    const { offset, fault } = l1State(this.#g, this.#device.size, view.getInt32(0), view.getInt32(4));
    if (fault !== undefined) return missing(fault);
    return offset > 0 ? offset : missing(`${prefix}l1[${slot}] is unallocated, so it has no L2 table`);
  }

  l2Table({ diskSize }: TableSet, slot: number, table: number): List<Leaf> {
    const { clusterSize, l2Entries, l2EntrySize, dataFile } = this.#g;
    const extended = l2EntrySize === 16;
    const codec = entryCodec({
      endian: 'big',
      words: extended ? [L2Entry, Subclusters] : [L2Entry],
      empty: 'unallocated',
      variant: { flag: 'compressed', layout: compressedEntry(compressedOffsetBits(this.#g)) },
      leads: !dataFile,
    });
    return {
      kind: 'list',
      count: l2Entries,
      at: (index) => ({
        kind: 'leaf',
        offset: table + index * l2EntrySize,
        codec,
        spec: L2Entry.spec,
        doc: L2Entry.fields.offset.doc,
        guest: guestPart((slot * l2Entries + index) * clusterSize, clusterSize, diskSize),
      }),
      next: (from) => nextSet(this.read, this.#device.size, table, l2EntrySize, from, l2Entries),
    };
  }

  refcountTable(): List<Leaf> {
    const { refcountTableOffset, refcountTableClusters, clusterSize } = this.#g;
    const count = (refcountTableClusters * clusterSize) / 8;
    const codec = entryCodec({ endian: 'big', words: [RefcountTableEntry], empty: 'unallocated' });
    const { spec, fields } = RefcountTableEntry;
    return {
      kind: 'list',
      count,
      at: (index) => ({
        kind: 'leaf',
        offset: refcountTableOffset + index * 8,
        codec,
        spec,
        doc: fields.offset.doc,
      }),
      next: (from) => nextSet(this.read, this.#device.size, refcountTableOffset, 8, from, count),
    };
  }

  /** Counters, by the number of the cluster they count. */
  refcounts(): List {
    const { refcountsPerBlock, refcountTableClusters, clusterSize } = this.#g;
    const count = ((refcountTableClusters * clusterSize) / 8) * refcountsPerBlock;
    return {
      kind: 'list',
      count,
      addressOf: 'host',
      at: (cluster) => {
        const index = Math.floor(cluster / refcountsPerBlock);
        const block = blockOf(this.#device, this.#g, index);
        if (block === 0) return missing(`refcount_table[${index}] is unallocated, and the refcount is 0`);
        if (block === undefined) return missing(`refcount_table[${index}] leads to no place for a refcount block`);
        return this.counter(block, cluster);
      },
      next: (from) => this.#nextCounter(from, count),
      locate: (host) => [Math.floor(host / clusterSize)],
    };
  }

  /** The refcount of a cluster, in the block at `block` (bytes). */
  counter(block: number, cluster: number): Leaf {
    const { refcountsPerBlock, clusterSize } = this.#g;
    const width = refcountBits(this.#g);
    const bit = (cluster % refcountsPerBlock) * width;
    return {
      kind: 'leaf',
      offset: block + Math.floor(bit / 8),
      codec: this.#counters[(bit % 8) / Math.min(width, 8)] as Codec,
      spec: 'qcow2: Refcounts',
      doc: `of the cluster at ${hex(cluster * clusterSize)}`,
    };
  }

  /**
   * The next cluster with a refcount above 0; narrow counters as whole bytes. Where many blocks have none, or are no
   * blocks, the cluster it came to.
   */
  #nextCounter(from: number, count: number): number {
    const { refcountsPerBlock, refcountTableOffset } = this.#g;
    const width = refcountBits(this.#g);
    const blocks = count / refcountsPerBlock;
    let at = from;
    for (let tries = 0; at < count && tries < BLOCK_TRIES; tries++) {
      const index = Math.floor(at / refcountsPerBlock);
      const first = index * refcountsPerBlock;
      const block = blockOf(this.#device, this.#g, index);
      if (block === 0 || block === undefined) {
        at = nextSet(this.read, this.#device.size, refcountTableOffset, 8, index + 1, blocks) * refcountsPerBlock;
        continue;
      }
      if (width >= 8) {
        const found = nextSet(this.read, this.#device.size, block, width / 8, at - first, refcountsPerBlock);
        if (found < refcountsPerBlock) return first + found;
      } else {
        const perByte = 8 / width;
        const found = nextSet(
          this.read,
          this.#device.size,
          block,
          1,
          Math.floor((at - first) / perByte),
          refcountsPerBlock / perByte,
        );
        if (found < refcountsPerBlock / perByte) return Math.max(at, first + found * perByte);
      }
      at = first + refcountsPerBlock;
    }
    return Math.min(at, count);
  }

  bitmapTable(offset: number, entries: number): List<Leaf> {
    const codec = entryCodec({ endian: 'big', words: [BitmapTableEntry], empty: 'zeros' });
    const { spec, fields } = BitmapTableEntry;
    return {
      kind: 'list',
      count: entries,
      at: (index) => ({ kind: 'leaf', offset: offset + index * 8, codec, spec, doc: fields.offset.doc }),
      next: (from) => nextSet(this.read, this.#device.size, offset, 8, from, entries),
    };
  }
}

function listOf<T>(items: readonly T[], node: (item: T) => Group): List | undefined {
  if (items.length === 0) return undefined;
  return { kind: 'list', count: items.length, at: (index) => node(items[index] as T) };
}

/** The part of `length` guest bytes from `offset` on that the disk has. */
function guestPart(offset: number, length: number, diskSize: number): { offset: number; length: number } | undefined {
  return offset < diskSize ? { offset, length: Math.min(length, diskSize - offset) } : undefined;
}
