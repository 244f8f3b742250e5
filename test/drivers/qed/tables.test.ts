/**
 * The loops over L2 entries, held to the declared layout: `decodeOne` entry by entry, merged the obvious way. Pieces and
 * batches are cut at odd places, so that runs cross every border there is.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DATA, EXTENT_KINDS, hasHost, INVALID, UNALLOCATED } from '../../../src/bytes/extents.ts';
import type { MemoryDevice } from '../../../src/device/memory.ts';
import { qedDriver } from '../../../src/drivers/qed/driver.ts';
import type { Geometry } from '../../../src/drivers/qed/geometry.ts';
import { geometry, readHeader } from '../../../src/drivers/qed/header.ts';
import type { QedImage } from '../../../src/drivers/qed/image.ts';
import { decodeOne, runs } from '../../../src/drivers/qed/tables.ts';
import { alignmentOf, expectContract } from '../contract.ts';
import { type Entry, handmade } from './support.ts';

const CLUSTER = 4096;
const ENTRIES = 512;
const TABLES = [2, 3, 4];
/** Clusters of the file. */
const CLUSTERS = 64;

type Row = readonly [kind: number, guest: number, length: number, host: number];

/** What the tables say, slowly: L1 and L2 entries one at a time, runs merged by definition. In clusters. */
function slowRuns(device: MemoryDevice, g: Geometry, from: number, to: number): Row[] {
  const words = (offset: number): [number, number] => {
    const bytes = new Uint8Array(8);
    device.read(offset, bytes);
    const view = new DataView(bytes.buffer);
    return [view.getUint32(4, true), view.getUint32(0, true)];
  };
  const rows: Row[] = [];
  for (let guest = from; guest < to; guest++) {
    const [l1Hi, l1Lo] = words(g.l1Offset + Math.floor(guest / g.tableEntries) * 8);
    const l1 = decodeOne(g, l1Hi, l1Lo);
    const lastOfTable = decodeOne(g, l1Hi, l1Lo + (g.tableClusters - 1) * CLUSTER);
    let now = { kind: UNALLOCATED, host: 0 };
    if (l1Hi !== 0 || l1Lo !== 0) {
      const valid = l1.kind === DATA && lastOfTable.kind === DATA;
      const [hi, lo] = words(l1.host + (guest % g.tableEntries) * 8);
      now = valid ? decodeOne(g, hi, lo) : { kind: INVALID, host: 0 };
    }
    const host = now.host / CLUSTER;
    const last = rows.at(-1);
    if (last && last[0] === now.kind && (!hasHost(now.kind) || last[3] + last[2] === host)) {
      rows[rows.length - 1] = [last[0], last[1], last[2] + 1, last[3]];
    } else rows.push([now.kind, guest, 1, host]);
  }
  return rows;
}

function fastRuns(device: MemoryDevice, g: Geometry, from: number, to: number, batch: number, piece: number): Row[] {
  const rows: Row[] = [];
  for (const c of runs(device, g, { from, to, end: Math.min(to * CLUSTER, g.size) }, { batch, piece })) {
    for (let i = 0; i < c.count; i++) {
      rows.push([c.kind[i] as number, c.guest[i] as number, c.length[i] as number, c.host[i] as number]);
    }
  }
  return rows;
}

/** A stretch of entries that continue each other, or odd ones. */
const stretch = fc.oneof(
  fc.record({
    from: fc.integer({ min: 0, max: CLUSTERS + 3 }),
    count: fc.integer({ min: 1, max: 70 }),
    step: fc.constantFrom(CLUSTER, 0, -CLUSTER),
  }),
  fc.record({ from: fc.constant(0), count: fc.integer({ min: 1, max: 300 }), step: fc.constant(0) }),
  fc.record({
    from: fc.constantFrom(1 / CLUSTER, 2 / CLUSTER, 4095 / CLUSTER, 512 / CLUSTER, 2 ** 20, 2 ** 40, 2 ** 51, 9.5),
    count: fc.integer({ min: 1, max: 5 }),
    step: fc.constantFrom(0, CLUSTER),
  }),
);

function entriesOf(stretches: readonly { from: number; count: number; step: number }[]): Record<number, Entry> {
  const entries: Record<number, Entry> = {};
  let at = 0;
  for (const { from, count, step } of stretches) {
    for (let i = 0; i < count && at < ENTRIES * 2; i++) entries[at++] = Math.max(from * CLUSTER + i * step, 0);
  }
  return entries;
}

const l1Entry = fc.constantFrom<Entry>(
  0,
  ...TABLES.map((_, i) => (10 + i * 2) * CLUSTER),
  1,
  CLUSTER,
  8 * CLUSTER + 512,
  (CLUSTERS - 1) * CLUSTER,
  [0, 0x8000_0000],
);

const images = fc.record({
  tables: fc.array(fc.array(stretch, { maxLength: 12 }), { minLength: 3, maxLength: 3 }),
  l1: fc.array(l1Entry, { minLength: 6, maxLength: 6 }),
  headerClusters: fc.integer({ min: 1, max: 5 }),
  sectors: fc.integer({ min: 5 * 1024 * 8 - 300, max: 6 * 1024 * 8 }),
  extra: fc.integer({ min: 0, max: CLUSTER - 1 }),
});

function build(image: typeof images extends fc.Arbitrary<infer T> ? T : never): MemoryDevice {
  return handmade({
    clusterSize: CLUSTER,
    tableClusters: 2,
    headerClusters: image.headerClusters,
    size: image.sectors * 512,
    l1Cluster: 6,
    l1: Object.fromEntries(image.l1.map((entry, i) => [i, entry])),
    l2: image.tables.map((stretches, i) => ({ cluster: 10 + i * 2, entries: entriesOf(stretches) })),
    fileSize: CLUSTERS * CLUSTER + image.extra,
  });
}

describe('L2 entries in bulk', () => {
  test('the fast decode equals the declared one, whatever the entries, pieces and batches', () => {
    fc.assert(
      fc.property(
        images,
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 700 }),
        fc.tuple(fc.nat(), fc.nat()),
        (image, batch, piece, ends) => {
          const device = build(image);
          const g = geometry(readHeader(device), device.size);
          const clusters = Math.ceil(g.size / CLUSTER);
          const [from, to] = ends.map((end) => end % (clusters + 1)).sort((a, b) => a - b) as [number, number];
          expect(fastRuns(device, g, from, to, batch, piece)).toEqual(slowRuns(device, g, from, to));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('the contract holds on broken images, and the survey agrees with the map', () => {
    fc.assert(
      fc.property(images, (made) => {
        const device = build(made);
        const image = expectContract(qedDriver, device) as QedImage;
        const options = image.getConversionOptions();
        const kinds = slowRuns(device, image.geometry, 0, Math.ceil(image.size / CLUSTER)).map(
          ([kind]) => EXTENT_KINDS[kind],
        );
        const shared = options.features.some((f) => f.code === 'shared-clusters');
        // A table that two L1 entries share is read once only: then the rest of the disk was not seen.
        if (!shared) {
          expect(options.alignment).toBe(alignmentOf(image));
          if (kinds.includes('invalid')) expect(options.features.map((f) => f.code)).toContain('invalid-entries');
        }
      }),
      { numRuns: 100 },
    );
  });
});
