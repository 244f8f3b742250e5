/** The named fields of a QED image: `header`, `l1[i]`, `l2[i][j]`; and those that lie in some bytes of a structure. */

import type { Field } from '../../bytes/field.ts';
import { entryCodec } from '../../bytes/fields/entry-codec.ts';
import { structCodec } from '../../bytes/fields/struct-codec.ts';
import { textCodec } from '../../bytes/fields/text-codec.ts';
import {
  fieldsInRow,
  fieldsUnder,
  type Group,
  group,
  type Leaf,
  type List,
  type Missing,
  nextSet,
  type Read,
} from '../../bytes/fields/tree.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { Region } from '../driver.ts';
import { bytesPerL2, type Geometry, tableFault } from './geometry.ts';
import { Header, L1Entry, L2Entry } from './layout.ts';
import { placeNamed } from './regions.ts';
import { faultText } from './survey.ts';
import { entryValue } from './tables.ts';

export class QedFields {
  readonly root: Group;
  readonly read: Read;
  readonly #device: Device;
  readonly #g: Geometry;

  constructor(device: Device, header: Header, g: Geometry) {
    this.#device = device;
    this.#g = g;
    this.read = (offset, length) => readBytes(device, offset, length);
    this.root = group({ header: headerGroup(header), l1: this.#l1(), l2: this.#l2() });
  }

  /** In the order of the file; those that lie in the bytes `from` .. `to` - 1. */
  fieldsIn({ role, label, offset, length }: Region, from: number, to: number): readonly Field[] {
    const found: Field[] = [];
    const { read } = this;
    const { l1Offset, tableBytes, tableEntries, clusterSize } = this.#g;
    const entries = { stride: 8, first: 0, count: tableEntries } as const;
    if (role === 'header' || role === 'overlap')
      found.push(...fieldsUnder(this.root.member('header') as Group, 'header', from, to, read));
    if (role === 'l1' || role === 'overlap') {
      found.push(...fieldsInRow({ ...entries, at: this.#l1().at, path: 'l1', base: l1Offset }, from, to, read));
    }
    if (role === 'l2' || role === 'overlap') {
      const start = Math.max(offset - (offset % clusterSize) - tableBytes, 0);
      const slot = this.#slotOf(placeNamed(label), start, Math.min(offset + length, to), from);
      const table = slot === undefined ? undefined : this.l2Offset(slot);
      if (slot !== undefined && typeof table === 'number') {
        const { at } = this.#l2Table(slot, table);
        found.push(...fieldsInRow({ ...entries, at, path: `l2[${slot}]`, base: table }, from, to, read));
      }
    }
    return found.sort((a, b) => a.offset - b.offset);
  }

  /** The slot whose table lies at the byte `from` or behind it; `likely` first. */
  #slotOf(likely: number | undefined, start: number, end: number, from: number): number | undefined {
    const isHere = (slot: number): boolean => {
      const table = this.l2Offset(slot);
      return typeof table === 'number' && table >= start && table < end && table + this.#g.tableBytes > from;
    };
    if (likely !== undefined && isHere(likely)) return likely;
    const l1 = this.#l1();
    const next = (slot: number): number => l1.next?.(slot) ?? l1.count;
    for (let slot = next(0); slot < l1.count; slot = next(slot + 1)) if (isHere(slot)) return slot;
    return undefined;
  }

  /** Where the L2 table of an L1 slot stands (bytes), or why there is none. */
  l2Offset(slot: number): number | Missing {
    const offset = entryValue(new Int32Array(readBytes(this.#device, this.#g.l1Offset + slot * 8, 8).buffer), 0);
    if (offset === 0) return { kind: 'missing', why: `l1[${slot}] is unallocated, so it has no L2 table` };
    const fault = tableFault(this.#g, offset);
    if (fault === undefined) return offset;
    return { kind: 'missing', why: `l1[${slot}]: ${faultText(this.#g, fault, 'table')}` };
  }

  #l1(): List<Leaf> {
    const { l1Offset, tableEntries } = this.#g;
    const covers = bytesPerL2(this.#g);
    const codec = entryCodec({ endian: 'little', words: [L1Entry], empty: 'unallocated' });
    const { spec, fields } = L1Entry;
    return {
      kind: 'list',
      count: tableEntries,
      addressOf: 'guest',
      at: (slot) => ({
        kind: 'leaf',
        offset: l1Offset + slot * 8,
        codec,
        spec,
        doc: fields.offset.doc,
        guest: this.#guestPart(slot * covers, covers),
      }),
      next: (from) => nextSet(this.read, this.#device.size, l1Offset, 8, from, tableEntries),
      locate: (guest) => [Math.floor(guest / covers)],
    };
  }

  #l2(): List {
    const { l1Offset, tableEntries, clusterSize } = this.#g;
    return {
      kind: 'list',
      count: tableEntries,
      addressOf: 'guest',
      at: (slot) => {
        const table = this.l2Offset(slot);
        return typeof table === 'number' ? this.#l2Table(slot, table) : table;
      },
      next: (from) => nextSet(this.read, this.#device.size, l1Offset, 8, from, tableEntries),
      locate: (guest) => {
        const cluster = Math.floor(guest / clusterSize);
        return [Math.floor(cluster / tableEntries), cluster % tableEntries];
      },
    };
  }

  #l2Table(slot: number, table: number): List<Leaf> {
    const { tableEntries, clusterSize } = this.#g;
    const codec = entryCodec({ endian: 'little', words: [L2Entry], empty: 'unallocated' });
    const { spec, fields } = L2Entry;
    return {
      kind: 'list',
      count: tableEntries,
      at: (index) => ({
        kind: 'leaf',
        offset: table + index * 8,
        codec,
        spec,
        doc: fields.offset.doc,
        guest: this.#guestPart((slot * tableEntries + index) * clusterSize, clusterSize),
      }),
      next: (from) => nextSet(this.read, this.#device.size, table, 8, from, tableEntries),
    };
  }

  #guestPart(offset: number, length: number): { offset: number; length: number } | undefined {
    const { size } = this.#g;
    return offset < size ? { offset, length: Math.min(length, size - offset) } : undefined;
  }
}

export function headerGroup(header: Header): Group {
  const fields = Object.entries(Header.fields).map(([name, { doc }]): [string, Leaf] => [
    name,
    {
      kind: 'leaf',
      offset: Header.at[name as keyof typeof Header.at],
      codec: structCodec(Header, name),
      doc,
      spec: Header.spec,
    },
  ]);
  const { features, backing_filename_offset: offset, backing_filename_size: size } = header;
  const named = features.backing_file && size > 0;
  const doc = 'of header.backing_filename_size';
  return group({
    ...Object.fromEntries(fields),
    backing_filename: named
      ? { kind: 'leaf', offset, codec: textCodec(size, false), doc, spec: Header.spec }
      : undefined,
  });
}
