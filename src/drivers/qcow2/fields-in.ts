/**
 * Which named fields lie in some bytes of a structure: from the region's role and label straight to the entries,
 * without a walk. Where several structures claim the bytes, the fields of each.
 */

import type { Field } from '../../bytes/field.ts';
import { fieldsInRow, fieldsUnder, type Leaf, type List, type Node } from '../../bytes/fields/tree.ts';
import type { Region } from '../driver.ts';
import type { Qcow2Fields, TableSet } from './fields.ts';
import { refcountBits } from './geometry.ts';
import { type Claimants, placeNamed } from './owners.ts';
import { blockOf } from './refcounts.ts';
import { L1Reader, tableAt } from './walk.ts';

/** A stretch of file bytes, end exclusive. */
interface Bytes {
  readonly from: number;
  readonly to: number;
}

/** In the order of the file. */
export function fieldsIn(image: Claimants, tree: Qcow2Fields, region: Region, bytes: Bytes): readonly Field[] {
  const finder = new Finder(image, tree, bytes);
  return finder.of(region).sort((a, b) => a.offset - b.offset);
}

class Finder {
  readonly #image: Claimants;
  readonly #tree: Qcow2Fields;
  readonly #bytes: Bytes;

  constructor(image: Claimants, tree: Qcow2Fields, bytes: Bytes) {
    this.#image = image;
    this.#tree = tree;
    this.#bytes = bytes;
  }

  of(region: Region): Field[] {
    const { snapshotTable, bitmapTable } = this.#image;
    const { index, snapshot } = placeNamed(region.label);
    switch (region.role) {
      case 'header':
        return [...this.#under('header'), ...this.#under('extension')];
      case 'l1':
        return this.#l1(this.#tree.active);
      case 'l2':
        return this.#l2(this.#tree.active, region, index);
      case 'refcount-table':
        return this.#refcountTable();
      case 'refcount-block':
        return this.#refcounts(region, index);
      case 'snapshot-table':
        return this.#under('snapshot');
      case 'snapshot-l1':
        return snapshotTable.snapshots
          .filter((s) => s.index === index)
          .flatMap((s) => this.#l1(this.#tree.ofSnapshot(s)));
      case 'snapshot-l2':
        return snapshotTable.snapshots
          .filter((s) => s.index === snapshot)
          .flatMap((s) => this.#l2(this.#tree.ofSnapshot(s), region, index));
      case 'bitmap-directory':
        return this.#under('bitmap');
      case 'bitmap-table':
        return bitmapTable.bitmaps.flatMap((_, i) => this.#bitmapTable(i));
      case 'overlap':
        return this.#all(region);
      default:
        return [];
    }
  }

  /** Several structures claim the bytes: what each of them has there. */
  #all(region: Region): Field[] {
    const { snapshots } = this.#image.snapshotTable;
    const sets = [this.#tree.active, ...snapshots.map((snapshot) => this.#tree.ofSnapshot(snapshot))];
    return [
      ...['header', 'extension', 'snapshot', 'bitmap'].flatMap((name) => this.#under(name)),
      ...sets.flatMap((set) => [...this.#l1(set), ...this.#l2(set, region)]),
      ...this.#refcountTable(),
      ...this.#refcounts(region),
      ...this.#image.bitmapTable.bitmaps.flatMap((_, i) => this.#bitmapTable(i)),
    ];
  }

  #under(name: string): Field[] {
    const node: Node | undefined = this.#tree.root.member(name);
    return node ? fieldsUnder(node, name, this.#bytes.from, this.#bytes.to, this.#tree.read) : [];
  }

  #row({ count, at }: List<Leaf>, path: string, base: number, stride: number): Field[] {
    const { from, to } = this.#bytes;
    return fieldsInRow({ path, base, stride, first: 0, count, at }, from, to, this.#tree.read);
  }

  #l1(set: TableSet): Field[] {
    return this.#row(this.#tree.l1(set), `${set.prefix}l1`, set.l1Offset, 8);
  }

  /** `slot` as the label says it, if the table is there; else the L1 table is searched for it. */
  #l2(set: TableSet, region: Region, slot?: number): Field[] {
    const { device, geometry: g } = this.#image;
    const start = region.offset - (region.offset % g.clusterSize);
    const end = Math.min(region.offset + region.length, this.#bytes.to);
    const l1 = new L1Reader(device, set.l1Offset, set.l1Entries);
    const isHere = (at: number): boolean => {
      const table = tableAt(l1, at, g, device.size);
      return table > 0 && table >= start && table < end && table + g.clusterSize > this.#bytes.from;
    };
    let found = slot;
    if (found === undefined || !isHere(found)) {
      found = l1.nextSet(0, l1.present);
      while (found < l1.present && !isHere(found)) found = l1.nextSet(found + 1, l1.present);
      if (found >= l1.present) return [];
    }
    const table = tableAt(l1, found, g, device.size);
    return this.#row(this.#tree.l2Table(set, found, table), `${set.prefix}l2[${found}]`, table, g.l2EntrySize);
  }

  #refcountTable(): Field[] {
    return this.#row(this.#tree.refcountTable(), 'refcount_table', this.#image.geometry.refcountTableOffset, 8);
  }

  #refcounts(region: Region, index?: number): Field[] {
    const { device, geometry: g } = this.#image;
    const start = region.offset - (region.offset % g.clusterSize);
    const end = region.offset + region.length;
    const isHere = (at: number): boolean => {
      const block = blockOf(device, g, at);
      return block !== undefined && block >= Math.max(start, 1) && block < end;
    };
    let found = index;
    if (found === undefined || !isHere(found)) {
      const table = this.#tree.refcountTable();
      const next = (from: number): number => table.next?.(from) ?? table.count;
      found = next(0);
      while (found < table.count && !isHere(found)) found = next(found + 1);
      if (found >= table.count) return [];
    }
    const base = blockOf(device, g, found) as number;
    const { refcountsPerBlock: count } = g;
    const at = (cluster: number): Leaf => this.#tree.counter(base, cluster);
    const row = { path: 'refcount', base, stride: refcountBits(g) / 8, first: found * count, count, at };
    return fieldsInRow(row, this.#bytes.from, this.#bytes.to, this.#tree.read);
  }

  #bitmapTable(index: number): Field[] {
    const { tableOffset, tableEntries } = this.#image.bitmapTable.bitmaps[index] as {
      tableOffset: number;
      tableEntries: number;
    };
    return this.#row(this.#tree.bitmapTable(tableOffset, tableEntries), `bitmap[${index}].table`, tableOffset, 8);
  }
}
