/**
 * qcow2 written in memory, every shape of it: any requests against an array of bytes. What real QEMU makes of the same
 * is in write-qemu.test.ts; what a stop or a failure leaves behind, in write-faults.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runRequest } from '../../../src/device/events.ts';
import type { Disk } from '../../../src/disk/disk.ts';
import { readGuest } from '../../../src/drivers/guest-io.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import {
  blank,
  contents,
  emptyQcow2,
  findings,
  openDisk,
  type Shape,
  snapshotContents,
  takeSnapshot,
} from './writer-images.ts';
import { type Asked, asked, perform } from './writer-requests.ts';

const below = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 1 + (i % 251));
const KIB = 1024;

const SHAPES: readonly (Shape & { readonly name: string })[] = [
  { name: 'clusters of 512 bytes', clusterBits: 9, size: 77 * 512 },
  { name: 'counts of one bit', clusterBits: 9, refcountOrder: 0, size: 60 * 512 },
  {
    name: 'counts of two bits, something below',
    clusterBits: 10,
    refcountOrder: 1,
    size: 60 * KIB,
    below: below(40 * KIB),
  },
  { name: 'counts of four bits', clusterBits: 9, refcountOrder: 2, size: 100 * 512 },
  { name: 'counts of eight bits', clusterBits: 9, refcountOrder: 3, size: 100 * 512 },
  { name: 'counts of 32 bits, lazy', clusterBits: 9, refcountOrder: 5, lazy: true, size: 150 * 512 },
  { name: 'counts of 64 bits: the refcount table grows', clusterBits: 9, refcountOrder: 6, size: 4100 * 512 },
  { name: 'version 2', clusterBits: 9, version: 2, size: 60 * 512 },
  {
    name: 'version 2, more below than the disk has',
    clusterBits: 9,
    version: 2,
    size: 60 * 512,
    below: below(64 * 512),
  },
  { name: 'clusters of 64 KiB, less below', clusterBits: 16, size: 300 * KIB + 512, below: below(100 * KIB + 512) },
  { name: 'subclusters', clusterBits: 14, extended: true, size: 120 * KIB },
  { name: 'subclusters, something below', clusterBits: 14, extended: true, size: 120 * KIB, below: below(90 * KIB) },
  { name: 'clusters of 2 MiB', clusterBits: 21, size: 5 * KIB * KIB },
];

describe.each(SHAPES)('a qcow2 writer on $name', (shape) => {
  const requests = fc.array(asked(shape), { maxLength: 20 });
  const cheap = shape.size > KIB * KIB ? { numRuns: 4 } : { numRuns: 20 };

  it('keeps what an array of bytes would, and nothing that a check complains of', () => {
    fc.assert(
      fc.property(requests, (list) => {
        const device = emptyQcow2(shape);
        const model = blank(shape);
        let disk = openDisk(device, shape);
        for (const request of list) {
          disk = perform(disk, model, shape, request, () => openDisk(device, shape));
        }
        expect(Buffer.compare(contents(disk), model)).toBe(0);
        if (!shape.below) {
          const seen = new Uint8Array(shape.size);
          readGuest(disk.image, 0, seen);
          expect(Buffer.compare(seen, model)).toBe(0);
        }
        runRequest(disk.close());
        expect(findings(device, 'any')).toEqual([]);
        expect(Buffer.compare(contents(openDisk(device, shape)), model)).toBe(0);
      }),
      cheap,
    );
  });

  // A count of two does not fit one bit.
  it.skipIf(shape.refcountOrder === 0)('leaves what a snapshot shares as it is', () => {
    fc.assert(
      fc.property(requests, requests, (before, after) => {
        const device = emptyQcow2(shape);
        const model = blank(shape);
        let disk = openDisk(device, shape);
        const reopen = (): Disk => openDisk(device, shape);
        // Without compressed clusters: how often two of them share one is not what this is about.
        for (const request of before) {
          if (request.what === 'write') disk = perform(disk, model, shape, wholeClusters(request), reopen);
        }
        runRequest(disk.close());
        takeSnapshot(device);
        const then = model.slice();
        disk = reopen();
        for (const request of after) disk = perform(disk, model, shape, request, reopen);
        expect(Buffer.compare(contents(disk), model)).toBe(0);
        runRequest(disk.close());
        expect(findings(device, 'any')).toEqual([]);
        expect(Buffer.compare(snapshotContents(device, shape), then)).toBe(0);
      }),
      cheap,
    );
  });
});

function wholeClusters(request: Asked): Asked {
  return { ...request, at: [request.at[0], 0], length: [request.length[0] + 1, 0] };
}

describe('a qcow2 writer', () => {
  it('grows the refcount table, and uses the old one again', () => {
    const shape = { clusterBits: 9, refcountOrder: 6, size: 4 * KIB * KIB };
    const device = emptyQcow2(shape);
    const disk = openDisk(device, shape);
    const bytes = Uint8Array.from({ length: shape.size }, (_, i) => i % 253);
    for (let at = 0; at < bytes.length; at += 99_999) runRequest(disk.write(at, bytes.subarray(at, at + 99_999)));
    runRequest(disk.close());
    expect(Qcow2Image.open(device, { name: 'x' }).geometry.refcountTableClusters).toBeGreaterThan(1);
    expect(findings(device, 'any')).toEqual([]);
    expect(Buffer.compare(contents(openDisk(device, shape)), bytes)).toBe(0);
  });

  it('takes off marks of features it does not know before it writes anything', () => {
    const shape = { clusterBits: 9, size: 4096 };
    const device = emptyQcow2(shape);
    device.write(88, Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0x10));
    openDisk(device, shape);
    const { autoclear_features } = Qcow2Image.open(device, { name: 'x' }).header;
    expect([autoclear_features.hi, autoclear_features.lo]).toEqual([0, 0]);
  });

  it('marks an image with lazy refcounts while it is open, and counts again one that was left so', () => {
    const shape = { clusterBits: 9, lazy: true, size: 64 * 512 };
    const device = emptyQcow2(shape);
    const isDirty = (): boolean => Qcow2Image.open(device, { name: 'x' }).header.incompatible_features.dirty;
    const disk = openDisk(device, shape);
    expect(isDirty()).toBe(false);
    runRequest(disk.write(700, new Uint8Array(3000).fill(7)));
    expect(isDirty()).toBe(true);
    runRequest(disk.flush());
    expect(findings(device, 'any')).toContain('referenced-but-free');
    const again = openDisk(device, shape);
    expect(isDirty()).toBe(false);
    expect(findings(device, 'corruption')).toEqual([]);
    expect([...contents(again).subarray(699, 702)]).toEqual([0, 7, 7]);
    runRequest(again.write(0, new Uint8Array(512).fill(1)));
    runRequest(again.close());
    expect(isDirty()).toBe(false);
    expect(findings(device, 'any')).toEqual([]);
  });
});
