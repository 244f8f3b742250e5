/** Raw: sizes that are no multiple of a sector, empty files, and what QEMU says of the same file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory.ts';
import { rawDriver } from '../../src/drivers/raw.ts';
import { describeWithQemu, info, judged, map, testFolder } from '../support/qemu.ts';
import { expectContract, rowsOf } from './contract.ts';

describe('raw', () => {
  test('the contract, at every odd size', () => {
    for (const size of [0, 1, 511, 512, 513, 1000, 65536, 2 ** 41 + 7]) {
      const image = expectContract(rawDriver, new MemoryDevice(size));
      expect(image.size).toBe(Math.ceil(size / 512) * 512);
    }
  });

  test('a partial sector at the end reads as if zeros followed', () => {
    const image = rawDriver.open(new MemoryDevice(1000), { name: 'x' });
    expect(rowsOf(image)).toEqual([
      { kind: 'data', guest: 0, length: 1000, host: 0 },
      { kind: 'zero', guest: 1000, length: 24 },
    ]);
    expect(rowsOf(image, 512, 1010)).toEqual([
      { kind: 'data', guest: 512, length: 488, host: 512 },
      { kind: 'zero', guest: 1000, length: 10 },
    ]);
    expect([...image.regions()]).toEqual([{ offset: 0, length: 1000, role: 'data' }]);
    expect(image.check).toBeUndefined();
  });
});

describeWithQemu('raw against qemu', () => {
  it('the same size, and the same map of data', () => {
    const path = join(testFolder(), 'disk.raw');
    const bytes = Buffer.alloc(70_001, 0x5a);
    writeFileSync(path, bytes);
    const image = expectContract(rawDriver, new MemoryDevice(bytes));
    expect(info(path, 'raw')['virtual-size']).toBe(image.size);
    const rows = rowsOf(image).map(({ guest, length, kind }) => ({ guest, length, data: kind === 'data' }));
    expect(map(path, 'raw').map(({ start, length, data }) => ({ guest: start, length, data }))).toEqual(rows);
    judged();
  });
});
