/**
 * Sizes, VM states and bitmaps of a qcow2 image in memory, stopped after every single operation on the file, and failed
 * at every single one: at worst clusters are leaked.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { runRequest } from '../../../src/device/events.ts';
import { FaultyDevice } from '../../../src/device/faulty.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type { Disk } from '../../../src/disk/disk.ts';
import { PREALLOCATIONS } from '../../../src/drivers/writing.ts';
import { ImageError } from '../../../src/errors.ts';
import { create, describeWithQemu, qemuImg, testFolder } from '../../support/qemu.ts';
import { Random, seeds, withSeed } from '../../support/random.ts';
import { contents, emptyQcow2, findings, openDisk, type Shape, takeSnapshot } from './writer-images.ts';

type Op = { readonly at: number; readonly bytes: Uint8Array } | { readonly size: number };

/** Remembers what reached it, in order. */
class Recorded extends FaultyDevice {
  readonly ops: Op[] = [];
  constructor(base: Device) {
    super(base, { at: Number.POSITIVE_INFINITY, kind: 'fail' });
  }
  override write(offset: number, bytes: Uint8Array): void {
    this.ops.push({ at: offset, bytes: bytes.slice() });
    super.write(offset, bytes);
  }
  override resize(size: number): void {
    this.ops.push({ size });
    super.resize(size);
  }
}

const SHAPES: readonly (Shape & { readonly name: string })[] = [
  { name: 'clusters of 512 bytes', clusterBits: 9, size: 70 * 512 },
  { name: 'counts of 64 bits', clusterBits: 9, refcountOrder: 6, size: 90 * 512 },
  { name: 'something below', clusterBits: 9, size: 30 * 512, below: new Uint8Array(60 * 512).fill(0xbb) },
  { name: 'subclusters', clusterBits: 14, extended: true, size: 80 * 1024 - 512 },
];

type Work = (disk: Disk) => void;

function works(shape: Shape, random: Random): Work[] {
  const cluster = 2 ** shape.clusterBits;
  return Array.from({ length: random.int(3, 8) }, (): Work => {
    const part = random.next();
    const fill = random.int(1, 255);
    const isVm = random.int(0, 5) === 0;
    const how = random.pick([...PREALLOCATIONS, 'off' as const]);
    const to = random.int(0, (shape.size * 2) / 512) * 512;
    const length = random.int(1, 3 * cluster);
    const compress = random.int(0, 2) === 0;
    if (isVm) return (disk) => runRequest(disk.writeVmState(512 * (fill % 5), new Uint8Array(1024).fill(fill)));
    if (random.int(0, 1) === 0) return (disk) => runRequest(disk.truncate(to, to < disk.size ? 'off' : how));
    return (disk) => {
      if (disk.size === 0) return;
      const at = Math.floor(part * disk.size);
      const start = compress ? at - (at % cluster) : at;
      const bytes = new Uint8Array(Math.min(disk.size - start, compress ? cluster : length)).fill(fill);
      if (compress && disk.image.getMapping(start).host !== undefined) return;
      runRequest(compress ? disk.writeCompressed(start, bytes) : disk.write(start, bytes));
    };
  });
}

/** An image with clusters of its own and shared ones. */
function begun(shape: Shape): Uint8Array {
  const device = emptyQcow2(shape);
  const disk = openDisk(device, shape);
  const cluster = 2 ** shape.clusterBits;
  runRequest(disk.write(2 * cluster, new Uint8Array(2 * cluster).fill(200)));
  runRequest(disk.close());
  takeSnapshot(device);
  return device.bytes();
}

function stopEverywhere(image: Uint8Array, shape: Shape, all: readonly Work[]): void {
  const device = new Recorded(new MemoryDevice(image));
  const disk = openDisk(device, shape);
  for (const work of all) work(disk);
  runRequest(disk.close());
  const replay = new MemoryDevice(image);
  for (const [i, op] of device.ops.entries()) {
    if ('size' in op) replay.resize(op.size);
    else replay.write(op.at, op.bytes);
    expect([i, findings(replay, 'corruption')]).toEqual([i, []]);
  }
  expect(findings(replay, 'any')).toEqual([]);
}

/** Operation by operation fails once; what comes after goes on. */
function failEverywhere(image: Uint8Array, shape: Shape, all: readonly Work[], step: number): void {
  for (let at = 0, isDone = false; !isDone; at += step) {
    const base = new MemoryDevice(image);
    const device = new FaultyDevice(base, { at, of: ['write', 'resize'], kind: 'fail' });
    isDone = true;
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        isDone = false;
      }
    };
    let disk: Disk | undefined;
    attempt(() => {
      disk = openDisk(device, shape);
    });
    if (!disk) continue;
    const open: Disk = disk;
    for (const work of all) attempt(() => work(open));
    attempt(() => runRequest(open.close()));
    expect([at, findings(base, 'corruption')]).toEqual([at, []]);
    contents(openDisk(new MemoryDevice(base.bytes()), shape));
  }
}

describe.each(SHAPES)('an image with $name', (shape) => {
  it('is whole wherever it is stopped or fails', () => {
    const image = begun(shape);
    for (const seed of seeds(3)) {
      withSeed(seed, () => {
        const all = works(shape, new Random(seed));
        stopEverywhere(image, shape, all);
        failEverywhere(image, shape, all, 3);
      });
    }
  });
});

describeWithQemu('an image with bitmaps', () => {
  it('is whole wherever it is stopped or fails', () => {
    const path = join(testFolder(), 'b.qcow2');
    const shape = { clusterBits: 9, size: 200 * 512 };
    create(path, 'qcow2', shape.size, { options: { cluster_size: 512 } });
    qemuImg('bitmap', '--add', '-g', '512', path, 'fine');
    qemuImg('bitmap', '--add', '--disable', '-g', '4k', path, 'idle');
    const image = new Uint8Array(readFileSync(path));
    for (const seed of seeds(2)) {
      withSeed(seed, () => {
        const all = works(shape, new Random(seed));
        stopEverywhere(image, shape, all);
        failEverywhere(image, shape, all, 2);
      });
    }
  });
});
