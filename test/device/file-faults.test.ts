/** System calls that do half of what they were asked, or fail. */
import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readBytes } from '../../src/device/device.ts';
import { FileDevice } from '../../src/device/file.ts';

const calls = vi.hoisted(() => ({ atMost: Number.POSITIVE_INFINITY, fail: '' as string, on: '' as string, syncs: 0 }));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  const failing = (name: string): void => {
    if (calls.on === name) throw Object.assign(new Error(calls.fail), { code: calls.fail });
  };
  return {
    ...real,
    readSync(fd: number, target: Uint8Array, at: number, length: number, position: number) {
      failing('read');
      return real.readSync(fd, target, at, Math.min(length, calls.atMost), position);
    },
    writeSync(fd: number, bytes: Uint8Array, at: number, length: number, position: number) {
      failing('write');
      return real.writeSync(fd, bytes, at, Math.min(length, calls.atMost), position);
    },
    fdatasyncSync(fd: number) {
      calls.syncs++;
      failing('sync');
      real.fdatasyncSync(fd);
    },
  };
});

let folder = '';
let device: FileDevice;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'platter-faults-'));
  writeFileSync(join(folder, 'image'), 'abcdefghij');
  device = new FileDevice(join(folder, 'image'), 'read-write');
});
afterEach(() => {
  Object.assign(calls, { atMost: Number.POSITIVE_INFINITY, fail: '', on: '', syncs: 0 });
  device.close();
  rmSync(folder, { recursive: true });
});

describe('FileDevice', () => {
  it('goes on where a read or a write stopped short', () => {
    calls.atMost = 3;
    device.write(4, Buffer.from('1234567890'));
    expect(device.size).toBe(14);
    expect(Buffer.from(readBytes(device, 0, 14)).toString()).toBe('abcd1234567890');
  });

  it.each([
    ['write', 'ENOSPC', 'no-space'],
    ['write', 'EIO', 'io-error'],
    ['write', 'EDQUOT', 'no-quota'],
    ['write', 'EFBIG', 'file-too-large'],
    ['write', 'EROFS', 'read-only-file-system'],
    ['write', 'EXOTIC', 'io-error'],
    ['read', 'EIO', 'io-error'],
  ])('tells a %s that failed with %s as %s, with the place', (on, fail, code) => {
    Object.assign(calls, { on, fail });
    expect(() => (on === 'read' ? device.read(3, new Uint8Array(2)) : device.write(3, new Uint8Array(2)))).toThrow(
      expect.objectContaining({ name: 'ImageError', code, where: { offset: 3, length: 2, file: device.name } }),
    );
  });

  it('never retries a flush that failed, and writes no more', () => {
    Object.assign(calls, { on: 'sync', fail: 'EIO' });
    expect(() => device.flush()).toThrow(/did not confirm.*state is unknown/);
    calls.on = '';
    for (const write of [() => device.flush(), () => device.write(0, Uint8Array.of(1)), () => device.resize(3)]) {
      expect(write).toThrow(expect.objectContaining({ code: 'flush-failed' }));
    }
    expect(calls.syncs).toBe(1);
    expect(fs.readFileSync(device.path, 'utf8')).toBe('abcdefghij');
  });
});
