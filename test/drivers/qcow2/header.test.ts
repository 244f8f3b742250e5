/** Which headers open, and what is said about those that do not. (The whole corpus is test/oracle/bad-input.) */
import { describe, expect, test } from 'vitest';
import type { MemoryDevice } from '../../../src/device/memory.ts';
import { geometry, type Header, readHeader } from '../../../src/drivers/qcow2/header.ts';
import { readSnapshots } from '../../../src/drivers/qcow2/snapshots.ts';
import { ImageError } from '../../../src/errors.ts';
import { handmade } from './handmade.ts';

/** A sound header of a 64 MiB disk, then bytes changed: numbers are big-endian with the width of the list. */
function changed(changes: Readonly<Record<number, readonly number[]>>, fileSize = 2 ** 18): MemoryDevice {
  const device = handmade({ clusterBits: 16, size: 2 ** 26, l1: [[0, 0]], fileSize: 2 ** 18 });
  for (const [offset, bytes] of Object.entries(changes)) device.write(Number(offset), Uint8Array.from(bytes));
  device.resize(fileSize);
  return device;
}

const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const u64 = (hi: number, lo: number): number[] => [...u32(hi), ...u32(lo)];

function refusal(device: MemoryDevice): ImageError {
  const header = readHeader(device);
  try {
    geometry(header, device.size);
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
  throw new Error('it opens');
}

describe('qcow2 header', () => {
  test('a sound header gives its geometry', () => {
    const device = changed({});
    expect(geometry(readHeader(device), device.size)).toMatchObject({
      version: 3,
      clusterSize: 65_536,
      size: 2 ** 26,
      l2EntrySize: 8,
      l2Entries: 8192,
      refcountsPerBlock: 32_768,
      crypt: 'none',
      compression: 'zlib',
    });
  });

  test('the message names field, value, limit, place and remedy', () => {
    const error = refusal(changed({ 20: u32(30) }));
    expect(error.message).toBe(
      'qcow2 header: cluster_bits is 30, at most 21 allowed (offset 0x14, 4 bytes). Try: set header.cluster_bits 16',
    );
    expect(error).toMatchObject({
      code: 'cluster-bits-range',
      class: 'range',
      where: { offset: 20, length: 4, path: 'header.cluster_bits' },
    });
  });

  const cases: [string, Record<number, number[]>, string, string, number?][] = [
    ['magic', { 0: [0x51, 0x46, 0x4a, 0xfb] }, 'bad-magic', 'magic'],
    ['version 4', { 4: u32(4) }, 'bad-version', 'version'],
    ['a file that ends in the header', {}, 'header-eof', 'eof', 100],
    ['header_length 103', { 100: u32(103) }, 'header-length-range', 'range'],
    ['header_length above a cluster', { 100: u32(65_544) }, 'header-length-range', 'range'],
    ['an unknown incompatible bit', { 72: u64(0x8000_0000, 0) }, 'incompatible-features-unsupported', 'unsupported'],
    ['extended L2 with 8 KiB clusters', { 72: u64(0, 16), 20: u32(13) }, 'cluster-bits-range', 'range'],
    ['zstd without its bit', { 104: [1] }, 'compression-type-consistency', 'consistency'],
    ['compression type 2', { 104: [2], 72: u64(0, 8) }, 'compression-type-unsupported', 'unsupported'],
    ['crypt_method 3', { 32: u32(3) }, 'crypt-method-unsupported', 'unsupported'],
    ['LUKS without a header', { 32: u32(2) }, 'crypto-header-consistency', 'consistency'],
    ['raw data file without data file', { 88: u64(0, 2) }, 'data-file-raw-consistency', 'consistency'],
    ['backing name behind the cluster', { 8: u64(0, 65_537), 16: u32(4) }, 'backing-file-offset-range', 'range'],
    ['backing name out of the cluster', { 8: u64(0, 65_000), 16: u32(1000) }, 'backing-file-size-range', 'range'],
    ['an extension too long', { 112: [...u32(0x1234_5678), ...u32(70_000)] }, 'extension-range', 'range'],
    ['a backing format too long', { 112: [...u32(0xe279_2aca), ...u32(16)] }, 'extension-range', 'range'],
    ['l1_table_offset unaligned', { 40: u64(0, 0x1_0200) }, 'l1-table-offset-align', 'align'],
    ['l1_table_offset unaligned above 2^53', { 40: u64(2 ** 28, 1) }, 'l1-table-offset-align', 'align'],
    ['l1_table_offset 2^63', { 40: u64(2 ** 31, 0) }, 'l1-table-offset-range', 'range'],
    ['l1_size above 32 MiB', { 36: u32(4_194_305) }, 'l1-size-range', 'range'],
    ['l1_size too small', { 36: u32(0) }, 'l1-size-consistency', 'consistency'],
    ['a disk too large', { 24: u64(2 ** 30, 0) }, 'size-too-large', 'size'],
    ['refcount table above 8 MiB', { 56: u32(129) }, 'refcount-table-clusters-range', 'range'],
    ['snapshots_offset unaligned without any', { 64: u64(0, 0x123) }, 'snapshots-offset-align', 'align'],
  ];

  test.each(cases)('%s is refused', (_name, changes, code, fault, fileSize) => {
    const error = refusal(changed(changes, fileSize));
    expect(error).toMatchObject({ code, class: fault });
    expect(error.where?.offset).toBeGreaterThanOrEqual(0);
    expect(error.message).not.toMatch(/undefined|NaN/);
  });

  const opening: [string, Record<number, number[]>][] = [
    ['a size that is no multiple of 512', { 24: u64(0, 2 ** 26 + 1) }],
    ['an L1 table behind the end of the file', { 40: u64(2 ** 8, 0), 36: u32(4_194_304) }],
    ['header_length 105', { 100: u32(105) }],
    ['no refcount table', { 56: u32(0) }],
    ['AES', { 32: u32(1) }],
    ['a data file without a name', { 72: u64(0, 4) }],
    ['dirty and corrupt', { 72: u64(0, 3) }],
    ['bitmaps said to be consistent, but none', { 88: u64(0, 1) }],
    ['a backing name inside the header', { 8: u64(0, 8), 16: u32(4) }],
    ['unknown compatible and autoclear bits', { 80: u64(1, 0), 88: u64(1, 0) }],
  ];

  test.each(opening)('%s opens, as in QEMU', (_name, changes) => {
    const device = changed(changes);
    expect(geometry(readHeader(device), device.size).size).toBe(2 ** 26);
  });

  test('unknown extensions are kept, whatever follows', () => {
    const extension = [
      ...u32(0x1234_5678),
      ...u32(5),
      1,
      2,
      3,
      4,
      5,
      0,
      0,
      0,
      ...u32(0xe279_2aca),
      ...u32(3),
      0x72,
      0x61,
      0x77,
    ];
    const header: Header = readHeader(changed({ 112: extension }));
    expect(header.extensions).toMatchObject([
      { type: 0x1234_5678, offset: 112, length: 5, data: Uint8Array.of(1, 2, 3, 4, 5) },
      { type: 0xe279_2aca, offset: 128, length: 3 },
    ]);
    expect(header.extensionsEnd).toBe(152);
  });

  test('a list of extensions longer than the first read is read whole', () => {
    const device = changed({ 112: [...u32(1), ...u32(8000)] });
    device.write(112 + 8 + 8000, Uint8Array.from([...u32(2), ...u32(0)]));
    expect(readHeader(device).extensions.map(({ type, data }) => [type, data.length])).toEqual([
      [1, 8000],
      [2, 0],
    ]);
  });

  test('what a header claims and the file does not hold costs nothing', () => {
    const device = changed({ 60: u32(65_536), 64: u64(0, 2 ** 17) }, 2 ** 17 + 24);
    const table = readSnapshots(device, readHeader(device));
    expect(table.snapshots).toHaveLength(1);
    expect(table.missing).toBe(65_535);
  });

  test.each([0, 1, 3, 4, 63, 71])('a file of %i bytes is refused or opens, but never breaks', (size) => {
    expect(refusal(changed({}, size)).class).toMatch(/magic|version|eof/);
  });
});
