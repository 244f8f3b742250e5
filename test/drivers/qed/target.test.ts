/** The QED conversion target on sources made by hand: what it builds, where, and what it refuses. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Extent } from '../../../src/bytes/extents.ts';
import { runToEnd } from '../../../src/bytes/progress.ts';
import { Ranges } from '../../../src/bytes/ranges.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type { ConversionOptions, ConversionTarget } from '../../../src/drivers/driver.ts';
import { qedDriver } from '../../../src/drivers/qed/driver.ts';
import { QedImage } from '../../../src/drivers/qed/image.ts';
import { qedConversion } from '../../../src/drivers/qed/target.ts';
import { expectContract, rowsOf } from '../contract.ts';
import { commitTarget, KIB, MIB, mapAll, normalised, openTarget, sourceOptions } from './target-support.ts';

const C = 64 * KIB;
const data = (guest: number, host: number, clusters: number): Extent => ({
  kind: 'data',
  guest: guest * C,
  host: host * C,
  length: clusters * C,
});
const zero = (guest: number, clusters: number): Extent => ({ kind: 'zero', guest: guest * C, length: clusters * C });

/** A source of 20 clusters of 64 KiB with some data, and a disk of 10 MiB. */
function small(more: Partial<ConversionOptions> = {}): {
  device: MemoryDevice;
  options: ConversionOptions;
  target: ConversionTarget;
} {
  const device = new MemoryDevice(20 * C);
  const options = sourceOptions({ imageSize: 10 * MIB, ...more });
  return { device, options, target: openTarget(device, options) };
}

describe('what is built', () => {
  test('tables behind the end of the file, the dead prefix hidden, the rest reported as leaks', () => {
    const { device, options, target } = small();
    mapAll(target, options, [data(0, 5, 3), zero(4, 2), data(8, 12, 1), data(20, 10, 2)]);
    const report = commitTarget(device, target);
    // 20 clusters of the source, L1 and one L2 of 4 clusters each.
    expect(report).toEqual({
      fileSize: 28 * C,
      metadataBytes: 9 * C,
      hiddenBytes: 4 * C,
      freeBytes: 0,
      leakedBytes: (2 + 7) * C,
      notes: [],
    });
    const image = expectContract(qedDriver, device) as QedImage;
    expect(image.geometry).toMatchObject({ headerClusters: 5, l1Offset: 20 * C, tableClusters: 4, clusterSize: C });
    expect(normalised(rowsOf(image))).toEqual([data(0, 5, 3), zero(4, 2), data(8, 12, 1), data(20, 10, 2)]);
    expect(runToEnd(image.check())).toMatchObject({ corruptions: 0, leaks: 9, leakedBytes: 9 * C });
  });

  test('an empty disk, and a disk of no bytes', () => {
    for (const imageSize of [10 * MIB, 0]) {
      const device = new MemoryDevice(3 * C + 8);
      const target = openTarget(device, sourceOptions({ imageSize }));
      const report = commitTarget(device, target);
      expect(report).toMatchObject({ fileSize: 8 * C, hiddenBytes: 3 * C, leakedBytes: 0 });
      const image = expectContract(qedDriver, device) as QedImage;
      expect(runToEnd(image.check())).toMatchObject({ corruptions: 0, leaks: 0 });
    }
  });

  test('free ranges first; then nothing lives at the end, and the dead tail is cut off', () => {
    const device = new MemoryDevice(30 * C - 100);
    const options = sourceOptions({ imageSize: 10 * MIB });
    const free = Ranges.of([
      { offset: 0, length: 2 * C },
      { offset: 6 * C + 512, length: 5 * C },
      { offset: 14 * C, length: 6 * C },
    ]);
    const target = openTarget(device, options, {}, free);
    mapAll(target, options, [data(0, 2, 3), data(7, 22, 2)]);
    const report = commitTarget(device, target);
    const image = expectContract(qedDriver, device) as QedImage;
    expect(image.geometry.l1Offset).toBe(7 * C);
    expect([...image.regions()].filter((r) => r.role === 'l2')).toEqual([
      { offset: 14 * C, length: 4 * C, role: 'l2', label: 'l2 table 0' },
    ]);
    expect(report.fileSize).toBe(24 * C);
    expect(report.leakedBytes).toBe((2 + 3 + 4) * C);
    expect(runToEnd(image.check()).leakedBytes).toBe(report.leakedBytes);
  });

  test('the last data cluster may be cut short by the end of the file: the target makes it whole', () => {
    const device = new MemoryDevice(3 * C - 600);
    const options = sourceOptions({ imageSize: 2 * C });
    const free = Ranges.of([{ offset: C, length: C }]);
    const target = openTarget(device, options, { cluster_size: '4k', table_size: '2' }, free);
    mapAll(target, options, [data(0, 2, 1)]);
    expect(commitTarget(device, target).fileSize).toBe(3 * C);
    expect(expectContract(qedDriver, device).getMapping(C - 1)).toMatchObject({ kind: 'data', host: 3 * C - 1 });
  });

  test('header_size stays below 4 GiB; what it cannot hide leaks', () => {
    const device = new MemoryDevice(5 * 2 ** 30);
    const options = sourceOptions({ imageSize: 10 * MIB });
    const target = openTarget(device, options);
    mapAll(target, options, [data(0, 70_000, 1)]);
    const report = commitTarget(device, target);
    const image = QedImage.open(device);
    expect(image.geometry.headerClusters).toBe(65_535);
    const leaked = 70_000 - 65_535 + (5 * 2 ** 30) / C - 70_001;
    expect(report.leakedBytes / C).toBe(leaked);
    expect(runToEnd(image.check()).leaks).toBe(leaked);
  });

  test('each L2 table is written once, whole, one behind the other, by a caller that maps in order', () => {
    const device = new MemoryDevice(2000 * C);
    const options = sourceOptions({ imageSize: 20 * 2 ** 30 });
    const target = openTarget(device, options, { cluster_size: '4k' });
    const writes: [number, number, string | undefined][] = [];
    const write = device.write.bind(device);
    device.write = (offset, bytes) => {
      writes.push([offset, bytes.length, undefined]);
      write(offset, bytes);
    };
    for (let i = 0; i < 40; i++) mapAll(target, options, [data(i * 100, 100 + i * 3, 3)]);
    commitTarget(device, target);
    const tables = writes.slice(0, -2);
    const tableBytes = 8 * 4096;
    expect(tables.every(([, length]) => length === tableBytes)).toBe(true);
    tables.forEach(([offset], i) => {
      expect(offset).toBe(2000 * C + (1 + i) * tableBytes);
    });
    // One L1 write for all, and the header.
    expect(writes.slice(-2).map(([, length]) => length)).toEqual([expect.any(Number), 512]);
  });
});

describe('what cannot be mapped', () => {
  const cases: readonly (readonly [string, readonly Extent[], string, RegExp])[] = [
    ['guest off the grid', [{ ...data(1, 3, 1), guest: C + 512 }], 'unaligned', /guest 0x10200/],
    ['host off the grid', [{ ...data(1, 3, 1), host: 3 * C + 512 }], 'unaligned', /host 0x30200/],
    ['length off the grid', [{ ...data(1, 3, 1), length: 512 }], 'unaligned', /length 0x200/],
    ['guest behind the disk', [data(160, 3, 1)], 'past-end', /0xa00000/],
    ['guest reaches behind the disk', [data(159, 3, 2)], 'past-end', /0xa10000/],
    ['zeros behind the disk', [zero(160, 1)], 'past-end', /0xa00000/],
    ['host behind the file', [data(1, 20, 1)], 'host-past-end', /0x140000/],
    ['host reaches behind the file', [data(1, 19, 2)], 'host-past-end', /0x130000/],
    ['host in the header', [data(1, 0, 1)], 'host-taken', /header area/],
    ['host mapped before', [data(1, 5, 3), data(9, 6, 1)], 'host-taken', /guest offset 0x20000/],
    ['host mapped before by a longer run', [data(1, 6, 1), data(9, 5, 4)], 'host-taken', /0x60000/],
    ['compressed', [{ kind: 'compressed', guest: 0, length: C }], 'cannot-map', /compressed/],
    ['invalid', [{ kind: 'invalid', guest: 0, length: C }], 'cannot-map', /invalid/],
  ];
  for (const [name, extents, code, message] of cases) {
    test(name, () => {
      const { options, target } = small({ clusterSize: 512 });
      const run = (): void => mapAll(target, options, extents);
      expect(run).toThrow(expect.objectContaining({ code }));
      const again = small({ clusterSize: 512 });
      expect(() => mapAll(again.target, again.options, extents)).toThrow(message);
    });
  }

  test("metadata of the target in the source's free ranges, with its owner named", () => {
    const device = new MemoryDevice(20 * C);
    const options = sourceOptions({ imageSize: 10 * MIB });
    const target = openTarget(device, options, {}, Ranges.of([{ offset: 4 * C, length: 8 * C }]));
    mapAll(target, options, [data(0, 15, 1)]);
    expect(() => mapAll(target, options, [data(3, 5, 1)])).toThrow(/L1 table of the target/);
    expect(() => mapAll(target, options, [data(3, 8, 1)])).toThrow(/L2 table 0 of the target/);
  });

  test('a guest range mapped before, unless forced; then its old host cluster is free again', () => {
    const { device, options, target } = small();
    mapAll(target, options, [data(0, 5, 2), zero(3, 1)]);
    expect(() => mapAll(target, options, [data(1, 8, 1)])).toThrow(
      /guest offset 0x10000 is mapped already, to host 0x60000/,
    );
    expect(() => mapAll(target, options, [zero(1, 1)])).toThrow(expect.objectContaining({ code: 'guest-mapped' }));
    expect(() => mapAll(target, options, [data(3, 8, 1)])).toThrow(/to zeros/);
    mapAll(target, options, [data(1, 8, 3)], true);
    mapAll(target, options, [data(9, 6, 1)]);
    mapAll(target, options, [data(9, 6, 1)], true);
    commitTarget(device, target);
    expect(normalised(rowsOf(QedImage.open(device)))).toEqual([data(0, 5, 1), data(1, 8, 3), data(9, 6, 1)]);
  });

  test('a host range mapped before, forced or not', () => {
    const { options, target } = small();
    mapAll(target, options, [data(0, 5, 2)]);
    expect(() => mapAll(target, options, [data(9, 6, 1)], true)).toThrow(
      expect.objectContaining({ code: 'host-taken' }),
    );
  });
});

describe('refusals and settings', () => {
  const GIB = 2 ** 30;
  const TIB = 2 ** 40;
  const cases: readonly (readonly [string, Partial<ConversionOptions>, Record<string, string>, readonly string[]])[] = [
    ['an ordinary image', {}, {}, []],
    ['subclusters of 2 KiB', { clusterSize: 2048, alignment: 2048 }, {}, ['cluster-size']],
    ['small clusters, well aligned data', { clusterSize: 512, alignment: 65536 }, {}, []],
    [
      'small zero clusters over a backing file',
      {
        clusterSize: 512,
        alignment: 65536,
        features: [{ code: 'zero-over-backing', what: '', lift: '' }],
      },
      {},
      ['alignment'],
    ],
    ['clusters larger than the alignment', {}, { cluster_size: '128k' }, ['alignment']],
    ['a size that is no multiple of 512', { imageSize: 1000 }, {}, ['image-size']],
    ['too large for 4 KiB clusters', { clusterSize: 4096, alignment: 4096, imageSize: 257 * GIB }, {}, ['image-size']],
    ['too large for the table asked', { imageSize: 65 * TIB }, { table_size: '4' }, ['image-size']],
    ['tables that QEMU cannot open', { alignment: 8 * MIB }, { cluster_size: '8M' }, ['table-size']],
    [
      'several at once',
      { imageSize: 65 * TIB + 1, alignment: 65536 },
      { cluster_size: '128k', table_size: '2' },
      ['alignment', 'image-size'],
    ],
    [
      'a long backing name',
      { backing: { file: 'x'.repeat(1024), format: 'raw' } },
      {},
      ['backing-name', 'backing-name'],
    ],
    ['a backing name nowhere to go', { backing: { file: 'x'.repeat(600) } }, {}, ['backing-name']],
    ['a format that QED drops and QEMU probes', { backing: { file: 'b', format: 'qcow2' } }, {}, []],
    ['a format that QEMU cannot probe', { backing: { file: 'b', format: 'vpc' } }, {}, ['backing-format']],
    ['a raw backing file', { backing: { file: 'b', format: 'raw' } }, {}, []],
  ];
  for (const [name, more, request, codes] of cases) {
    test(name, () => {
      const options = sourceOptions({ imageSize: MIB, ...more });
      const reasons = qedConversion.refusals(options, request);
      const unique = name === 'a long backing name' ? ['backing-name'] : codes;
      expect(reasons.map((r) => r.code)).toEqual(unique);
      expect(reasons.every((r) => r.what !== '' && r.lift !== '')).toBe(true);
      const open = (): unknown => openTarget(new MemoryDevice(20 * C), options, request);
      if (unique.length > 0) expect(open).toThrow(expect.objectContaining({ code: 'refused', reasons }));
      else open();
    });
  }

  test('words that are no options, and values that are none', () => {
    const options = sourceOptions({ imageSize: MIB });
    const bad = (request: Record<string, string>, code: string): void => {
      expect(() => qedConversion.refusals(options, request)).toThrow(expect.objectContaining({ code }));
    };
    bad({ refcount_bits: '16' }, 'unknown-option');
    bad({ cluster_size: '5000' }, 'bad-option-value');
    bad({ cluster_size: '2k' }, 'bad-option-value');
    bad({ cluster_size: '128M' }, 'bad-option-value');
    bad({ table_size: '1' }, 'bad-option-value');
    bad({ table_size: '32' }, 'bad-option-value');
    bad({ cluster_size: 'big' }, 'bad-number');
  });

  test('clusters of 64 KiB at most; tables of 4, and larger only where the disk needs them', () => {
    const chosen = (more: Partial<ConversionOptions>, request = {}): unknown =>
      openTarget(new MemoryDevice(C), sourceOptions({ imageSize: MIB, ...more }), request).state.settings;
    expect(chosen({ clusterSize: 2 * MIB, alignment: 2 * MIB })).toEqual({ cluster_size: C, table_size: 4 });
    expect(chosen({ clusterSize: 4096, alignment: 4096 })).toEqual({ cluster_size: 4096, table_size: 4 });
    expect(chosen({ clusterSize: 4096, alignment: 4096, imageSize: 20 * GIB })).toEqual({
      cluster_size: 4096,
      table_size: 8,
    });
    expect(chosen({ imageSize: 65 * TIB })).toEqual({ cluster_size: C, table_size: 8 });
    expect(chosen({ alignment: 4 * MIB }, { cluster_size: '4M' })).toEqual({ cluster_size: 4 * MIB, table_size: 2 });
    const target = openTarget(new MemoryDevice(C), sourceOptions({ imageSize: 65 * TIB }));
    expect(runToEnd(target.finish()).notes).toEqual([expect.stringContaining('4 GiB')]);
  });
});

describe('the backing name', () => {
  const named = (length: number, more: Partial<ConversionOptions> = {}): ConversionOptions =>
    sourceOptions({ imageSize: MIB, backing: { file: 'n'.repeat(length), format: 'raw' }, ...more });

  const built = (options: ConversionOptions, device = new MemoryDevice(3 * C)): QedImage => {
    commitTarget(device, openTarget(device, options));
    return QedImage.open(device);
  };

  test('goes behind the header when it fits the sector', () => {
    const image = built(named(448, { backingNameOffset: 5000 }));
    expect(image.header.backing_filename_offset).toBe(64);
    expect(image.backing).toEqual({ file: 'n'.repeat(448), format: 'raw' });
  });

  test("stays where it stands when it does not, even if the header's sector cuts it", () => {
    for (const offset of [600, 300, 64]) {
      const options = named(700, { backingNameOffset: offset });
      const device = new MemoryDevice(3 * C);
      device.write(offset, Buffer.from('n'.repeat(700)));
      const image = built(options, device);
      expect(image.header.backing_filename_offset).toBe(offset);
      expect(image.backing?.file).toBe('n'.repeat(700));
    }
  });

  test('else it is written where the source reads nothing, and header_size covers it', () => {
    const headerSlack = { offset: 5000, length: 3000 };
    const image = built(named(700, { headerSlack, clusterSize: 4096, alignment: 4096 }));
    expect(image.header.backing_filename_offset).toBe(5000);
    expect(image.backing?.file).toBe('n'.repeat(700));
    expect(image.geometry.headerBytes).toBeGreaterThanOrEqual(5700);
  });

  test('and data may not lie in its clusters', () => {
    const headerSlack = { offset: 5000, length: 3000 };
    const options = named(700, { headerSlack, clusterSize: 4096, alignment: 4096 });
    const target = openTarget(new MemoryDevice(3 * C), options);
    const extent: Extent = { kind: 'data', guest: 0, length: 4096, host: 4096 };
    expect(() => mapAll(target, options, [extent])).toThrow(/header area/);
  });

  test('a format other than raw is dropped, and said so', () => {
    const options = named(10, { backing: { file: 'base', format: 'qcow2' } });
    const device = new MemoryDevice(3 * C);
    const report = commitTarget(device, openTarget(device, options));
    expect(report.notes).toEqual([expect.stringContaining('qcow2')]);
    expect(QedImage.open(device).backing).toEqual({ file: 'base' });
  });
});

test('zero clusters over a backing file: what QEMU does to them is said', () => {
  const features = [{ code: 'zero-over-backing', what: 'zeros', lift: 'rebase' }] as const;
  const options = sourceOptions({ imageSize: MIB, backing: { file: 'base', format: 'raw' }, features });
  const report = commitTarget(new MemoryDevice(3 * C), openTarget(new MemoryDevice(3 * C), options));
  expect(report.notes).toEqual([expect.stringContaining('instead of zeros')]);
});

/** Random sources: runs at multiples of the unit, host clusters each once and in any order, units around the cluster's size. */
const sources = fc.record({
  unit: fc.constantFrom(512, 4096, 8192, 65536),
  cluster: fc.constantFrom('4k', '8k', '64k'),
  table: fc.constantFrom('2', '4'),
  runs: fc.array(
    fc.record({
      kind: fc.constantFrom('data', 'data', 'data', 'zero', 'zero-allocated', 'unallocated'),
      hole: fc.nat({ max: 60 }),
      gap: fc.nat({ max: 2 }),
      length: fc.constantFrom(1, 1, 1, 2, 5, 300),
    }),
    { maxLength: 40 },
  ),
  reversed: fc.boolean(),
  short: fc.nat({ max: 3 }),
});

/** The extents of such a source in grains of `max(unit, cluster)`, so that the target can map them all. */
function extentsOf(source: typeof sources extends fc.Arbitrary<infer T> ? T : never): {
  extents: Extent[];
  options: ConversionOptions;
  fileSize: number;
} {
  const cluster = Number.parseInt(source.cluster, 10) * KIB;
  const grain = Math.max(source.unit, cluster);
  const extents: Extent[] = [];
  let guest = 0;
  let host = C;
  for (const run of source.runs) {
    guest += run.hole * grain;
    host += run.gap * grain;
    const length = run.length * grain;
    const kind = run.kind as Extent['kind'];
    const has = kind === 'data' || kind === 'zero-allocated';
    extents.push({ kind, guest, length, ...(has && { host }) });
    guest += length;
    if (has) host += length;
  }
  // The last cluster of the disk is cut short.
  const imageSize = Math.max(guest - source.short * 512, 512);
  const options = sourceOptions({ imageSize, clusterSize: source.unit, alignment: grain });
  if (source.reversed) {
    const hosts = host + C;
    const turned = extents.map((e) => (e.host === undefined ? e : { ...e, host: hosts - e.host - e.length }));
    return { extents: turned, options, fileSize: hosts };
  }
  return { extents, options, fileSize: host };
}

describe('any source', () => {
  test('the target maps what the source maps, in one go or resumed between any two runs', () => {
    fc.assert(
      fc.property(sources, fc.array(fc.nat({ max: 39 }), { maxLength: 4 }), (source, cuts) => {
        const { extents, options, fileSize } = extentsOf(source);
        const request = { cluster_size: source.cluster, table_size: source.table };
        const device = new MemoryDevice(fileSize);
        const target = openTarget(device, options, request);
        mapAll(target, options, extents);
        target.sync();
        expect(normalised(rowsOf(target.view()))).toEqual(normalised(clipped(extents, options.imageSize)));
        const report = commitTarget(device, target);
        const image = expectContract(qedDriver, device) as QedImage;
        const checked = runToEnd(image.check());
        expect(checked).toMatchObject({ corruptions: 0, leakedBytes: report.leakedBytes });
        expect(device.size).toBe(report.fileSize);

        const other = new MemoryDevice(fileSize);
        let resumed = openTarget(other, options, request);
        extents.forEach((extent, i) => {
          mapAll(resumed, options, [extent]);
          if (!cuts.includes(i)) return;
          resumed.sync();
          resumed = qedConversion.resume(other, JSON.parse(JSON.stringify(resumed.state)));
        });
        expect(commitTarget(other, resumed)).toEqual(report);
        expect(Buffer.compare(other.bytes(), device.bytes())).toBe(0);
      }),
      { numRuns: 120 },
    );
  });
});

function clipped(extents: readonly Extent[], size: number): Extent[] {
  return extents.map((e) => ({ ...e, length: Math.min(e.length, size - e.guest) }));
}
