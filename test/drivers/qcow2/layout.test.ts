/** Offsets, widths and masks of qcow2, typed out from the specification. */
import { describe, expect, test } from 'vitest';
import type { Struct } from '../../../src/bytes/struct.ts';
import {
  BitmapDirectoryEntry,
  BitmapsExtension,
  BitmapTableEntry,
  CryptoExtension,
  FeatureName,
  HeaderCompression,
  HeaderV2,
  HeaderV3,
  L1Entry,
  L2Entry,
  RefcountTableEntry,
  SnapshotEntry,
  SnapshotExtra,
} from '../../../src/drivers/qcow2/layout.ts';

type Fields = Readonly<Record<string, readonly [offset: number, size: number]>>;

function expectLayout(s: Struct, size: number, fields: Fields): void {
  const declared = Object.entries(s.fields).map(([name, field]) => [name, [s.at[name], field.size]]);
  expect(Object.fromEntries(declared)).toEqual(fields);
  expect(s.size).toBe(size);
}

describe('qcow2 layout', () => {
  test('header', () => {
    expectLayout(HeaderV2, 72, {
      magic: [0, 4],
      version: [4, 4],
      backing_file_offset: [8, 8],
      backing_file_size: [16, 4],
      cluster_bits: [20, 4],
      size: [24, 8],
      crypt_method: [32, 4],
      l1_size: [36, 4],
      l1_table_offset: [40, 8],
      refcount_table_offset: [48, 8],
      refcount_table_clusters: [56, 4],
      nb_snapshots: [60, 4],
      snapshots_offset: [64, 8],
    });
    expectLayout(HeaderV3, 104, {
      incompatible_features: [72, 8],
      compatible_features: [80, 8],
      autoclear_features: [88, 8],
      refcount_order: [96, 4],
      header_length: [100, 4],
    });
    expectLayout(HeaderCompression, 112, { compression_type: [104, 1], padding: [105, 7] });
  });

  test('extensions, snapshots and bitmaps', () => {
    expectLayout(FeatureName, 48, { type: [0, 1], bit: [1, 1], name: [2, 46] });
    expectLayout(CryptoExtension, 16, { offset: [0, 8], length: [8, 8] });
    expectLayout(BitmapsExtension, 24, {
      nb_bitmaps: [0, 4],
      reserved: [4, 4],
      bitmap_directory_size: [8, 8],
      bitmap_directory_offset: [16, 8],
    });
    expectLayout(SnapshotEntry, 40, {
      l1_table_offset: [0, 8],
      l1_size: [8, 4],
      id_str_size: [12, 2],
      name_size: [14, 2],
      date_sec: [16, 4],
      date_nsec: [20, 4],
      vm_clock_nsec: [24, 8],
      vm_state_size: [32, 4],
      extra_data_size: [36, 4],
    });
    expectLayout(SnapshotExtra, 64, { vm_state_size_large: [40, 8], disk_size: [48, 8], icount: [56, 8] });
    expectLayout(BitmapDirectoryEntry, 24, {
      bitmap_table_offset: [0, 8],
      bitmap_table_size: [8, 4],
      flags: [12, 4],
      type: [16, 1],
      granularity_bits: [17, 1],
      name_size: [18, 2],
      extra_data_size: [20, 4],
    });
  });

  test('entries: offset and reserved bits', () => {
    const halves = ({ hi, lo }: { hi: number; lo: number }): [number, number] => [hi >>> 0, lo >>> 0];
    expect(halves(L1Entry.mask.offset)).toEqual([0x00ff_ffff, 0xffff_fe00]);
    expect(halves(L1Entry.reserved)).toEqual([0x7f00_0000, 0x0000_01ff]);
    expect(halves(L2Entry.mask.offset)).toEqual([0x00ff_ffff, 0xffff_fe00]);
    expect(halves(L2Entry.mask.compressed)).toEqual([0x4000_0000, 0]);
    expect(halves(L2Entry.reserved)).toEqual([0x3f00_0000, 0x0000_01fe]);
    expect(halves(RefcountTableEntry.reserved)).toEqual([0, 0x0000_01ff]);
    expect(halves(BitmapTableEntry.reserved)).toEqual([0xff00_0000, 0x0000_01fe]);
  });
});
