/**
 * QED written in memory: any requests against an array of bytes, stopped at every write, failed at every operation.
 * What real QEMU makes of it is in test/disk/twin.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../../src/bytes/progress.ts';
import type { Device } from '../../../src/device/device.ts';
import { type DeviceEvent, runRequest } from '../../../src/device/events.ts';
import { Crash, FaultyDevice } from '../../../src/device/faulty.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { type Disk, openForWriting } from '../../../src/disk/disk.ts';
import { qedDriver } from '../../../src/drivers/qed/driver.ts';
import { QedImage } from '../../../src/drivers/qed/image.ts';
import { rawDriver } from '../../../src/drivers/raw.ts';
import { ImageError } from '../../../src/errors.ts';
import { handmade } from './support.ts';

const CLUSTER = 4096;
const CLUSTERS = 11;
/** The last cluster is a part of one. */
const SIZE = CLUSTERS * CLUSTER - 1024;

interface Asked {
  readonly what: 'write' | 'zero' | 'discard' | 'flush' | 'reopen';
  readonly offset: number;
  readonly length: number;
  readonly fill: number;
}

const asked: fc.Arbitrary<Asked> = fc.record({
  what: fc.constantFrom('write', 'write', 'zero', 'zero', 'discard', 'flush', 'reopen'),
  offset: fc.oneof(
    fc.nat(SIZE),
    fc.nat(CLUSTERS - 1).map((n) => n * CLUSTER),
  ),
  length: fc.oneof(
    fc.nat(9000),
    fc.nat(3).map((n) => n * CLUSTER),
  ),
  fill: fc.integer({ min: 1, max: 255 }),
});

/** Nothing allocated, or the second L1 entry's table there already. */
function empty(): MemoryDevice {
  return handmade({
    clusterSize: CLUSTER,
    tableClusters: 2,
    size: SIZE,
    l1: {},
    l2: [],
    fileSize: 3 * CLUSTER,
  });
}

/** Shorter than the disk. */
function below(): Uint8Array {
  return Uint8Array.from({ length: 7 * CLUSTER + 512 }, (_, i) => 1 + (i % 250));
}

function open(device: Device, hasBelow: boolean): Disk {
  const chain = hasBelow ? [rawDriver.open(new MemoryDevice(below()), { name: 'below' })] : [];
  return runRequest(openForWriting(qedDriver, device, { name: 'x' }, chain));
}

function contents(disk: Disk): Uint8Array {
  const bytes = new Uint8Array(disk.size);
  runRequest(disk.read(0, bytes));
  return bytes;
}

function modelOf(hasBelow: boolean): Uint8Array {
  const model = new Uint8Array(SIZE);
  if (hasBelow) model.set(below());
  return model;
}

/** Does it, and answers the disk to go on with. */
function perform(disk: Disk, device: Device, hasBelow: boolean, request: Asked): Disk {
  const { what, offset, fill } = request;
  const length = Math.min(request.length, SIZE - offset);
  if (what === 'write') runRequest(disk.write(offset, new Uint8Array(length).fill(fill)));
  if (what === 'zero') runRequest(disk.writeZeroes(offset, length, { mayUnmap: fill > 128 }));
  if (what === 'discard') runRequest(disk.discard(offset, length));
  if (what === 'flush') runRequest(disk.flush());
  if (what !== 'reopen') return disk;
  runRequest(disk.close());
  return open(device, hasBelow);
}

function remember(model: Uint8Array, { what, offset, length, fill }: Asked): void {
  if (what === 'write') model.fill(fill, offset, Math.min(offset + length, SIZE));
  if (what === 'zero') model.fill(0, offset, Math.min(offset + length, SIZE));
}

/** Findings that are worse than a leak, and the mark that is there for the time of writing. */
function corruptions(device: Device): string[] {
  const report = runToEnd(QedImage.open(device).check());
  return report.findings.flatMap(({ severity, code }) => (severity === 'corruption' ? [code] : []));
}

describe('a QED writer', () => {
  it('keeps what an array of bytes would, and nothing that a check complains of', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(asked, { maxLength: 14 }), (hasBelow, requests) => {
        const device = empty();
        const model = modelOf(hasBelow);
        let disk = open(device, hasBelow);
        for (const request of requests) {
          disk = perform(disk, device, hasBelow, request);
          remember(model, request);
          expect(Buffer.compare(contents(disk), model)).toBe(0);
        }
        // What the image says of itself is the same.
        const image = disk.image;
        for (let at = 0; at < SIZE; ) {
          const { allocated, length } = disk.allocationAt(at);
          expect(length).toBeGreaterThan(0);
          if (!hasBelow && !allocated) expect(model.subarray(at, at + length).every((byte) => byte === 0)).toBe(true);
          at += length;
        }
        expect(image.size).toBe(SIZE);
        runRequest(disk.close());
        expect(corruptions(device)).toEqual([]);
        expect(QedImage.open(device).header.features.need_check).toBe(false);
        expect(device.size % CLUSTER).toBe(0);
      }),
    );
  });

  it('leaves leaks at worst wherever it is stopped, and every request that had ended', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(asked, { minLength: 1, maxLength: 4 }), (hasBelow, requests) => {
        const whole = new CountedDevice(empty());
        let disk = open(whole, hasBelow);
        for (const request of requests) disk = perform(disk, whole, hasBelow, request);
        for (let at = 0; at <= whole.writes; at++) {
          const device = empty();
          const stopping = new FaultyDevice(device, { at, of: ['write'], kind: 'crash' });
          const model = modelOf(hasBelow);
          let open_: Asked | undefined;
          try {
            let running = open(stopping, hasBelow);
            for (const request of requests) {
              open_ = request;
              running = perform(running, stopping, hasBelow, request);
              remember(model, request);
              open_ = undefined;
            }
          } catch (error) {
            if (!(error instanceof Crash)) throw error;
          }
          expect(corruptions(device)).toEqual([]);
          const after = contents(open(device, hasBelow));
          const old = model.slice();
          if (open_) remember(model, open_);
          for (let i = 0; i < SIZE; i++) if (after[i] !== old[i] && after[i] !== model[i]) expect([at, i]).toEqual([]);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('goes on after a request that failed', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(asked, { minLength: 3, maxLength: 8 }),
        fc.nat(12),
        (hasBelow, requests, at) => {
          const device = empty();
          const failing = new FaultyDevice(device, { at, of: ['write', 'flush'], kind: 'fail' });
          const model = modelOf(hasBelow);
          // Bytes of the request that failed: old or new.
          const unsure = new Uint8Array(SIZE);
          let disk = open(failing, hasBelow);
          for (const request of requests) {
            if (request.what === 'reopen') continue;
            try {
              disk = perform(disk, failing, hasBelow, request);
              remember(model, request);
            } catch (error) {
              if (!(error instanceof ImageError)) throw error;
              unsure.fill(1, request.offset, request.offset + request.length);
            }
            const now = contents(disk);
            expect(now.findIndex((byte, i) => byte !== model[i] && unsure[i] === 0)).toBe(-1);
          }
          try {
            runRequest(disk.close());
          } catch (error) {
            if (!(error instanceof ImageError)) throw error;
          }
          expect(corruptions(device)).toEqual([]);
        },
      ),
    );
  });

  it('says its instants in the order of QEMU', () => {
    const device = new ListeningMemory(empty());
    const disk = open(device, false);
    runRequest(disk.write(512, new Uint8Array(512)));
    expect(device.take()).toEqual([
      'cow_write',
      'cow_write',
      'write_aio',
      'l2_update',
      'flush_to_os',
      'flush_to_disk',
      'l1_update',
    ]);
    runRequest(disk.write(1024, new Uint8Array(512)));
    expect(device.take()).toEqual(['write_aio']);
    runRequest(disk.writeZeroes(CLUSTER, CLUSTER));
    expect(device.take()).toEqual(['l2_update']);
    runRequest(disk.writeZeroes(0, CLUSTER));
    expect(device.take()).toEqual(['write_aio']);
    const again = open(device, true);
    device.take();
    contents(again);
    expect(device.take().filter((event) => event !== 'l2_load')).toEqual(['read_aio', 'read_backing_aio']);
  });

  it('is marked while it allocates without a backing file, and mends an image that is left so', () => {
    const device = empty();
    const disk = open(device, false);
    runRequest(disk.write(0, new Uint8Array(CLUSTER).fill(1)));
    runRequest(disk.write(2 * CLUSTER, new Uint8Array(CLUSTER).fill(2)));
    expect(QedImage.open(device).header.features.need_check).toBe(true);
    // An entry that leads nowhere: QEMU takes it out when it opens such an image for writing.
    const table = 4 * CLUSTER;
    device.write(table + 8, Uint8Array.of(0, 0, 0, 0x7f, 0, 0, 0, 0));
    expect(corruptions(device)).not.toEqual([]);
    const again = open(device, false);
    expect(corruptions(device)).toEqual([]);
    expect(QedImage.open(device).header.features.need_check).toBe(false);
    expect(contents(again)[0]).toBe(1);
    expect(contents(again)[2 * CLUSTER]).toBe(2);
  });

  it('grows, and refuses what the format cannot', () => {
    const device = empty();
    const disk = open(device, true);
    const code = (of: string) => expect.objectContaining({ code: of });
    expect(() => runRequest(disk.truncate(SIZE - 512))).toThrow(code('shrink'));
    expect(() => runRequest(disk.truncate(SIZE + 1))).toThrow(code('bad-size'));
    expect(() => runRequest(disk.truncate(SIZE + 512, 'full'))).toThrow(code('preallocation-mode'));
    expect(() => runRequest(disk.writeCompressed(0, new Uint8Array(CLUSTER)))).toThrow(code('not-supported'));
    expect(() => runRequest(disk.writeZeroes(0, CLUSTER, { noFallback: true }))).toThrow(code('not-supported'));
    runRequest(disk.truncate(SIZE + 512));
    expect(disk.size).toBe(SIZE + 512);
    const last = new Uint8Array(512).fill(9);
    runRequest(disk.write(SIZE, last));
    expect(contents(disk).subarray(SIZE)).toEqual(last);
    expect(QedImage.open(device).size).toBe(SIZE + 512);
  });

  it('lets one request allocate at a time', () => {
    const device = new ListeningMemory(empty());
    const disk = open(device, false);
    device.stopAt = 'cow_write';
    const first = disk.write(0, new Uint8Array(512).fill(1));
    expect(first.next().value).toMatchObject({ event: 'cow_write' });
    device.stopAt = undefined;
    const second = disk.write(512, new Uint8Array(512).fill(2));
    const waiting = second.next().value as { ready?: () => boolean };
    expect(waiting.ready?.()).toBe(false);
    expect(first.next().done).toBe(true);
    expect(waiting.ready?.()).toBe(true);
    expect(second.next().done).toBe(true);
    const now = contents(disk);
    expect([now[0], now[512], now[1024]]).toEqual([1, 2, 0]);
    expect(corruptions(device)).toEqual([]);
  });
});

/** Counts what is written. */
class CountedDevice extends FaultyDevice {
  writes = 0;
  constructor(base: Device) {
    super(base, { at: Number.POSITIVE_INFINITY, kind: 'fail' });
  }
  override write(offset: number, bytes: Uint8Array, what?: string): void {
    this.writes++;
    super.write(offset, bytes, what);
  }
}

class ListeningMemory extends FaultyDevice {
  stopAt: DeviceEvent | undefined;
  readonly #events: DeviceEvent[] = [];
  constructor(base: Device) {
    super(base, { at: Number.POSITIVE_INFINITY, kind: 'fail' });
  }
  event(event: DeviceEvent): { event: DeviceEvent; tag: string } | undefined {
    this.#events.push(event);
    return event === this.stopAt ? { event, tag: 'x' } : undefined;
  }
  /** What came since the last time. */
  take(): DeviceEvent[] {
    return this.#events.splice(0);
  }
}
