/** Random requests on a qcow2 disk, and an array of bytes that keeps what they leave. */
import fc from 'fast-check';
import { runRequest } from '../../../src/device/events.ts';
import type { Disk } from '../../../src/disk/disk.ts';
import { clusterSizeOf, type Shape } from './writer-images.ts';

export interface Asked {
  readonly what: 'write' | 'zero' | 'discard' | 'compress' | 'flush' | 'reopen';
  /** Clusters and bytes. */
  readonly at: readonly [clusters: number, bytes: number];
  readonly length: readonly [clusters: number, bytes: number];
  readonly fill: number;
}

export function asked(shape: Shape): fc.Arbitrary<Asked> {
  const cluster = clusterSizeOf(shape);
  const some = (clusters: number): fc.Arbitrary<readonly [number, number]> =>
    fc.tuple(fc.nat(clusters), fc.oneof(fc.constant(0), fc.nat(cluster - 1)));
  return fc.record({
    what: fc.constantFrom('write', 'write', 'write', 'zero', 'zero', 'discard', 'compress', 'flush', 'reopen'),
    at: some(Math.floor((shape.size - 1) / cluster)),
    length: fc.oneof(some(2), some(Math.floor(shape.size / cluster))),
    fill: fc.integer({ min: 1, max: 255 }),
  });
}

/** The request in bytes: inside the disk, whole clusters where it must be. */
export function rangeOf({ what, at, length }: Asked, shape: Shape): { offset: number; length: number } {
  const cluster = clusterSizeOf(shape);
  const whole = what === 'compress';
  const offset = Math.min(at[0] * cluster + (whole ? 0 : at[1]), shape.size - 1);
  const wanted = whole ? cluster : length[0] * cluster + length[1];
  return { offset, length: Math.min(wanted, shape.size - offset) };
}

/** Does it on both; answers the disk to go on with. */
export function perform(disk: Disk, model: Uint8Array, shape: Shape, request: Asked, reopen: () => Disk): Disk {
  const { what, fill } = request;
  const { offset, length } = rangeOf(request, shape);
  switch (what) {
    case 'write':
    case 'compress': {
      const bytes = new Uint8Array(length).fill(fill);
      if (length > 5) bytes[5] = 255 - fill;
      // What has a place already cannot be compressed.
      if (what === 'compress' && disk.image.getMapping(offset).host !== undefined) return disk;
      runRequest(what === 'write' ? disk.write(offset, bytes) : disk.writeCompressed(offset, bytes));
      model.set(bytes, offset);
      return disk;
    }
    case 'zero':
      runRequest(disk.writeZeroes(offset, length, { mayUnmap: fill > 128 }));
      model.fill(0, offset, offset + length);
      return disk;
    case 'discard':
      runRequest(disk.discard(offset, length));
      // What a discarded cluster reads as is the format's choice: zeros, or what it was.
      runRequest(disk.read(offset, model.subarray(offset, offset + length)));
      return disk;
    case 'flush':
      runRequest(disk.flush());
      return disk;
    case 'reopen':
      runRequest(disk.close());
      return reopen();
  }
}
