import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ranges } from '../../src/bytes/ranges.ts';
import { readBytes } from '../../src/device/device.ts';
import { Crash, FaultyDevice, Fuse } from '../../src/device/faulty.ts';
import { fence, TO_THE_END } from '../../src/device/fence.ts';
import { FileDevice } from '../../src/device/file.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { overlay } from '../../src/device/overlay.ts';
import { slice } from '../../src/device/slice.ts';
import { StagedDevice } from '../../src/device/staged.ts';
import { TracedDevice } from '../../src/device/traced.ts';
import { deviceContract } from './contract.ts';

let folder = '';
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'platter-devices-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function staged(content: Uint8Array, memoryLimit?: number): StagedDevice {
  const device = new StagedDevice(new MemoryDevice(content), memoryLimit === undefined ? {} : { memoryLimit });
  device.begin('test');
  return device;
}

deviceContract({ name: 'MemoryDevice', open: (content) => new MemoryDevice(content) });
deviceContract({
  name: 'FileDevice',
  open(content) {
    const path = join(folder, `file-${files++}`);
    writeFileSync(path, content);
    return new FileDevice(path, 'read-write');
  },
});
deviceContract({ name: 'StagedDevice', open: (content) => staged(content) });
deviceContract({ name: 'StagedDevice that keeps nothing in memory', open: (content) => staged(content, 0) });
deviceContract({ name: 'TracedDevice', open: (content) => new TracedDevice(new MemoryDevice(content)) });
deviceContract({
  name: 'FaultyDevice before its fault',
  open: (content) => new FaultyDevice(new MemoryDevice(content), { at: 1e9, kind: 'fail' }),
});
deviceContract({
  name: 'fence around everything',
  open: (content) => fence(new MemoryDevice(content), Ranges.of([{ offset: 0, length: TO_THE_END }])),
});
deviceContract({
  name: 'slice',
  resizable: false,
  open(content) {
    const inner = new MemoryDevice(new Uint8Array(content.length + 300).fill(0xaa));
    inner.write(100, content);
    return slice(inner, 100, content.length);
  },
});
deviceContract({
  name: 'overlay',
  writable: false,
  open(content) {
    const inner = content.slice();
    inner.fill(0xaa, 500, 700);
    return overlay(new MemoryDevice(inner), 500, content.slice(500, 700));
  },
});

describe('MemoryDevice', () => {
  it('holds a few bytes of 1 TiB in a few pages', () => {
    const before = process.memoryUsage().rss;
    const device = new MemoryDevice(2 ** 40);
    for (let i = 0; i < 64; i++) device.write(i * 2 ** 34, Uint8Array.of(i));
    expect(device.size).toBe(2 ** 40);
    expect(readBytes(device, 63 * 2 ** 34, 2)).toEqual(Uint8Array.of(63, 0));
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe('slice', () => {
  it('does not write past its end', () => {
    const inner = new MemoryDevice(new Uint8Array(100));
    const part = slice(inner, 10, 20);
    expect(() => part.write(15, new Uint8Array(6).fill(1))).toThrow(expect.objectContaining({ code: 'past-end' }));
    expect(() => part.resize(21)).toThrow(expect.objectContaining({ code: 'past-end' }));
    expect(inner.bytes()).toEqual(new Uint8Array(100));
  });

  it('reads zeros past its end where the device goes on', () => {
    const part = slice(new MemoryDevice(new Uint8Array(100).fill(1)), 10, 20);
    expect(readBytes(part, 19, 2)).toEqual(Uint8Array.of(1, 0));
  });
});

describe('overlay', () => {
  it('may reach past the end of the device', () => {
    const view = overlay(new MemoryDevice(Uint8Array.of(1, 2)), 4, Uint8Array.of(5, 6));
    expect(view.size).toBe(6);
    expect(readBytes(view, 0, 7)).toEqual(Uint8Array.of(1, 2, 0, 0, 5, 6, 0));
  });

  it('cannot be written', () => {
    expect(() => overlay(new MemoryDevice(4), 0, Uint8Array.of(1)).write(0, Uint8Array.of(2))).toThrow(/bug/);
  });
});

describe('fence', () => {
  const allowed = Ranges.of([
    { offset: 100, length: 50 },
    { offset: 1000, length: TO_THE_END },
  ]);

  it('lets writes inside pass', () => {
    const inner = new MemoryDevice(1000);
    const device = fence(inner, allowed);
    device.write(100, new Uint8Array(50).fill(1));
    device.write(1000, Uint8Array.of(2));
    device.resize(2000);
    expect(inner.size).toBe(2000);
  });

  it.each([
    [99, 1],
    [100, 51],
    [149, 2],
    [999, 2],
    [0, 5000],
  ])('throws a bug for a write at %i of %i bytes, and does not do it', (offset, length) => {
    const inner = new MemoryDevice(1000);
    const error = (() => {
      try {
        fence(inner, allowed).write(offset, new Uint8Array(length).fill(1), 'header');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).name).toBe('Error');
    expect((error as Error).message).toContain('header');
    expect(inner.bytes()).toEqual(new Uint8Array(1000));
  });

  it('does not cut off what lies outside', () => {
    expect(() => fence(new MemoryDevice(1000), allowed).resize(999)).toThrow(/resize/);
    expect(() => fence(new MemoryDevice(900), allowed).write(1000, Uint8Array.of(1))).toThrow(/growth/);
  });
});

describe('TracedDevice', () => {
  it('records writes, resizes and flushes in order', () => {
    const device = new TracedDevice(new MemoryDevice(0), { keepBytes: true });
    device.write(5, Uint8Array.of(1, 2), 'l2 table 3');
    device.flush();
    device.resize(3);
    device.write(0, Uint8Array.of(9));
    expect(device.events).toEqual([
      { kind: 'write', offset: 5, length: 2, what: 'l2 table 3', bytes: Uint8Array.of(1, 2) },
      { kind: 'flush' },
      { kind: 'resize', size: 3 },
      { kind: 'write', offset: 0, length: 1, what: '', bytes: Uint8Array.of(9) },
    ]);
  });
});

describe('FaultyDevice', () => {
  it('fails the Nth operation only, having done nothing', () => {
    const inner = new MemoryDevice(10);
    const device = new FaultyDevice(inner, { at: 1, kind: 'fail', code: 'no-space' });
    device.write(0, Uint8Array.of(1));
    expect(() => device.write(1, Uint8Array.of(2))).toThrow(expect.objectContaining({ code: 'no-space' }));
    device.write(2, Uint8Array.of(3));
    expect(inner.bytes().subarray(0, 3)).toEqual(Uint8Array.of(1, 0, 3));
  });

  it('goes on failing where asked', () => {
    const device = new FaultyDevice(new MemoryDevice(10), { at: 1, of: ['flush'], kind: 'fail-on' });
    device.flush();
    expect(() => device.flush()).toThrow();
    device.write(0, Uint8Array.of(1));
    expect(() => device.flush()).toThrow();
  });

  it('tears a write at a sector border', () => {
    const inner = new MemoryDevice(4096);
    const device = new FaultyDevice(inner, { at: 0, of: ['write'], kind: 'tear' });
    expect(() => device.write(256, new Uint8Array(2048).fill(1))).toThrow();
    const bytes = inner.bytes();
    expect(bytes.indexOf(1)).toBe(256);
    expect(bytes.lastIndexOf(1)).toBe(1023);
  });

  it('leaves a single sector whole when it tears', () => {
    const inner = new MemoryDevice(4096);
    const device = new FaultyDevice(inner, { at: 0, of: ['write'], kind: 'tear' });
    expect(() => device.write(512, new Uint8Array(512).fill(1))).toThrow();
    expect(inner.bytes()).toEqual(new Uint8Array(4096));
  });

  it('is dead after a crash, on every device that shares the fuse', () => {
    const fuse = new Fuse({ at: 1, kind: 'crash' });
    const a = new FaultyDevice(new MemoryDevice(10), fuse);
    const b = new FaultyDevice(new MemoryDevice(10), fuse);
    a.write(0, Uint8Array.of(1));
    expect(() => b.write(0, Uint8Array.of(1))).toThrow(Crash);
    expect(() => a.read(0, new Uint8Array(1))).toThrow(Crash);
    expect(() => b.flush()).toThrow(Crash);
  });
});
