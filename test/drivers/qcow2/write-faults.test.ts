/**
 * qcow2 written in memory, and stopped or failed on the way: after every single write to the file, and at every single
 * operation. And requests that are suspended in the middle while others go on.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { type DeviceEvent, type Request, runRequest, type Suspension } from '../../../src/device/events.ts';
import { FaultyDevice } from '../../../src/device/faulty.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type { Disk } from '../../../src/disk/disk.ts';
import { ImageError } from '../../../src/errors.ts';
import { Random } from '../../support/random.ts';
import { blank, contents, emptyQcow2, findings, openDisk, type Shape, takeSnapshot } from './writer-images.ts';
import { type Asked, asked, perform, rangeOf } from './writer-requests.ts';

const below = Uint8Array.from({ length: 20 * 512 }, (_, i) => 1 + (i % 251));

const SHAPES: readonly (Shape & { readonly name: string })[] = [
  { name: 'clusters of 512 bytes', clusterBits: 9, size: 70 * 512 },
  { name: 'counts of 64 bits', clusterBits: 9, refcountOrder: 6, size: 150 * 512 },
  { name: 'something below', clusterBits: 9, size: 30 * 512, below },
  { name: 'lazy refcounts', clusterBits: 9, lazy: true, size: 40 * 512 },
  { name: 'subclusters, something below', clusterBits: 14, extended: true, size: 80 * 1024 - 512, below },
];

/** What refcounts are amiss in while an image with lazy refcounts is open. */
const LAZY = ['referenced-but-free', 'refcount-too-low', 'l2-copied', 'l1-copied', 'dirty'];

type Op =
  | { readonly op: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly op: 'resize'; readonly size: number };

/** Remembers what reached it, in order. */
class Recorded extends FaultyDevice {
  readonly ops: Op[] = [];
  constructor(base: Device) {
    super(base, { at: Number.POSITIVE_INFINITY, kind: 'fail' });
  }
  override write(offset: number, bytes: Uint8Array): void {
    this.ops.push({ op: 'write', offset, bytes: bytes.slice() });
    super.write(offset, bytes);
  }
  override resize(size: number): void {
    this.ops.push({ op: 'resize', size });
    super.resize(size);
  }
}

/** An image that has something in it, and a snapshot where the counts can hold it. */
function begun(shape: Shape): { image: Uint8Array; model: Uint8Array } {
  const device = emptyQcow2(shape);
  const model = blank(shape);
  const disk = openDisk(device, shape);
  const cluster = 2 ** shape.clusterBits;
  const bytes = new Uint8Array(2 * cluster).fill(200);
  runRequest(disk.write(cluster, bytes));
  model.set(bytes, cluster);
  runRequest(disk.close());
  takeSnapshot(device);
  return { image: device.bytes(), model };
}

describe.each(SHAPES)('a qcow2 writer on $name', (shape) => {
  it('leaves leaks at worst wherever it is stopped, all that was flushed, and of the rest old or new', () => {
    const { image, model: first } = begun(shape);
    const list = fc.array(asked(shape), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(list, (requests) => stopEverywhere(shape, image, first, requests)),
      { numRuns: 8 },
    );
  });

  it('does not use a cluster again while the file may still lead to it', () => {
    const { image, model } = begun(shape);
    const at = (what: Asked['what'], cluster: number, bytes = 0): Asked => ({
      ...{ what, at: [cluster, bytes] as const, fill: 10 + cluster },
      length: what === 'write' && bytes > 0 ? [0, 9] : [1, 0],
    });
    stopEverywhere(shape, image, model, [
      ...[at('compress', 3), at('flush', 0), at('write', 3, 77), at('write', 4), at('flush', 0)],
      ...[at('discard', 4), at('write', 3), at('write', 0), at('zero', 0), at('write', 4)],
    ]);
  });

  it('goes on after a request that failed', () => {
    const { image, model: first } = begun(shape);
    const list = fc.array(asked(shape), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(list, fc.nat(30), fc.constantFrom('io-error', 'no-space'), (requests, at, code) => {
        const base = new MemoryDevice(image);
        const device = new FaultyDevice(base, { at, of: ['write', 'resize'], kind: 'fail', code });
        const model = first.slice();
        const unsure = new Uint8Array(shape.size);
        let disk = openDisk(device, shape);
        for (const request of requests) {
          if (request.what === 'reopen') continue;
          try {
            disk = perform(disk, model, shape, request, () => disk);
          } catch (error) {
            if (!(error instanceof ImageError)) throw error;
            const { offset, length } = rangeOf(request, shape);
            unsure.fill(1, offset, offset + length);
          }
          const now = contents(disk);
          expect(now.findIndex((byte, i) => byte !== model[i] && unsure[i] === 0)).toBe(-1);
          model.set(now);
        }
        try {
          runRequest(disk.close());
        } catch (error) {
          if (!(error instanceof ImageError)) throw error;
          // What could not be written then can be now.
          runRequest(disk.close());
        }
        expect(findings(base, 'corruption')).toEqual([]);
        expect(Buffer.compare(contents(openDisk(base, shape)), model)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

/** Does the requests, and looks at what is there after each single operation on the file. */
function stopEverywhere(shape: Shape, image: Uint8Array, first: Uint8Array, requests: readonly Asked[]): void {
  const device = new Recorded(new MemoryDevice(image));
  const model = first.slice();
  // What the disk may hold after so many operations: what was flushed, and each state since.
  const states: { readonly from: number; readonly flushed: boolean; readonly bytes: Uint8Array }[] = [
    { from: 0, flushed: true, bytes: first },
  ];
  let disk = openDisk(device, shape);
  for (const request of requests) {
    const from = device.ops.length;
    disk = perform(disk, model, shape, request, () => openDisk(device, shape));
    states.push({ from, flushed: false, bytes: model.slice() });
    const flushed = request.what === 'flush' || request.what === 'reopen';
    if (flushed) states.push({ from: device.ops.length, flushed, bytes: model.slice() });
  }
  runRequest(disk.close());
  const replay = new MemoryDevice(image);
  for (const [i, op] of device.ops.entries()) {
    if (op.op === 'write') replay.write(op.offset, op.bytes);
    else replay.resize(op.size);
    expect([i, findings(replay, 'corruption', shape.lazy ? LAZY : [])]).toEqual([i, []]);
    const past = states.filter(({ from }) => from <= i + 1);
    const durable = past.findLastIndex(({ flushed }) => flushed);
    expect([i, strange(contentsOf(replay, shape), past.slice(durable))]).toEqual([i, -1]);
  }
}

/** Read without changing the device, which opening an image with lazy refcounts may do. */
function contentsOf(device: MemoryDevice, shape: Shape): Uint8Array {
  return contents(openDisk(shape.lazy ? new MemoryDevice(device.bytes()) : device, shape));
}

/** The first byte that none of the states has. */
function strange(bytes: Uint8Array, states: readonly { readonly bytes: Uint8Array }[]): number {
  return bytes.findIndex((byte, i) => states.every((state) => state.bytes[i] !== byte));
}

/** Suspends requests at instants that chance picks. */
class Suspending extends MemoryDevice {
  readonly #random: Random;
  constructor(bytes: Uint8Array, random: Random) {
    super(bytes);
    this.#random = random;
  }
  event(event: DeviceEvent): Suspension | undefined {
    return this.#random.chance(0.3) ? { event, tag: 'x' } : undefined;
  }
}

describe('requests on a qcow2 disk that are suspended', () => {
  it.each(SHAPES)('come to the same as one after the other: $name', (shape) => {
    const { image, model: first } = begun(shape);
    fc.assert(
      fc.property(fc.array(asked(shape), { minLength: 2, maxLength: 6 }), fc.nat(), (requests, seed) => {
        const random = new Random(seed);
        const device = new Suspending(image, random);
        const disk = openDisk(device, shape);
        const model = first.slice();
        const written = new Uint8Array(shape.size);
        const running: { request: Request; waits?: Suspension }[] = [];
        for (const one of requests) {
          // Each byte is written once, so that the order in which they end does not matter.
          const { offset, length } = rangeOf(one, shape);
          if (one.what !== 'write' || written.subarray(offset, offset + length).some((byte) => byte !== 0)) continue;
          written.fill(1, offset, offset + length);
          model.fill(one.fill, offset, offset + length);
          running.push({ request: disk.write(offset, new Uint8Array(length).fill(one.fill)) });
        }
        running.push({ request: disk.flush() });
        for (let steps = 0; running.length > 0; steps++) {
          const able = running.filter(({ waits }) => waits?.ready?.() ?? true);
          // Somebody can always go on.
          expect(able.length).toBeGreaterThan(0);
          const chosen = random.pick(able);
          const step = chosen.request.next();
          if (step.done) running.splice(running.indexOf(chosen), 1);
          else chosen.waits = step.value;
          expect(steps).toBeLessThan(10_000);
        }
        expect(Buffer.compare(quietly(disk), model)).toBe(0);
        const closing = disk.close();
        while (!closing.next().done);
        expect(findings(device, 'any')).toEqual([]);
        expect(Buffer.compare(contentsOf(new MemoryDevice(device.bytes()), shape), model)).toBe(0);
      }),
      { numRuns: 15 },
    );
  });
});

function quietly(disk: Disk): Uint8Array {
  const bytes = new Uint8Array(disk.size);
  const reading = disk.read(0, bytes);
  while (!reading.next().done);
  return bytes;
}
