import { describe, expect, it } from 'vitest';
import { DATA, ExtentColumns, extentColumns, ZERO } from '../../src/bytes/extents.ts';

describe('ExtentColumns', () => {
  it('says what the series of 2011 says: guest 31, host 41, length 59 is bytes 31..89 at 41..99, inclusive', () => {
    const [extent] = [...extentColumns([{ kind: 'data', guest: 31, host: 41, length: 59 }], 1, 1000)];
    expect(extent).toEqual({ kind: 'data', guest: 31, host: 41, length: 59 });
    const hostOf = (guest: number): number => (extent?.host ?? 0) + guest - (extent?.guest ?? 0);
    expect([hostOf(31), hostOf(32), hostOf(89)]).toEqual([41, 42, 99]);
    expect((extent?.guest ?? 0) + (extent?.length ?? 0) - 1).toBe(89);
  });

  it('clips the last row to the end of the disk', () => {
    const columns = new ExtentColumns(65536, 100_000, 2 ** 20, 4);
    columns.push(DATA, 0, 1, 5);
    columns.push(ZERO, 1, 1, 0);
    expect([...columns]).toEqual([
      { kind: 'data', guest: 0, length: 65536, host: 0x50000 },
      { kind: 'zero', guest: 65536, length: 100_000 - 65536 },
    ]);
  });

  it('takes 13 bytes a row, and 25 where offsets need more than 32 bits', () => {
    const bytesOf = (c: ExtentColumns): number =>
      [c.kind, c.guest, c.length, c.host].reduce((n, a) => n + a.byteLength, 0);
    expect(bytesOf(new ExtentColumns(65536, 2 ** 40, 2 ** 41, 1000))).toBe(13_000);
    expect(bytesOf(new ExtentColumns(512, 2 ** 30, 2 ** 41, 1000))).toBe(25_000);
    const wide = new ExtentColumns(512, 2 ** 30, 2 ** 55, 1);
    wide.push(DATA, 0, 1, 2 ** 46);
    expect(wide.at(0).host).toBe(2 ** 55);
  });
});
