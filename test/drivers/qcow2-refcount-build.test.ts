/** Building refcounts: how many clusters they need, and what the blocks say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterBitmap } from '../../src/bytes/cluster-bitmap.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { refcountSize, writeRefcountBlocks } from '../../src/drivers/qcow2/refcount-build.ts';

const KIB = 1024;

describe('refcountSize', () => {
  it.each([
    // clusters, cluster size, refcount order -> blocks, table clusters
    [643, 64 * KIB, 4, 1, 1],
    [1_048_706, 64 * KIB, 4, 33, 1],
    [16_779_266, 64 * KIB, 4, 513, 1],
    [16_779_266, 64 * KIB, 0, 33, 1],
    [16_779_266, 64 * KIB, 6, 2049, 1],
    [2_101_257, 4 * KIB, 4, 1027, 3],
    [213_043_201, 512, 4, 835_515, 13_055],
    [32_766, 64 * KIB, 4, 1, 1],
    [32_767, 64 * KIB, 4, 2, 1],
    [268_435_456, 64 * KIB, 4, 8193, 2],
  ])(
    '%d clusters of %d bytes, order %d: %d blocks, %d table clusters',
    (clusters, size, order, blocks, tableClusters) => {
      expect(refcountSize(clusters, size, order)).toEqual({ blocks, tableClusters });
    },
  );

  it('covers every cluster, itself included, and no block more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 28 }),
        fc.integer({ min: 9, max: 21 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 5 }),
        (clusters, clusterBits, order, spareBlocks) => {
          const clusterSize = 2 ** clusterBits;
          const perBlock = (clusterSize * 8) / 2 ** order;
          const { blocks, tableClusters } = refcountSize(clusters, clusterSize, order, spareBlocks);
          const single = blocks + (tableClusters === 1 ? 1 : 0);
          const appended = Math.max(single - spareBlocks, 0) + (tableClusters === 1 ? 0 : tableClusters);
          expect(blocks * perBlock).toBeGreaterThanOrEqual(clusters + appended);
          expect((tableClusters * clusterSize) / 8).toBeGreaterThanOrEqual(blocks);
          expect((blocks - 1) * perBlock).toBeLessThan(clusters + appended);
        },
      ),
    );
  });
});

/** The specification's own words: below 8 bits from the low end of the byte, else big-endian. */
function counterIn(block: Buffer, index: number, width: number): number {
  if (width < 8) return ((block[(index * width) >> 3] as number) >> ((index * width) & 7)) & (2 ** width - 1);
  return Number(BigInt(`0x${block.toString('hex', (index * width) / 8, ((index + 1) * width) / 8)}`));
}

describe('writeRefcountBlocks', () => {
  it.each([0, 1, 2, 3, 4, 5, 6])('counts each referenced cluster once, order %d', (order) => {
    const width = 2 ** order;
    const clusterSize = 512;
    const perBlock = (clusterSize * 8) / width;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 * perBlock - 1 }), fc.integer({ min: 1, max: 90 })), {
          maxLength: 20,
        }),
        (runs) => {
          const referenced = new ClusterBitmap();
          for (const [first, count] of runs) referenced.setRun(first, Math.min(count, 3 * perBlock - first));
          const device = new MemoryDevice(4 * clusterSize);
          runToEnd(writeRefcountBlocks(device, referenced, clusterSize, order, [0, 1024, 512]));
          const block = Buffer.alloc(clusterSize);
          for (const [i, offset] of [0, 1024, 512].entries()) {
            device.read(offset, block);
            const counters = Array.from({ length: perBlock }, (_, j) => counterIn(block, j, width));
            expect(counters).toEqual(counters.map((_, j) => (referenced.has(i * perBlock + j) ? 1 : 0)));
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
