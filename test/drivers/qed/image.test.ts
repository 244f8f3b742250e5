/** Alignment, regions and getMapping on images built by hand. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runToEnd } from '../../../src/bytes/progress.ts';
import { qedDriver } from '../../../src/drivers/qed/driver.ts';
import { qemuBogusLeaks } from '../../../src/drivers/qed/geometry.ts';
import { QedImage } from '../../../src/drivers/qed/image.ts';
import { alignmentOf, expectContract, rowsOf } from '../contract.ts';
import { handmade } from './support.ts';

const CLUSTER = 4096;

/** Runs of data at multiples of `grain` clusters, in guest and host, each host cluster once. */
const aligned = fc.record({
  grain: fc.constantFrom(1, 2, 4, 8),
  runs: fc.array(
    fc.record({
      hole: fc.integer({ min: 0, max: 3 }),
      gap: fc.integer({ min: 0, max: 3 }),
      length: fc.integer({ min: 1, max: 5 }),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  /** Of the disk behind the last run, in clusters. */
  rest: fc.constantFrom(0, 0, 1, 3),
});

describe('conversion options', () => {
  test('the alignment is that of the data runs, as the map shows them', () => {
    fc.assert(
      fc.property(aligned, ({ grain, runs, rest }) => {
        const entries: Record<number, number> = {};
        let guest = 0;
        // Tables of two clusters: L1 at 8, L2 at 10, data from 16 on.
        let host = 16;
        for (const run of runs) {
          guest += run.hole * grain;
          host += run.gap * grain;
          for (let i = 0; i < run.length * grain; i++) entries[guest++] = host++ * CLUSTER;
        }
        const device = handmade({
          clusterSize: CLUSTER,
          tableClusters: 2,
          size: (guest + rest) * CLUSTER,
          l1Cluster: 8,
          l1: { 0: 10 * CLUSTER },
          l2: [{ cluster: 10, entries }],
          fileSize: (host + 1) * CLUSTER,
        });
        const image = expectContract(qedDriver, device);
        const { alignment, features, clusterSize } = image.getConversionOptions();
        expect({ alignment, features, clusterSize }).toEqual({
          alignment: alignmentOf(image),
          features: [],
          clusterSize: CLUSTER,
        });
        expect(alignment % (grain * CLUSTER)).toBe(0);
      }),
    );
  });

  test('a run that ends with the disk does not lower the alignment; one before a hole does', () => {
    const image = (clusters: number): QedImage =>
      QedImage.open(
        handmade({
          clusterSize: CLUSTER,
          tableClusters: 2,
          size: clusters * CLUSTER,
          l1Cluster: 2,
          l1: { 0: 4 * CLUSTER },
          l2: [{ cluster: 4, entries: { 0: 8 * CLUSTER, 1: 9 * CLUSTER, 2: 10 * CLUSTER } }],
          fileSize: 11 * CLUSTER,
        }),
      );
    expect(image(3).getConversionOptions().alignment).toBe(8 * CLUSTER);
    expect(image(4).getConversionOptions().alignment).toBe(CLUSTER);
  });

  test('runs go on from one table to the next', () => {
    const n = (2 * CLUSTER) / 8;
    const image = QedImage.open(
      handmade({
        clusterSize: CLUSTER,
        tableClusters: 2,
        size: 2 * n * CLUSTER,
        l1: { 0: 4 * CLUSTER, 1: 6 * CLUSTER },
        l2: [
          { cluster: 4, entries: { [n - 1]: 8 * CLUSTER } },
          { cluster: 6, entries: { 0: 9 * CLUSTER } },
        ],
        fileSize: 10 * CLUSTER,
      }),
    );
    expect(rowsOf(image)[1]).toEqual({
      kind: 'data',
      guest: (n - 1) * CLUSTER,
      length: 2 * CLUSTER,
      host: 8 * CLUSTER,
    });
    expect(image.getMapping(n * CLUSTER + 5).host).toBe(9 * CLUSTER + 5);
    expect(runToEnd(image.check()).fragmentedClusters).toBe(0);
  });
});

describe('regions', () => {
  test('name the owner of every byte', () => {
    const device = handmade({
      clusterSize: CLUSTER,
      tableClusters: 2,
      headerClusters: 2,
      size: 100 * CLUSTER,
      l1: { 0: 5 * CLUSTER },
      l2: [{ cluster: 5, entries: { 0: 8 * CLUSTER, 1: 9 * CLUSTER, 7: 9 * CLUSTER, 8: 6 * CLUSTER } }],
      fileSize: 11 * CLUSTER + 100,
    });
    const image = QedImage.open(device);
    const at = (cluster: number, count: number): object => ({ offset: cluster * CLUSTER, length: count * CLUSTER });
    expect([...image.regions()]).toEqual([
      { ...at(0, 2), role: 'header' },
      { ...at(2, 2), role: 'l1' },
      { ...at(4, 1), role: 'leaked' },
      { ...at(5, 1), role: 'l2', label: 'l2 table 0' },
      { ...at(6, 1), role: 'overlap' },
      { ...at(7, 1), role: 'leaked' },
      { ...at(8, 1), role: 'data' },
      { ...at(9, 1), role: 'overlap' },
      { ...at(10, 1), role: 'leaked' },
      { offset: 11 * CLUSTER, length: 100, role: 'free' },
    ]);
    const report = runToEnd(image.check());
    expect(report.findings.map(({ code, class: c }) => [code, c])).toEqual([
      ['cluster-shared', 'dup'],
      ['cluster-shared', 'overlap'],
      ['leaked-clusters', 'consistency'],
      ['leaked-clusters', 'consistency'],
      ['leaked-clusters', 'consistency'],
      ['partial-cluster', 'size'],
    ]);
    expect(report).toMatchObject({ corruptions: 2, leaks: 3, leakedBytes: 3 * CLUSTER, freeBytes: 100 });
    expect(report).toEqual(runToEnd(image.check()));
  });
});

describe('hostile images', () => {
  test('ten thousand L1 entries that share one table are walked once', () => {
    const n = (16 * CLUSTER) / 8;
    const device = handmade({
      clusterSize: CLUSTER,
      tableClusters: 16,
      size: n * n * CLUSTER,
      l1: Object.fromEntries(Array.from({ length: n }, (_, i) => [i, 17 * CLUSTER])),
      l2: [{ cluster: 17, entries: Object.fromEntries(Array.from({ length: n }, (_, i) => [i, 40 * CLUSTER])) }],
      fileSize: 41 * CLUSTER,
    });
    const image = QedImage.open(device);
    const report = runToEnd(image.check());
    expect(report.corruptions).toBe((n - 1) * 16 + (n - 1));
    expect(report.allocatedClusters).toBe(n);
    expect(report.findings.length).toBe(10_000);
    expect(image.getConversionOptions().features.map((f) => f.code)).toEqual(['shared-clusters']);
  });

  test('a file that claims an exabyte costs nothing to open, to look into or to check', () => {
    const clusterSize = 2 * 1024 * 1024;
    const device = handmade({
      clusterSize,
      tableClusters: 8,
      size: 2 ** 60,
      l1: {},
      l2: [],
      fileSize: 9 * clusterSize,
    });
    const image = QedImage.open(device);
    expect(image.getMapping(2 ** 59)).toEqual({ kind: 'unallocated', guest: 2 ** 59, length: 2 ** 59 });
    expect(runToEnd(image.check())).toMatchObject({ corruptions: 0, leaks: 0, totalClusters: 2 ** 39 });
  });
});

test('how many leaks QEMU invents', () => {
  // Measured with qemu-img 7.2: 20 MiB and 40 MiB of 4 KiB clusters, and two large images of 64 KiB clusters.
  expect(qemuBogusLeaks(4096, 20 * 2 ** 20)).toBe(1);
  expect(qemuBogusLeaks(4096, 40 * 2 ** 20)).toBe(2);
  expect(qemuBogusLeaks(65536, 819_405 * 65536)).toBe(12);
  expect(qemuBogusLeaks(65536, 8_390_661 * 65536)).toBe(128);
});
