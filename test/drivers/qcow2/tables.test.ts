/**
 * The loops over L2 entries, held to the declared layout: `unitState` for each unit, merged the obvious way. Entries
 * are of every kind, right and wrong, in runs as real images have them; tables follow each other in the file or not.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXTENT_KINDS, hasHost, INVALID } from '../../../src/bytes/extents.ts';
import type { Device } from '../../../src/device/device.ts';
import { readBytes } from '../../../src/device/device.ts';
import { qcow2Driver } from '../../../src/drivers/qcow2/driver.ts';
import { l1State, type UnitState, unitState } from '../../../src/drivers/qcow2/entry.ts';
import { bytesPerL2, type Geometry, mappingUnit } from '../../../src/drivers/qcow2/geometry.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import { TableWalk } from '../../../src/drivers/qcow2/walk.ts';
import { expectContract, rowsOf } from '../contract.ts';
import { type Entry, handmade, pointing } from './handmade.ts';

type Row = readonly [kind: string, guest: number, length: number, host: number];

/** What the tables say, slowly: every unit from its entries, runs merged by definition. In units. */
function slowRows(device: Device, g: Geometry, fromCluster: number, toCluster: number): Row[] {
  const perCluster = g.clusterSize / mappingUnit(g);
  const rows: Row[] = [];
  let brokenTable = -1;
  const add = (unit: number, state: UnitState, ownRun: boolean): void => {
    const host = state.kind !== 'invalid' && state.kind !== 'compressed' ? (state.host ?? 0) / mappingUnit(g) : 0;
    const last = rows.at(-1);
    const continues =
      last?.[0] === state.kind && (!hasHost(EXTENT_KINDS.indexOf(state.kind)) || last[3] + last[2] === host);
    if (last && continues && !ownRun) rows[rows.length - 1] = [last[0], last[1], last[2] + 1, last[3]];
    else rows.push([state.kind, unit, 1, host]);
  };
  for (let cluster = fromCluster; cluster < toCluster; cluster++) {
    const slot = Math.floor(cluster / g.l2Entries);
    const l1 = words(device, g.l1Offset + slot * 8, 2);
    const table = l1State(g, device.size, l1[0] as number, l1[1] as number);
    for (let sub = 0; sub < perCluster; sub++) {
      const unit = cluster * perCluster + sub;
      if (unit >= Math.ceil(g.size / mappingUnit(g))) break;
      if (table.fault !== undefined) {
        add(unit, { kind: 'invalid' }, brokenTable !== slot);
        brokenTable = slot;
      } else if (table.offset === 0) add(unit, { kind: 'unallocated' }, false);
      else {
        const at = table.offset + (cluster % g.l2Entries) * g.l2EntrySize;
        const [hi, lo, zeroBits = 0, allocatedBits = 0] = words(device, at, g.l2EntrySize / 4) as [number, number];
        const state = unitState(g, device.size, cluster, { hi, lo, zeroBits, allocatedBits }, sub);
        add(unit, state, state.kind === 'invalid' && sub === 0);
      }
    }
  }
  return rows;
}

function words(device: Device, offset: number, count: number): number[] {
  const view = new DataView(readBytes(device, offset, count * 4).buffer);
  return Array.from({ length: count }, (_, i) => view.getInt32(i * 4));
}

function fastRows(device: Device, g: Geometry, from: number, to: number, firstRead: number): Row[] {
  const rows: Row[] = [];
  const { l1Offset, l1Entries, clusterSize } = g;
  const range = { l1Offset, l1Entries, from: from * clusterSize, to: Math.min(to * clusterSize, g.size) };
  for (const columns of new TableWalk(device, g, range, firstRead).runs()) {
    for (let i = 0; i < columns.count; i++) {
      const kind = EXTENT_KINDS[columns.kind[i] as number] as string;
      rows.push([kind, columns.guest[i] as number, columns.length[i] as number, columns.host[i] as number]);
    }
  }
  return rows;
}

/** Recipes for stretches of entries; numbers say which host cluster, how long, and odd bits. */
const STRETCHES = [
  'nothing',
  'run',
  'run',
  'scattered',
  'shared flags',
  'zero',
  'zero allocated',
  'compressed',
  'same compressed',
  'reserved',
  'unaligned',
  'beyond',
  'copied only',
  'random',
  'past the end',
] as const;

const stretch = fc.record({
  what: fc.constantFrom(...STRETCHES),
  length: fc.integer({ min: 1, max: 12 }),
  a: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  hi: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  alloc: fc.constantFrom(-1, 0, 1, 0xff, 0x5555_5555 | 0, 0x7fff_ffff, -2),
  zero: fc.constantFrom(0, 0, 0, -1, 1, 0x00ff_0000, 0xaaaa_aaaa | 0, -256),
});
type Stretch = typeof stretch extends fc.Arbitrary<infer T> ? T : never;

interface Shape {
  readonly clusterBits: number;
  readonly extended: boolean;
  readonly dataFile: boolean;
}

/** Clusters of the file: L1, tables, and somewhere for data to be. */
const FILE_CLUSTERS = 40;
const COPIED = 0x8000_0000 | 0;

function* entriesOf(s: Stretch, shape: Shape, guest: number): Generator<Entry> {
  const clusterSize = 2 ** shape.clusterBits;
  const place = (n: number): number =>
    shape.dataFile && s.a % 4 !== 0 ? (guest + n) * clusterSize : ((s.a + n) % FILE_CLUSTERS) * clusterSize;
  for (let i = 0; i < s.length; i++) {
    switch (s.what) {
      case 'nothing':
        yield [0, 0];
        break;
      case 'run':
        yield pointing(shape.dataFile ? place(i) : ((s.a % FILE_CLUSTERS) + i) * clusterSize, COPIED);
        break;
      case 'scattered':
        yield pointing(place(i * 7), COPIED);
        break;
      case 'shared flags':
        yield pointing(place(i), i % 2 === 0 ? COPIED : 0);
        break;
      case 'zero':
        yield [i % 3 === 2 ? COPIED : 0, 1];
        break;
      case 'zero allocated':
        yield pointing(place(i), COPIED, 1);
        break;
      case 'compressed':
        yield [0x4000_0000 | (s.hi & 0x3f), (s.a * (i + 1)) | 0];
        break;
      case 'same compressed':
        yield [0x4000_0000, 0x0001_2345];
        break;
      case 'reserved':
        yield [COPIED | (1 << (24 + (s.a % 6))), (clusterSize * 2) | (s.a & 0x1fe)];
        break;
      case 'unaligned':
        yield [COPIED, (clusterSize * 3 + 512 * (s.a % 3) + (s.a % 2)) | 0];
        break;
      case 'beyond':
        yield pointing(2 ** (shape.clusterBits + 8 + (s.a % 24)) + i * clusterSize, COPIED);
        break;
      case 'copied only':
        yield [COPIED, 0];
        break;
      case 'random':
        yield [(s.hi ^ (i * 0x0101)) | 0, (s.a * 2 + i) | 0];
        break;
      case 'past the end':
        yield pointing((FILE_CLUSTERS - 3 + i) * clusterSize, COPIED);
        break;
    }
  }
}

function tableOf(stretches: readonly Stretch[], shape: Shape, firstGuest: number, entries: number): Entry[] {
  const table: Entry[] = [];
  const words = shape.extended ? 2 : 1;
  for (const s of stretches) {
    for (const entry of entriesOf(s, shape, firstGuest + table.length / words)) {
      if (table.length / words >= entries) return table;
      table.push(entry);
      if (shape.extended)
        table.push([
          s.what === 'compressed' && s.a % 3 > 0 ? 0 : s.zero,
          s.what === 'compressed' && s.a % 3 > 0 ? 0 : s.alloc,
        ]);
    }
  }
  return table;
}

const image = fc
  .record({
    clusterBits: fc.integer({ min: 9, max: 21 }),
    extended: fc.boolean(),
    version: fc.constantFrom(2 as const, 3 as const, 3 as const),
    dataFile: fc.constantFrom(false, false, true),
    crypt: fc.constantFrom(0, 0, 1),
    // What each of four L1 slots holds: a table of its own, no table, a broken pointer, or the table before.
    slots: fc.tuple(
      ...Array.from({ length: 4 }, () => fc.constantFrom('table', 'table', 'none', 'broken', 'same', 'apart')),
    ),
    tables: fc.array(fc.array(stretch, { maxLength: 25 }), { minLength: 4, maxLength: 4 }),
    cut: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    from: fc.integer({ min: 0, max: 200 }),
    firstRead: fc.constantFrom(1024 * 1024, 4096, 512),
    fileCut: fc.integer({ min: 0, max: 511 }),
  })
  .map((i) => ({
    ...i,
    extended: i.extended && i.version === 3 && i.clusterBits >= 14,
    dataFile: i.dataFile && i.version === 3,
  }));
type ImageRecipe = typeof image extends fc.Arbitrary<infer T> ? T : never;

function build(r: ImageRecipe): Device {
  const clusterSize = 2 ** r.clusterBits;
  const entrySize = r.extended ? 16 : 8;
  const l2Entries = clusterSize / entrySize;
  const l1: Entry[] = [];
  const l2: Record<number, Entry[]> = {};
  r.slots.forEach((what, slot) => {
    // Tables stand in clusters 2, 3, 4, 5: neighbours, unless `apart` leaves its place to the next one.
    const cluster = what === 'apart' ? 10 - slot : 2 + slot;
    if (what === 'none') l1.push([slot % 2 === 0 ? 0 : COPIED, 0]);
    else if (what === 'broken') l1.push(slot % 2 === 0 ? [COPIED | 0x0100_0000, 0x4000] : [COPIED, 0x7fff_fe00]);
    else if (what === 'same' && slot > 0) l1.push(l1[slot - 1] as Entry);
    else {
      l1.push(pointing(cluster * clusterSize, COPIED));
      l2[cluster] = tableOf(r.tables[slot] as Stretch[], r, slot * l2Entries, l2Entries);
    }
  });
  const whole = 4 * l2Entries * clusterSize;
  return handmade({
    ...r,
    size: Math.max(512, Math.floor((whole - (r.cut % Math.min(whole, 3 * clusterSize * 64))) / 512) * 512),
    l1,
    l2,
    fileSize: FILE_CLUSTERS * clusterSize - r.fileCut,
  });
}

/** Clusters compared at each slot's start: tables hold no more that is not zero. */
const COMPARED = 330;

describe('L2 tables', () => {
  test('the fast decode equals the declared one, whatever the entries', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(image, (recipe) => {
        const device = build(recipe);
        const { geometry: g } = Qcow2Image.open(device, { name: 'x' });
        const clusters = Math.ceil(g.size / g.clusterSize);
        const ranges = [0, 1, 2, 3].map(
          (slot) => slot * g.l2Entries + (slot === 0 ? Math.min(recipe.from, 60) : 0) - (slot > 0 ? 5 : 0),
        );
        for (const from of g.l2Entries <= 512 ? [0] : ranges) {
          const to = Math.min(clusters, g.l2Entries <= 512 ? clusters : from + COMPARED);
          const slow = slowRows(device, g, from, to);
          for (const row of slow) seen.add(row[0]);
          expect(fastRows(device, g, from, to, recipe.firstRead)).toEqual(slow);
        }
      }),
      { numRuns: 150 },
    );
    // The test means nothing unless it has met every kind.
    expect([...seen].sort()).toEqual([...EXTENT_KINDS].sort());
  });

  test('the contract holds on broken images', () => {
    fc.assert(
      fc.property(image, (recipe) => {
        expectContract(qcow2Driver, build(recipe), {}, recipe.cut);
      }),
      { numRuns: 30 },
    );
  });

  test('a disk of an exabyte without tables is one run, found without walking it', () => {
    const device = handmade({
      clusterBits: 21,
      size: 2 ** 60,
      l1: new Array<Entry>(2 ** 21).fill([0, 0]),
      fileSize: 2 ** 21 + 4096,
    });
    const opened = Qcow2Image.open(device, { name: 'x' });
    expect(bytesPerL2(opened.geometry)).toBe(2 ** 39);
    expect(rowsOf(opened)).toEqual([{ kind: 'unallocated', guest: 0, length: 2 ** 60 }]);
    expect(opened.getMapping(2 ** 50 + 512)).toEqual({
      kind: 'unallocated',
      guest: 2 ** 50 + 512,
      length: 2 ** 60 - 2 ** 50 - 512,
    });
  });

  test('a run in the table that goes on behind the end of the file ends there, and the rest is invalid', () => {
    const entries: Entry[] = Array.from({ length: 64 }, (_, i) => pointing((3 + i) * 512, COPIED));
    const device = handmade({
      clusterBits: 9,
      size: 64 * 512,
      l1: [pointing(1024, COPIED)],
      l2: { 2: entries },
      fileSize: 10 * 512 + 1,
    });
    const rows = rowsOf(Qcow2Image.open(device, { name: 'x' }));
    expect(rows[0]).toEqual({ kind: 'data', guest: 0, length: 8 * 512, host: 1536 });
    expect(rows.slice(1).every(({ kind, length }) => kind === 'invalid' && length === 512)).toBe(true);
    expect(rows).toHaveLength(1 + 56);
  });

  test('cluster numbers above 2^31, in the disk and in the file, are as exact', () => {
    const far = 2 ** 42 + 512 * 12_345;
    const entries: Entry[] = [
      pointing(far, COPIED),
      pointing(far + 512, COPIED),
      [0, 1],
      pointing(far + 2 ** 40, COPIED, 1),
    ];
    const l1: Entry[] = new Array<Entry>(4_194_304).fill([0, 0]);
    l1[4_194_303] = pointing(2 ** 26, COPIED);
    const size = 4_194_304 * 64 * 512;
    const device = handmade({ clusterBits: 9, size, l1, l2: { [2 ** 17]: entries }, fileSize: 2 ** 43 });
    const at = size - 64 * 512;
    const opened = Qcow2Image.open(device, { name: 'x' });
    const expected = [
      { kind: 'data', guest: at, length: 1024, host: far },
      { kind: 'zero', guest: at + 1024, length: 512 },
      { kind: 'zero-allocated', guest: at + 1536, length: 512, host: far + 2 ** 40 },
      { kind: 'unallocated', guest: at + 2048, length: 60 * 512 },
    ];
    expect(rowsOf(opened)).toEqual([{ kind: 'unallocated', guest: 0, length: at }, ...expected]);
    for (const row of expected) expect(opened.getMapping(row.guest)).toEqual(row);
  });

  test('every broken entry says what is wrong and where it points', () => {
    const cases: [Entry, RegExp][] = [
      [pointing(0x600, COPIED), /not on a multiple of the cluster size/],
      [pointing(2 ** 40, COPIED), /0x10000000000 lies behind the end of the file/],
      [[COPIED | 0x0100_0000, 0x1000], /reserved bits/],
      [[0xc000_0000 | 0, 0x1000], /bit 63/],
      [[0x4000_0100, 0], /compressed stream at .* lies behind the end/],
    ];
    const l2 = { 2: cases.map(([entry]) => entry) };
    const device = handmade({
      clusterBits: 12,
      size: 2 ** 20,
      l1: [pointing(8192, COPIED), [COPIED, 0x1200]],
      l2,
      fileSize: 2 ** 16,
    });
    const opened = Qcow2Image.open(device, { name: 'x' });
    cases.forEach(([, says], i) => {
      const extent = opened.getMapping(i * 4096 + 5);
      expect(extent).toMatchObject({ kind: 'invalid', guest: i * 4096 + 5, length: 4091 });
      expect(extent.fault).toMatch(says);
      expect(extent.fault).toContain(`l2[0][${i}]`);
    });
    expect(EXTENT_KINDS[INVALID]).toBe('invalid');
  });
});
