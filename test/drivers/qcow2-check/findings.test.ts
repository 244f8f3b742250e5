/**
 * Every rule once: a small honest image with one thing broken, and the finding that says so: its code, its class, where
 * it points, how bad it is and how often qemu-img counts it.
 */
import { describe, expect, it } from 'vitest';
import type { Severity } from '../../../src/drivers/finding.ts';
import type { FaultClass } from '../../../src/errors.ts';
import { AT, COPIED, checkBytes, type SmallOptions, setRefcount, smallImage } from './small-image.ts';

interface Case {
  readonly code: string;
  readonly class: FaultClass;
  readonly path: string;
  readonly severity?: Severity;
  readonly qemuCount?: number;
  readonly image?: SmallOptions;
  readonly break: (file: Buffer) => void;
}

const C = 512;
const L1 = AT.l1 * C;
const L2 = AT.l2 * C;
const word = (at: number, value: bigint) => (file: Buffer) => {
  file.writeBigUInt64BE(value, at);
};
const data = (cluster: number): bigint => COPIED | BigInt(cluster * C);

/** A snapshot table at cluster 8 with one entry. */
function snapshot(file: Buffer, l1: number, entries: number, extra = 16): void {
  file.writeUInt32BE(1, 60);
  file.writeBigUInt64BE(BigInt(8 * C), 64);
  file.writeBigUInt64BE(BigInt(l1), 8 * C);
  file.writeUInt32BE(entries, 8 * C + 8);
  file.writeUInt32BE(extra, 8 * C + 36);
  setRefcount(file, 8, 1n);
}

const EXTENDED: SmallOptions = { extended: true, clusterBits: 14 };
const EXTENDED_L2 = AT.l2 * 2 ** 14;

const CASES: readonly Case[] = [
  { code: 'l1-reserved-bits', class: 'reserved', path: 'l1[0]', break: word(L1, data(AT.l2) | (1n << 56n)) },
  { code: 'l1-without-table', class: 'consistency', path: 'l1[1]', qemuCount: 0, break: word(L1 + 8, COPIED) },
  {
    code: 'l2-table-align',
    class: 'align',
    path: 'l1[1]',
    image: { clusterBits: 10 },
    break: word(AT.l1 * 1024 + 8, COPIED | (7n * 1024n + 512n)),
  },
  { code: 'past-end-of-file', class: 'eof', path: 'l1[1]', break: word(L1 + 8, data(1000)) },
  { code: 'past-end-of-file', class: 'eof', path: 'l2[0][5]', break: word(L2 + 40, data(1000)) },
  { code: 'past-end-of-file', class: 'eof', path: 'l2[0][5]', break: word(L2 + 40, (1n << 62n) | (1n << 59n)) },
  { code: 'l2-reserved-bits', class: 'reserved', path: 'l2[0][0]', break: word(L2, data(AT.data) | 2n) },
  {
    code: 'data-cluster-align',
    class: 'align',
    path: 'l2[0][2]',
    image: { clusterBits: 10 },
    break: word(AT.l2 * 1024 + 16, COPIED | (7n * 1024n + 512n)),
  },
  {
    code: 'compressed-cluster-broken',
    class: 'consistency',
    path: 'l2[0][2]',
    qemuCount: 0,
    break: (file) => {
      file.fill(0x11, 7 * C, 8 * C);
      file.writeBigUInt64BE((1n << 62n) | BigInt(7 * C), L2 + 16);
      setRefcount(file, 7, 1n);
    },
  },
  {
    code: 'refcount-table-clusters-range',
    class: 'range',
    path: 'header.refcount_table_clusters',
    qemuCount: 0,
    break: (file) => file.writeUInt32BE(0, 56),
  },
  { code: 'compressed-copied', class: 'consistency', path: 'l2[0][2]', break: word(L2 + 16, data(7) | (1n << 62n)) },
  {
    code: 'zero-flag-in-version-2',
    class: 'consistency',
    path: 'l2[0][9]',
    qemuCount: 0,
    image: { version: 2 },
    break: word(L2 + 72, 1n),
  },
  {
    code: 'copied-without-cluster',
    class: 'consistency',
    path: 'l2[0][9]',
    severity: 'note',
    qemuCount: 0,
    break: word(L2 + 72, COPIED),
  },
  {
    code: 'zero-flag-in-extended-l2',
    class: 'reserved',
    path: 'l2[0][0]',
    qemuCount: 0,
    image: EXTENDED,
    break: (file) => file.writeUInt8(1, EXTENDED_L2 + 7),
  },
  {
    code: 'subcluster-conflict',
    class: 'consistency',
    path: 'l2[0][1]',
    image: EXTENDED,
    break: (file) => file.writeUInt32BE(4, EXTENDED_L2 + 16 + 8),
  },
  {
    code: 'subclusters-without-cluster',
    class: 'consistency',
    path: 'l2[0][3]',
    image: EXTENDED,
    break: (file) => file.writeUInt32BE(1, EXTENDED_L2 + 3 * 16 + 12),
  },
  {
    code: 'compressed-subclusters',
    class: 'consistency',
    path: 'l2[0][3]',
    image: EXTENDED,
    break: (file) => {
      file.writeUInt8(0x40, EXTENDED_L2 + 3 * 16);
      file.writeUInt8(1, EXTENDED_L2 + 3 * 16 + 15);
    },
  },
  {
    code: 'data-file-offset',
    class: 'consistency',
    path: 'l2[0][0]',
    qemuCount: 0,
    image: { incompatible: 4 },
    break: () => undefined,
  },
  {
    code: 'compressed-in-data-file',
    class: 'consistency',
    path: 'l2[0][2]',
    image: { incompatible: 4 },
    break: word(L2 + 16, (1n << 62n) | 0x800n),
  },
  { code: 'l1-copied', class: 'consistency', path: 'l1[0]', break: word(L1, BigInt(L2)) },
  { code: 'l2-copied', class: 'consistency', path: 'l2[0][0]', break: word(L2, BigInt(AT.data * C)) },
  {
    code: 'refcount-table-reserved-bits',
    class: 'reserved',
    path: 'refcount_table[0]',
    break: word(AT.table * C, BigInt(AT.block * C) | 1n),
  },
  {
    code: 'refcount-block-align',
    class: 'align',
    path: 'refcount_table[0]',
    image: { clusterBits: 10 },
    break: word(AT.table * 1024, BigInt(AT.block * 1024 + 512)),
  },
  {
    code: 'refcount-block-past-end',
    class: 'eof',
    path: 'refcount_table[1]',
    break: word(AT.table * C + 8, 1n << 40n),
  },
  {
    code: 'refcount-block-dup',
    class: 'dup',
    path: 'refcount_table[1]',
    break: word(AT.table * C + 8, BigInt(AT.block * C)),
  },
  {
    code: 'refcount-block-overlap',
    class: 'overlap',
    path: 'refcount_table[1]',
    break: word(AT.table * C + 8, BigInt(AT.l1 * C)),
  },
  { code: 'referenced-but-free', class: 'consistency', path: 'refcount[5]', break: (f) => setRefcount(f, 5, 0n) },
  {
    code: 'leaked',
    class: 'consistency',
    path: 'refcount[9]',
    severity: 'leak',
    qemuCount: 2,
    break: (file) => {
      setRefcount(file, 9, 1n);
      setRefcount(file, 10, 1n);
    },
  },
  { code: 'leaked', class: 'consistency', path: 'refcount[5]', severity: 'leak', break: (f) => setRefcount(f, 5, 2n) },
  { code: 'refcount-too-low', class: 'dup', path: 'refcount[5]', break: word(L2 + 8, data(AT.data)) },
  { code: 'refcount-too-low', class: 'overlap', path: 'refcount[3]', break: word(L2 + 8, data(AT.l1)) },
  {
    code: 'overlap',
    class: 'overlap',
    path: 'l2[0][1]',
    severity: 'note',
    qemuCount: 0,
    break: word(L2 + 8, data(AT.l1)),
  },
  {
    code: 'overlap',
    class: 'overlap',
    path: 'l2[0][1]',
    qemuCount: 0,
    break: (file) => {
      // The refcount says 2 and COPIED is clear: in order for QEMU, were it not the L1 table.
      file.writeBigUInt64BE(BigInt(AT.l1 * C), L2 + 8);
      setRefcount(file, AT.l1, 2n);
    },
  },
  {
    code: 'refcount-overflow',
    class: 'dup',
    path: 'cluster[5]',
    image: { refcountOrder: 0 },
    break: word(L2 + 8, data(AT.data)),
  },
  {
    code: 'refcount-behind-end',
    class: 'consistency',
    path: 'refcount[40]',
    severity: 'leak',
    qemuCount: 0,
    break: (file) => setRefcount(file, 40, 1n),
  },
  {
    code: 'snapshot-incomplete',
    class: 'consistency',
    path: 'snapshot[0].extra_data_size',
    break: (file) => snapshot(file, 0, 0, 0),
  },
  {
    code: 'snapshot-l1-align',
    class: 'align',
    path: 'snapshot[0].l1_table_offset',
    break: (file) => snapshot(file, 9 * C + 8, 1),
  },
  {
    code: 'snapshot-l1-range',
    class: 'range',
    path: 'snapshot[0].l1_size',
    break: (file) => snapshot(file, 9 * C, 0xffff_ffff),
  },
  {
    code: 'snapshots-missing',
    class: 'consistency',
    path: 'header.nb_snapshots',
    qemuCount: 2,
    break: (file) => {
      snapshot(file, 0, 0, 0);
      file.writeUInt32BE(3, 60);
      file.writeBigUInt64BE(BigInt(11 * C), 64);
      // One entry of 40 bytes and a name that reaches the end of the file.
      file.writeUInt16BE(C - 40, 11 * C + 14);
    },
  },
  {
    code: 'snapshots-with-data-file',
    class: 'consistency',
    path: 'header.nb_snapshots',
    image: { incompatible: 4 },
    break: (file) => snapshot(file, 0, 0),
  },
  {
    code: 'past-end-of-file',
    class: 'eof',
    path: 'snapshot[0].l1_table_offset',
    break: (file) => snapshot(file, 1000 * C, 1),
  },
  {
    code: 'l2-reserved-bits',
    class: 'reserved',
    path: 'snapshot[0].l2[1][0]',
    break: (file) => {
      snapshot(file, 9 * C, 2);
      file.writeBigUInt64BE(BigInt(10 * C), 9 * C + 8);
      file.writeBigUInt64BE(2n, 10 * C);
    },
  },
  {
    code: 'header-length-align',
    class: 'align',
    path: 'header.header_length',
    severity: 'note',
    qemuCount: 0,
    break: (file) => file.writeUInt32BE(105, 100),
  },
  {
    code: 'size-not-in-sectors',
    class: 'size',
    path: 'header.size',
    severity: 'note',
    qemuCount: 0,
    break: word(24, 2049n),
  },
  {
    code: 'backing-name-overlap',
    class: 'overlap',
    path: 'header.backing_file_offset',
    qemuCount: 0,
    break: (file) => {
      file.writeBigUInt64BE(8n, 8);
      file.writeUInt32BE(4, 16);
    },
  },
  {
    code: 'dirty',
    class: 'dirty',
    path: 'header.incompatible_features',
    severity: 'note',
    qemuCount: 0,
    image: { incompatible: 1 },
    break: () => undefined,
  },
  {
    code: 'marked-corrupt',
    class: 'dirty',
    path: 'header.incompatible_features',
    severity: 'note',
    qemuCount: 0,
    image: { incompatible: 2 },
    break: () => undefined,
  },
  {
    code: 'bitmaps-without-extension',
    class: 'consistency',
    path: 'header.autoclear_features',
    severity: 'note',
    qemuCount: 0,
    break: word(88, 1n),
  },
];

describe('each rule of qcow2', () => {
  it.each(CASES.map((c) => [`${c.code} at ${c.path}`, c] as const))('%s', (_name, broken) => {
    const file = smallImage(broken.image);
    if (broken.image?.incompatible !== 4)
      expect(checkBytes(smallImage({ ...broken.image, incompatible: 0 })).findings).toEqual([]);
    broken.break(file);
    const { code, path, severity = 'corruption', qemuCount = 1 } = broken;
    const { findings } = checkBytes(file);
    const matching = findings.filter((f) => f.code === code && f.where.path === path);
    expect(matching, JSON.stringify(findings, null, 1)).toHaveLength(1);
    const finding = matching[0];
    expect(finding).toMatchObject({ class: broken.class, severity });
    expect(finding?.qemuCount ?? 1).toBe(qemuCount);
    expect(finding?.what).not.toMatch(/undefined|NaN|\.$/);
    expect(finding?.where.offset).toBeLessThan(file.length);
  });
});
