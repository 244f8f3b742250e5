/** Guest bytes: every kind of run, chains of backing images, and the ranges the mapping triples mean. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { type Extent, extentColumns } from '../../src/bytes/extents.ts';
import { Ranges } from '../../src/bytes/ranges.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { readGuest } from '../../src/drivers/guest-io.ts';
import { qcow2Driver } from '../../src/drivers/qcow2/driver.ts';
import { qedDriver } from '../../src/drivers/qed/driver.ts';
import { rawDriver } from '../../src/drivers/raw.ts';
import { ImageError } from '../../src/errors.ts';
import { NO_FIELDS } from '../support/no-fields.ts';
import { convert, create, describeWithQemu, io, judged, suiteFolder, testFolder } from '../support/qemu.ts';
import { Random, seeds, withSeed } from '../support/random.ts';
import { type RandomImage, randomImage } from '../support/random-image.ts';

/** An image that is nothing but a mapping; bytes of the file are their own offset, modulo 256. */
function mapped(extents: readonly Extent[], unit = 1, more: Partial<Image> = {}): Image {
  const size = extents.reduce((end, e) => Math.max(end, e.guest + e.length), 0);
  const device = new MemoryDevice(Uint8Array.from({ length: 1024 }, (_, i) => i));
  return {
    format: 'test',
    device,
    dataDevice: device,
    size,
    clusterSize: unit,
    unit,
    getConversionOptions: () => {
      throw new Error('not asked for');
    },
    getMapping: (guest) => {
      const e = extents.find((x) => x.guest <= guest && guest < x.guest + x.length) as Extent;
      return { ...e, guest, length: e.guest + e.length - guest };
    },
    mappings: (from = 0, to = size) => [
      extentColumns(
        extents.filter((e) => e.guest < to && e.guest + e.length > from),
        unit,
        size,
      ),
    ],
    regions: () => [],
    *ownership() {
      yield { what: 'nothing', done: 0, total: 0 };
      return [];
    },
    freeRanges: () => new Ranges(),
    info: () => ({ format: 'test', virtualSize: size, encrypted: false, snapshots: [], specific: {} }),
    ...NO_FIELDS,
    ...more,
  };
}

const read = (image: Image, offset: number, length: number, ...chain: Image[]): number[] => {
  const bytes = new Uint8Array(length).fill(0xaa);
  readGuest(image, offset, bytes, ...chain);
  return [...bytes];
};

const codeOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof ImageError) return error.code;
    throw error;
  }
  return 'nothing thrown';
};

describe('what a mapping means', () => {
  const image = mapped([
    { kind: 'zero', guest: 0, length: 31 },
    { kind: 'data', guest: 31, length: 59, host: 41 },
    { kind: 'unallocated', guest: 90, length: 10 },
  ]);

  test('guest 31, host 41, length 59: guest bytes 31 to 89 are file bytes 41 to 99', () => {
    expect(read(image, 31, 59)).toEqual(Array.from({ length: 59 }, (_, i) => 41 + i));
    expect(read(image, 31, 1)).toEqual([41]);
    expect(read(image, 89, 1)).toEqual([99]);
    expect(read(image, 30, 3)).toEqual([0, 41, 42]);
    expect(read(image, 88, 3)).toEqual([98, 99, 0]);
    expect(read(image, 40, 2)).toEqual([50, 51]);
  });

  test('every byte alone is the byte in the whole', () => {
    const whole = read(image, 0, 100);
    for (let i = 0; i < 100; i++) expect(read(image, i, 1)).toEqual([whole[i]]);
  });

  test('nothing, and behind the end', () => {
    expect(read(image, 100, 0)).toEqual([]);
    expect(codeOf(() => read(image, 99, 2))).toBe('past-end');
  });

  test('kinds that own host space and do not use it', () => {
    const prepared = mapped([
      { kind: 'zero-allocated', guest: 0, length: 8, host: 100 },
      { kind: 'unallocated-allocated', guest: 8, length: 8, host: 108 },
    ]);
    const backing = mapped([{ kind: 'data', guest: 0, length: 12, host: 200 }]);
    expect(read(prepared, 0, 16, backing)).toEqual([...Array(8).fill(0), 208, 209, 210, 211, 0, 0, 0, 0]);
  });

  test('a chain of three, each shorter than the one above', () => {
    const top = mapped([{ kind: 'unallocated', guest: 0, length: 30 }]);
    const middle = mapped([
      { kind: 'data', guest: 0, length: 5, host: 10 },
      { kind: 'unallocated', guest: 5, length: 15 },
    ]);
    const bottom = mapped([{ kind: 'data', guest: 0, length: 10, host: 100 }]);
    const expected = [10, 11, 12, 13, 14, 105, 106, 107, 108, 109, ...Array(20).fill(0)];
    expect(read(top, 0, 30, middle, bottom)).toEqual(expected);
    expect(read(top, 0, 30)).toEqual(Array(30).fill(0));
    expect(read(top, 3, 4, middle, bottom)).toEqual(expected.slice(3, 7));
  });

  test('what cannot be read says why', () => {
    const one = (kind: Extent['kind'], more: Partial<Extent> = {}): Image =>
      mapped([{ kind, guest: 0, length: 4, ...more }]);
    expect(codeOf(() => read(one('encrypted', { host: 0 }), 0, 4))).toBe('encrypted');
    expect(codeOf(() => read(one('invalid', { fault: 'l2[0][0] is 0x2' }), 0, 4))).toBe('invalid-entry');
    expect(() => read(one('invalid', { fault: 'l2[0][0] is 0x2' }), 0, 4)).toThrow(/l2\[0\]\[0\] is 0x2/);
    const noData = mapped([{ kind: 'data', guest: 0, length: 4, host: 0 }], 1, { dataDevice: undefined });
    expect(codeOf(() => read(noData, 0, 4))).toBe('no-data-file');
  });

  test('compressed clusters are decoded whole, one by one, and cut to what was asked', () => {
    const asked: number[] = [];
    const packed = mapped([{ kind: 'compressed', guest: 0, length: 32 }], 8, {
      readCompressed: ({ guest }) => {
        asked.push(guest);
        return Uint8Array.from({ length: 8 }, (_, i) => guest + i + 100);
      },
    });
    expect(read(packed, 5, 14)).toEqual(Array.from({ length: 14 }, (_, i) => 105 + i));
    expect(asked).toEqual([0, 8, 16]);
  });
});

const DRIVERS = { qcow2: qcow2Driver, qed: qedDriver, raw: rawDriver } as const;

describeWithQemu('guest bytes against qemu', () => {
  const folder = suiteFolder();

  const openFile = (path: string, format: keyof typeof DRIVERS): Image =>
    DRIVERS[format].open(new MemoryDevice(readFileSync(path)), {
      name: path,
      openExternal: (file) => new MemoryDevice(readFileSync(file)),
    });

  /** The whole disk as qemu-img reads it, in a raw file. */
  function expectSameBytes(made: RandomImage, random: Random): void {
    const flat = join(folder, 'flat.raw');
    convert(made.path, made.format, flat, 'raw');
    const expected = readFileSync(flat);
    const image = openFile(made.path, made.format);
    const chain = made.backing ? [openFile(made.backing.path, made.backing.format as keyof typeof DRIVERS)] : [];
    const step = 1024 * 1024;
    for (let at = 0; at < image.size; at += step) {
      const bytes = new Uint8Array(Math.min(step, image.size - at));
      readGuest(image, at, bytes, ...chain);
      if (Buffer.compare(bytes, expected.subarray(at, at + bytes.length)) !== 0) {
        throw new Error(`${made.description}: bytes differ in the MiB at ${at}`);
      }
    }
    for (let i = 0; i < 20; i++) {
      const at = random.int(0, image.size - 1);
      const bytes = new Uint8Array(random.int(1, Math.min(image.size - at, 9000)));
      readGuest(image, at, bytes, ...chain);
      expect(Buffer.compare(bytes, expected.subarray(at, at + bytes.length))).toBe(0);
    }
    judged();
  }

  for (const format of ['qcow2', 'qed'] as const) {
    it(`random ${format} images`, () => {
      for (const seed of seeds(20)) {
        withSeed(seed, () => {
          const made = randomImage(seed, { format, folder });
          // A few images are gigabytes of nothing: not worth flattening.
          if (made.size <= 96 * 2 ** 20) expectSameBytes(made, new Random(seed));
        });
      }
    });
  }

  it('a backing file that is shorter than the image', () => {
    const path = join(testFolder(), 'base.raw');
    const top = join(folder, 'top.qed');
    create(path, 'raw', '64k');
    io(path, 'raw', ['write -q -P 0x31 0 64k']);
    create(top, 'qed', '1M', { backing: { file: path, format: 'raw' } });
    io(top, 'qed', ['write -q -P 0x32 512k 4k', 'write -q -z 32k 4k']);
    const image = openFile(top, 'qed');
    const bytes = new Uint8Array(image.size);
    readGuest(image, 0, bytes, openFile(path, 'raw'));
    const expected = Buffer.alloc(image.size);
    expected.fill(0x31, 0, 65536).fill(0, 32768, 36864).fill(0x32, 524288, 528384);
    expect(Buffer.compare(bytes, expected)).toBe(0);
    judged();
  });
});
