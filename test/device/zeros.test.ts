/** Zeros are told, counted and written. */
import { describe, expect, it } from 'vitest';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { countNonZero, isZero, writeZeros } from '../../src/device/zeros.ts';

describe('zeros', () => {
  it('isZero', () => {
    for (const length of [0, 1, 2, 513]) {
      expect(isZero(new Uint8Array(length))).toBe(true);
      for (const at of [0, 1, length - 1]) {
        if (at >= length || at < 0) continue;
        const bytes = new Uint8Array(length);
        bytes[at] = 1;
        expect(isZero(bytes)).toBe(false);
      }
      if (length > 0) expect(isZero(new Uint8Array(length).fill(5))).toBe(false);
    }
  });

  it('countNonZero', () => {
    const device = new MemoryDevice(Uint8Array.from({ length: 1000 }, (_, i) => (i % 7 === 3 ? 9 : 0)));
    const expected = (from: number, length: number): number =>
      readBytes(device, from, length).filter((byte) => byte !== 0).length;
    for (const [from, length] of [
      [0, 1000],
      [3, 1],
      [4, 6],
      [100, 0],
      [990, 100],
    ] as const) {
      expect(countNonZero(device, from, length)).toBe(expected(from, length));
      expect(countNonZero(device, from, length, new Uint8Array(13))).toBe(expected(from, length));
    }
  });

  it('writeZeros', () => {
    const writes: number[] = [];
    const device = new MemoryDevice(new Uint8Array(300_000).fill(1));
    const write = device.write.bind(device);
    device.write = (offset, bytes) => {
      writes.push(bytes.length);
      write(offset, bytes);
    };
    writeZeros(device, 10, 200_010, 'zeros');
    expect(writes).toEqual([65_536, 65_536, 65_536, 3392]);
    expect(countNonZero(device, 0, 300_000)).toBe(100_000);
    writeZeros(device, 200_010, 299_999, 'zeros', 99_999);
    writeZeros(device, 5, 5, 'zeros');
    expect(writes.slice(4)).toEqual([99_989]);
    expect(countNonZero(device, 0, 300_000)).toBe(11);
  });
});
