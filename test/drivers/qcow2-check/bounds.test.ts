/**
 * What a hostile image can make check do: tables that point to each other a hundred thousand times over are read a
 * few times, not as often as they are claimed, and millions of findings are counted but not kept.
 */
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { FINDING_LIMIT } from '../../../src/drivers/finding.ts';
import { COPIED, checkDevice, smallImage } from './small-image.ts';

/** Counts the bytes read. */
function counting(file: Uint8Array): Device & { bytesRead: number } {
  const inner = new MemoryDevice(file);
  return {
    name: 'counting',
    size: inner.size,
    bytesRead: 0,
    read(offset, target) {
      this.bytesRead += target.length;
      inner.read(offset, target);
    },
    write: () => expect.fail('check wrote'),
    resize: () => expect.fail('check resized'),
    flush: () => undefined,
  };
}

/** An image that is one L1 table from `from` to its end, each entry made by `entry`. */
function allL1(clusterBits: number, clusters: number, entry: (i: number) => bigint): Buffer {
  const file = smallImage({ clusterBits, clusters, l1Entries: 4 });
  const from = 3 * 2 ** clusterBits;
  file.writeUInt32BE(4_194_304, 36);
  for (let at = from, i = 0; at + 8 <= file.length; at += 8, i++) file.writeBigUInt64BE(entry(i), at);
  return file;
}

describe('a hostile image', () => {
  it.each([
    ['whose L1 entries all point to one table', 9, 1000, () => COPIED | (4n * 512n)],
    ['whose L1 entries point to every table', 12, 250, (i: number) => COPIED | (BigInt(i % 250) * 4096n)],
    ['whose L1 entries point between clusters', 12, 120, (i: number) => COPIED | (BigInt(i % 900) * 512n)],
    ['whose tables of 64 KiB overlap at every sector', 16, 12, (i: number) => BigInt(i % 1500) * 512n],
  ])('%s is read a few times', (_name, clusterBits, clusters, entry) => {
    const file = allL1(clusterBits, clusters, entry);
    const device = counting(file);
    const report = checkDevice(device);
    // Fixed costs: the header area, two readings of the L1, three walks of the tables, at odd offsets and at even ones.
    expect(device.bytesRead).toBeLessThan(16 * file.length + 16 * 65_536);
    expect(report.findings.length).toBeLessThanOrEqual(FINDING_LIMIT);
    expect(report.corruptions).toBeGreaterThan(clusters);
  });

  it('whose snapshots share one L1 table is read a few times', () => {
    const file = smallImage({ clusters: 2000 });
    const count = 20_000;
    file.writeUInt32BE(count, 60);
    file.writeBigUInt64BE(8n * 512n, 64);
    for (let i = 0; i < count; i++) {
      const at = 8 * 512 + i * 40;
      file.writeBigUInt64BE(BigInt((3 + (i % 5)) * 512), at);
      file.writeUInt32BE(100_000 + i, at + 8);
    }
    const device = counting(file);
    const report = checkDevice(device);
    expect(device.bytesRead).toBeLessThan(24 * file.length);
    expect(report.corruptions).toBeGreaterThan(count);
  });

  it('that claims 8 MiB of refcount table in a small file takes no memory for it', () => {
    const file = smallImage();
    file.writeUInt32BE(16_384, 56);
    const device = counting(file);
    expect(checkDevice(device).corruptions).toBeGreaterThan(0);
    expect(device.bytesRead).toBeLessThan(1_000_000);
  });
});
