/** qcow2 images made by real QEMU, one for each of the format's ways: mapping, info, regions and contents must agree. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileDevice } from '../../../src/device/file.ts';
import type { Region, Role } from '../../../src/drivers/driver.ts';
import { qcow2Driver } from '../../../src/drivers/qcow2/driver.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import { ourRuns, qemuRuns } from '../../oracle/mapping.ts';
import {
  addBitmap,
  check,
  convert,
  create,
  createLuks,
  describeWithQemu,
  info,
  io,
  judged,
  map,
  qemuImg,
  snapshot,
  suiteFolder,
} from '../../support/qemu.ts';
import { expectContract } from '../contract.ts';

interface Recipe {
  readonly name: string;
  readonly options: Readonly<Record<string, string | number>>;
  readonly size?: string;
  readonly backing?: boolean;
  readonly after?: (path: string) => void;
}

const CLUSTER_SIZES = Array.from({ length: 13 }, (_, i) => 512 * 2 ** i);

const RECIPES: readonly Recipe[] = [
  ...CLUSTER_SIZES.map((cluster_size) => ({ name: `v3 ${cluster_size}`, options: { cluster_size } })),
  ...CLUSTER_SIZES.filter((_, i) => i % 4 === 0).map((cluster_size) => ({
    name: `v2 ${cluster_size}`,
    options: { cluster_size, compat: '0.10' },
  })),
  ...[1, 2, 4, 8, 16, 32, 64].map((refcount_bits) => ({
    name: `refcount ${refcount_bits}`,
    options: { refcount_bits, cluster_size: 4096 },
  })),
  ...[16_384, 65_536, 2_097_152].map((cluster_size) => ({
    name: `extended ${cluster_size}`,
    options: { cluster_size, extended_l2: 'on' },
  })),
  { name: 'extended over backing', options: { extended_l2: 'on' }, backing: true },
  { name: 'zstd', options: { compression_type: 'zstd' } },
  { name: 'zstd 4 KiB', options: { compression_type: 'zstd', cluster_size: 4096 } },
  { name: 'lazy refcounts', options: { lazy_refcounts: 'on' } },
  { name: 'backing', options: {}, backing: true },
  { name: 'odd size', options: {}, size: '3670528' },
  { name: 'odd size extended', options: { extended_l2: 'on' }, size: '3670528' },
  { name: 'data file', options: { data_file: 'DATA' } },
  { name: 'raw data file', options: { data_file: 'DATA', data_file_raw: 'on' } },
  { name: 'snapshots', options: {}, after: withSnapshots },
  { name: 'snapshots 512', options: { cluster_size: 512 }, after: withSnapshots },
  { name: 'bitmaps', options: {}, after: withBitmaps },
  { name: 'metadata preallocated', options: { preallocation: 'metadata' } },
];

function withSnapshots(path: string): void {
  snapshot(path, 'first');
  io(path, 'qcow2', ['write -P 9 0 100k', 'write -z 2M 64k', 'write -b -P 8 0 64k']);
  snapshot(path, 'second');
  io(path, 'qcow2', ['write -P 10 64k 100k']);
}

function withBitmaps(path: string): void {
  addBitmap(path, 'b0', '64k');
  addBitmap(path, 'b1', '1M');
  io(path, 'qcow2', ['write -P 9 0 100k', 'write -P 9 3M 64k']);
}

/** Writes of every kind, the compressed ones only where the format allows. */
function fill(path: string, { options }: Recipe): void {
  const v3 = options['compat'] !== '0.10';
  io(path, 'qcow2', [
    'write -P 1 0 300k',
    'write -P 2 1M 4k',
    'write -P 3 1100k 2k',
    'write -P 4 3M 200k',
    ...(v3 ? ['write -z 1536k 512k', 'write -z 100k 100k', 'write -z -u 3100k 64k'] : []),
  ]);
  if (options['data_file'] || options['preallocation'] || options['refcount_bits'] === 1) return;
  // Compressed writes cover whole clusters; only these disks have room for one at 2 MiB.
  const cluster = Number(options['cluster_size'] ?? 65_536);
  const at = Math.max(2_621_440, cluster);
  const length = Math.max(cluster, 131_072);
  if (at % cluster === 0 && at + length <= 3_670_016) io(path, 'qcow2', [`write -c -P 5 ${at} ${length}`]);
}

describeWithQemu('qcow2 images made by QEMU', () => {
  const folder = suiteFolder();
  const base = join(folder, 'base.raw');
  let number = 0;

  function make(recipe: Recipe): string {
    const path = join(folder, `i${number++}.qcow2`);
    const options = { ...recipe.options };
    if (options['data_file']) options['data_file'] = `${path}.data`;
    if (recipe.backing) {
      qemuImg('create', '-q', '-f', 'raw', base, '4M');
      io(base, 'raw', ['write -P 77 0 4M']);
    }
    const backing = recipe.backing ? { backing: { file: base, format: 'raw' } } : {};
    create(path, 'qcow2', recipe.size ?? '4M', { options, ...backing });
    fill(path, recipe);
    recipe.after?.(path);
    return path;
  }

  function opened<T>(path: string, use: (image: Qcow2Image) => T): T {
    const device = new FileDevice(path);
    const others: FileDevice[] = [];
    const openExternal = (file: string): FileDevice => {
      const other = new FileDevice(file);
      others.push(other);
      return other;
    };
    try {
      return use(Qcow2Image.open(device, { name: path, openExternal }));
    } finally {
      for (const each of [device, ...others]) each.close();
    }
  }

  it.each(RECIPES.map((recipe) => [recipe.name, recipe] as const))('%s', (_name, recipe) => {
    const path = make(recipe);
    const hasBacking = recipe.backing ?? false;
    opened(path, (image) => {
      expect(ourRuns(image, hasBacking)).toEqual(qemuRuns(map(path, 'qcow2'), hasBacking));
      expectInfo(image, path);
      expectRegions(image, path);
      expectContents(image, path, folder);
      expectContract(qcow2Driver, image.device);
    });
    judged();
  });

  it('random data, compressed, in every cluster size and both ways', () => {
    const raw = join(folder, 'text.raw');
    qemuImg('create', '-q', '-f', 'raw', raw, '6M');
    io(raw, 'raw', ['write -P 65 0 1M', `write -s ${process.execPath} 1M 3M`, 'write -P 66 5M 64k']);
    for (const [i, cluster_size] of CLUSTER_SIZES.entries()) {
      for (const type of i % 3 === 0 ? ['zlib', 'zstd'] : [i % 3 === 1 ? 'zlib' : 'zstd']) {
        const path = join(folder, `c-${type}-${cluster_size}.qcow2`);
        const options = `cluster_size=${cluster_size},compression_type=${type}`;
        convert(raw, 'raw', path, 'qcow2', ['-c', '-o', options]);
        opened(path, (image) => {
          expect(ourRuns(image, false)).toEqual(qemuRuns(map(path, 'qcow2'), false));
          expectContents(image, path, folder, raw);
          expect(image.getConversionOptions().features.map(({ code }) => code)).toContain('compressed');
        });
        judged();
      }
    }
  }, 300_000);

  it('features name what a target may not hold, with the command that removes it', () => {
    const codes = (path: string): string[] =>
      opened(path, (image) => image.getConversionOptions().features.map(({ code }) => code));
    expect(codes(make({ name: '', options: { cluster_size: 2_097_152 } }))).toEqual([]);
    const snapshots = make({ name: '', options: { cluster_size: 2_097_152 }, after: withSnapshots });
    expect(codes(snapshots)).toEqual(['snapshots', 'vm-state']);
    qemuImg('snapshot', '-d', 'first', snapshots);
    qemuImg('snapshot', '-d', 'second', snapshots);
    expect(codes(snapshots)).toEqual(['vm-state']);
    const over = make({ name: '', options: {}, backing: true });
    expect(codes(over)).toEqual(['backing-file', 'backing-format', 'compressed', 'zero-over-backing']);
    const bitmaps = make({ name: '', options: { cluster_size: 2_097_152 }, after: withBitmaps });
    expect(codes(bitmaps)).toEqual(['bitmaps']);
    const dirty = join(folder, 'dirty.qcow2');
    create(dirty, 'qcow2', '4M', { options: { lazy_refcounts: 'on' } });
    io(dirty, 'qcow2', ['write 0 64k', 'abort'], { mayFail: true });
    expect(codes(dirty)).toEqual(['dirty']);
    expect(codes(make({ name: '', options: { data_file: 'DATA' } }))).toEqual(['data-file']);
    const secret = join(folder, 'luks.qcow2');
    createLuks(secret, '4M');
    expect(codes(secret)).toEqual(['encryption']);
    opened(secret, (image) => {
      const roles = new Set([...image.regions()].map(({ role }) => role));
      expect([...roles]).toEqual(['header', 'refcount-table', 'refcount-block', 'l1', 'crypto-header']);
    });
  });

  it('space that QEMU freed is free, and nothing else', () => {
    const path = make({ name: '', options: { cluster_size: 4096 } });
    opened(path, (image) => expect([...image.freeRanges(1)]).toEqual(regionsOf(image, 'free')));
    io(path, 'qcow2', ['discard 0 300k', 'discard 3M 8k'], { discard: true });
    opened(path, (image) => {
      const free = [...image.freeRanges(1)];
      expect(free.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThanOrEqual(192 * 1024);
      expect(free).toEqual(regionsOf(image, 'free'));
      expect([...image.freeRanges(65_536)].every(({ length }) => length >= 65_536)).toBe(true);
    });
  });
});

function regionsOf(image: Qcow2Image, role: Role): { offset: number; length: number }[] {
  return [...image.regions()].filter((r) => r.role === role).map(({ offset, length }) => ({ offset, length }));
}

function expectInfo(image: Qcow2Image, path: string): void {
  const theirs = info(path, 'qcow2');
  const ours = image.info();
  expect(ours.virtualSize).toBe(theirs['virtual-size']);
  expect(ours.clusterSize).toBe(theirs['cluster-size']);
  expect(ours.dirty).toBe(theirs['dirty-flag']);
  expect(ours.backing?.file).toBe(theirs['backing-filename']);
  expect(ours.backing?.format).toBe(theirs['backing-filename-format']);
  expect(ours.specific).toEqual(theirs['format-specific']?.data);
  const snapshots = (theirs.snapshots ?? []).map((s) => ({
    id: s['id'],
    name: s['name'],
    vmStateSize: s['vm-state-size'],
    dateSeconds: s['date-sec'],
    dateNanoseconds: s['date-nsec'],
    vmClockNanoseconds: Number(s['vm-clock-sec']) * 1e9 + Number(s['vm-clock-nsec']),
  }));
  expect(ours.snapshots).toMatchObject(snapshots);
  expect(ours.snapshots).toHaveLength(snapshots.length);
}

/** No overlaps and no leaks in a clean image, and as many bytes of each role as the check and the header count. */
function expectRegions(image: Qcow2Image, path: string): void {
  const { verdict, counters } = check(path, 'qcow2');
  expect(verdict).toBe('clean');
  const bytes: Partial<Record<Role, number>> = {};
  let end = 0;
  for (const { offset, length, role } of image.regions() as Iterable<Region>) {
    bytes[role] = (bytes[role] ?? 0) + length;
    if (role !== 'free') end = offset + length;
  }
  expect(bytes.overlap).toBeUndefined();
  expect(bytes.leaked).toBeUndefined();
  const c = image.clusterSize;
  const { geometry: g, header } = image;
  // The image ends where its last owned cluster does, which may be cut short by the end of the file.
  expect(Math.ceil(end / c) * c).toBe(counters?.['image-end-offset']);
  expect(bytes.header).toBe(c);
  expect(bytes['refcount-table']).toBe(header.refcount_table_clusters * c);
  expect(bytes.l1).toBe(Math.min(Math.ceil((g.l1Entries * 8) / c) * c, image.device.size - g.l1Offset));
  if (image.dataFile) expect(bytes.data).toBeUndefined();
  else if (image.snapshots.length === 0) expect(Math.ceil((bytes.data ?? 0) / c)).toBe(dataClusters(image));
  expect(bytes['snapshot-table'] !== undefined).toBe(image.snapshots.length > 0);
  expect(bytes['bitmap-directory'] !== undefined).toBe(image.bitmaps.length > 0);
  expect(bytes['bitmap-table'] !== undefined).toBe(image.bitmaps.length > 0);
}

/** Clusters with at least one data unit, from the mapping. */
function dataClusters(image: Qcow2Image): number {
  const clusters = new Set<number>();
  for (const batch of image.mappings()) {
    for (const { kind, guest, length } of batch) {
      if (kind !== 'data') continue;
      for (let at = guest - (guest % image.clusterSize); at < guest + length; at += image.clusterSize) clusters.add(at);
    }
  }
  return clusters.size;
}

/** The disk's bytes from the mapping, without backing file, equal qemu-img's where this layer has them. */
function expectContents(image: Qcow2Image, path: string, folder: string, same?: string): void {
  const raw = same ?? join(folder, 'contents.raw');
  if (!same) convert(path, 'qcow2', raw, 'raw');
  const expected = readFileSync(raw);
  for (let at = 0; at < image.size; ) {
    const extent = image.getMapping(at);
    const bytes = Buffer.alloc(extent.length);
    if (extent.kind === 'data') image.dataDevice?.read(extent.host ?? 0, bytes);
    if (extent.kind === 'compressed') bytes.set(image.readCompressed(extent).subarray(0, extent.length));
    const isOurs = !extent.kind.startsWith('unallocated') || !image.backing;
    if (isOurs && !bytes.equals(expected.subarray(at, at + extent.length))) {
      throw new Error(`guest ${at}, ${extent.length} bytes (${extent.kind}) differ from what QEMU reads`);
    }
    at += extent.length;
  }
}
