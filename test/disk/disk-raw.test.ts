import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DeviceEvent, runRequest } from '../../src/device/events.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { Disk, openForWriting } from '../../src/disk/disk.ts';
import { rawDriver } from '../../src/drivers/raw.ts';

/** Remembers the events it is told of. */
class Listening extends MemoryDevice {
  readonly events: DeviceEvent[] = [];
  event(event: DeviceEvent): undefined {
    this.events.push(event);
  }
}

function open(device: MemoryDevice, options: Record<string, string> = {}): Disk {
  return runRequest(openForWriting(rawDriver, device, { name: 'x', options }));
}

function read(disk: Disk, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xee);
  runRequest(disk.read(offset, bytes));
  return bytes;
}

const request = fc.record({
  what: fc.constantFrom('write', 'zero', 'unmap', 'discard', 'truncate' as const),
  offset: fc.nat(20_000),
  length: fc.nat(9000),
  fill: fc.integer({ min: 1, max: 255 }),
});

describe('a raw disk', () => {
  it('reads what an array of bytes would hold, whatever is done', () => {
    fc.assert(
      fc.property(
        fc.nat(20_000),
        fc.constantFrom('1', '512', '4096'),
        fc.array(request, { maxLength: 12 }),
        (length, align, requests) => {
          // A file of larger blocks holds whole ones.
          const whole = (bytes: number) => (align === '1' ? bytes : bytes - (bytes % Number(align)));
          const size = whole(length);
          const disk = open(new MemoryDevice(size), { align });
          let model = new Uint8Array(Math.ceil(size / 512) * 512);
          for (const { what, offset: at, length: most, fill } of requests) {
            if (what === 'truncate') {
              runRequest(disk.truncate(whole(at)));
              const grown = new Uint8Array(Math.ceil(whole(at) / 512) * 512);
              grown.set(model.subarray(0, whole(at)));
              model = grown;
              continue;
            }
            const offset = Math.min(at, model.length);
            const length = Math.min(most, model.length - offset);
            const bytes = new Uint8Array(length).fill(what === 'write' ? fill : 0);
            if (what === 'write') runRequest(disk.write(offset, bytes));
            if (what === 'zero') runRequest(disk.writeZeroes(offset, length));
            if (what === 'unmap') runRequest(disk.writeZeroes(offset, length, { mayUnmap: true, noFallback: true }));
            if (what === 'discard') runRequest(disk.discard(offset, length));
            model.set(bytes, offset);
          }
          expect(disk.size).toBe(model.length);
          expect(Buffer.compare(read(disk, 0, model.length), model)).toBe(0);
        },
      ),
    );
  });

  it('does not make the file longer than its disk, and only as long as it must', () => {
    const device = new MemoryDevice(1000);
    const disk = open(device);
    runRequest(disk.writeZeroes(0, 1024, { mayUnmap: true }));
    runRequest(disk.discard(0, 1024));
    expect(device.size).toBe(1000);
    runRequest(disk.write(1000, new Uint8Array(3)));
    expect(device.size).toBe(1003);
    runRequest(disk.writeZeroes(0, 1024));
    expect(device.size).toBe(1024);
    expect(() => runRequest(disk.write(1020, new Uint8Array(5)))).toThrow(
      expect.objectContaining({ code: 'past-end' }),
    );
  });

  it('says where a write to a file of larger blocks is, as the file node of QEMU does', () => {
    const device = new Listening(8192);
    const disk = open(device, { align: '4096' });
    runRequest(disk.write(100, new Uint8Array(5000)));
    expect(device.events).toEqual([
      'write_aio',
      'pwritev_rmw_head',
      'pwritev_rmw_after_head',
      'pwritev_rmw_tail',
      'pwritev_rmw_after_tail',
      'pwritev',
      'pwritev_done',
    ]);
    device.events.length = 0;
    read(disk, 0, 10);
    expect(device.events).toEqual(['read_aio']);
  });

  it('refuses what raw has not', () => {
    const disk = open(new MemoryDevice(1024));
    const code = (of: string) => expect.objectContaining({ code: of });
    expect(() => runRequest(disk.writeCompressed(0, new Uint8Array(512)))).toThrow(code('not-supported'));
    expect(() => runRequest(disk.writeVmState(0, new Uint8Array(512)))).toThrow(code('not-supported'));
    expect(() => runRequest(disk.readVmState(0, new Uint8Array(512)))).toThrow(code('not-supported'));
    expect(() => runRequest(disk.truncate(2048, 'metadata'))).toThrow(code('preallocation-mode'));
    expect(() => runRequest(disk.truncate(512, 'full'))).toThrow(code('preallocation-shrinks'));
    const looking = new Disk(rawDriver.open(new MemoryDevice(1024), { name: 'x' }));
    expect(() => runRequest(looking.write(0, new Uint8Array(1)))).toThrow(code('read-only'));
    expect(looking.allocationAt(100)).toEqual({ allocated: true, length: 924 });
  });
});
