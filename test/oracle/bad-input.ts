/**
 * The bad-input corpus for qcow2 and QED: a good image, a few bytes overwritten, and what must be said about it.
 * `qemu` is what `qemu-img check` 7.2 answers: it shows where Platter must be stricter ('clean').
 *
 * Deterministic layout of the good images (made in bad-input.test.ts):
 *   Q   header, refcount table 0x10000, refcount block 0x20000, L1 0x30000, L2 0x40000, data from 0x50000
 *   Q2  the same in version 2         QS  the same with a snapshot, its table at 0x170000
 *   QB  a bitmap: directory 0x190000, table 0x180000      QX  extended L2      QD  external data file
 *   E   QED: L1 0x10000, data from 0x50000, L2 0x150000, length 0x1a0000
 */
import type { FaultClass } from '../../src/errors.ts';
import type { Verdict } from '../support/qemu.ts';

export type Base = 'Q' | 'Q2' | 'QS' | 'QB' | 'QX' | 'QD' | 'E';

export interface Patch {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface BadInput {
  /** Number of the rule in the corpus, a letter for each variant. */
  readonly id: string;
  readonly base: Base;
  readonly says: string;
  readonly patches: readonly Patch[];
  /** The file is cut to this length first. Bytes. */
  readonly truncate?: number;
  /** The class of the complaint; the first of several is the best one. */
  readonly classes: readonly FaultClass[];
  readonly qemu: Verdict;
  /**
   * Where the complaint comes: `open` throws; `check` finds corruption or leaks; `note`: check mentions it and the
   * verdict stays clean; `refusal`: only the conversion refuses. Default: `open` where QEMU fails too, else `check`.
   */
  readonly by?: 'open' | 'check' | 'note' | 'refusal';
  /** Odd, but nothing that stands in the way of a conversion. */
  readonly convertible?: boolean;
}

function be32(at: number, ...values: readonly number[]): Patch {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value);
  return { at, bytes: new Uint8Array(view.buffer) };
}

function be64(at: number, ...values: readonly bigint[]): Patch {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  for (const [i, value] of values.entries()) view.setBigUint64(i * 8, value);
  return { at, bytes: new Uint8Array(view.buffer) };
}

function le32(at: number, value: number): Patch {
  const patch = be32(at, value);
  patch.bytes.reverse();
  return patch;
}

function le64(at: number, value: bigint): Patch {
  const patch = be64(at, value);
  patch.bytes.reverse();
  return patch;
}

function raw(at: number, ...bytes: readonly number[]): Patch {
  return { at, bytes: Uint8Array.from(bytes) };
}

/** An extension at the start of the extension area, closed by an end marker. */
function extension(type: number, length: number, ...words: readonly number[]): Patch {
  return be32(112, type, length, ...words, 0, 0);
}

const COPIED = 1n << 63n;
const BACKING_FORMAT = 0xe279_2aca;
const BITMAPS = 0x2385_2875;
const CRYPTO = 0x0537_be77;

type More = Partial<Pick<BadInput, 'truncate' | 'by' | 'convertible'>>;

function row(
  id: string,
  base: Base,
  says: string,
  patches: readonly Patch[],
  classes: FaultClass | readonly FaultClass[],
  qemu: Verdict,
  more: More = {},
): BadInput {
  return { id, base, says, patches, classes: typeof classes === 'string' ? [classes] : classes, qemu, ...more };
}

/** Bitmaps extension with one field wrong: count, reserved, directory size, directory offset. */
function bitmaps(id: string, says: string, words: readonly number[], fault: FaultClass): BadInput {
  return row(id, 'Q', says, [be64(88, 1n), extension(BITMAPS, 24, ...words)], fault, 'failed');
}

const L1 = 0x30000;
const L2 = 0x40000;
const RT = 0x10000;
const RB = 0x20000;
const SNAPSHOTS = 0x170000;
const DIRECTORY = 0x190000;
const BITMAP_TABLE = 0x180000;
const QED_L1 = 0x10000;
const QED_L2 = 0x150000;

const QCOW2_HEADER: readonly BadInput[] = [
  row('1', 'Q', 'magic', [raw(2, 0x4a)], 'magic', 'failed'),
  row('2a', 'Q', 'version 1', [be32(4, 1)], 'version', 'failed'),
  row('2b', 'Q', 'version 4', [be32(4, 4)], 'version', 'failed'),
  row('2c', 'Q', 'version 0', [be32(4, 0)], 'version', 'failed'),
  row('3', 'Q', 'backing name behind cluster 0', [be64(8, 65537n), be32(16, 4)], 'range', 'failed'),
  row('4', 'Q', 'backing name of 1024 bytes', [be64(8, 0x200n), be32(16, 1024)], 'range', 'failed'),
  row('5', 'Q', 'backing name leaves cluster 0', [be64(8, 65000n), be32(16, 1000)], 'range', 'failed'),
  // The name may stand anywhere in cluster 0 as far as QEMU is concerned, header included.
  row('6', 'Q', 'backing name inside the header', [be64(8, 8n), be32(16, 4)], 'overlap', 'clean'),
  row('7a', 'Q', 'cluster_bits 8', [be32(20, 8)], 'range', 'failed'),
  row('7b', 'Q', 'cluster_bits 22', [be32(20, 22)], 'range', 'failed'),
  row('7c', 'Q', 'cluster_bits 63', [be32(20, 63)], 'range', 'failed'),
  row('8a', 'Q', 'size 2^64-1', [be64(24, 2n ** 64n - 1n)], 'size', 'failed'),
  row('8b', 'Q', 'size 2^63', [be64(24, 2n ** 63n)], 'size', 'failed'),
  row('8c', 'Q', 'size 2^62', [be64(24, 2n ** 62n)], ['size', 'consistency'], 'failed'),
  row('9', 'Q', 'L1 too small for the size', [be64(24, 513n << 20n)], 'consistency', 'failed'),
  row('10', 'Q', 'size is no multiple of 512', [be64(24, (64n << 20n) + 1n)], 'size', 'clean', {
    by: 'note',
    convertible: true,
  }),
  // QEMU refuses for want of a key; Platter opens the image, because its mapping is not encrypted.
  row('11', 'Q', 'AES', [be32(32, 1)], 'unsupported', 'failed', { by: 'refusal' }),
  row('12', 'Q', 'LUKS without its header extension', [be32(32, 2)], 'consistency', 'failed'),
  row('13', 'Q', 'crypt_method 3', [be32(32, 3)], 'unsupported', 'failed'),
  row('14', 'Q', 'l1_size 0', [be32(36, 0)], 'consistency', 'failed'),
  row('15a', 'Q', 'l1_size 4,194,305', [be32(36, 4_194_305)], 'range', 'failed'),
  row('15b', 'Q', 'l1_size 2^32-1', [be32(36, 0xffff_ffff)], 'range', 'failed'),
  row('16', 'Q', 'L1 of 32 MiB', [be32(36, 4_194_304)], ['eof', 'overlap'], 'corruption'),
  row('17', 'Q', 'L1 not at a cluster', [be64(40, 0x30200n)], 'align', 'failed'),
  row('18', 'Q', 'L1 at the header', [be64(40, 0n)], 'overlap', 'corruption'),
  row('19a', 'Q', 'L1 at 2^40', [be64(40, 1n << 40n)], 'eof', 'corruption'),
  row('19b', 'Q', 'L1 at 2^56', [be64(40, 1n << 56n)], 'eof', 'corruption'),
  row('20', 'Q', 'L1 at 2^63', [be64(40, 1n << 63n)], 'range', 'failed'),
  row('21', 'Q', 'L1 at the refcount table', [be64(40, 0x10000n)], 'overlap', 'corruption'),
  row('22', 'Q', 'refcount table not at a cluster', [be64(48, 0x10200n)], 'align', 'failed'),
  row('23', 'Q', 'refcount table at the header', [be64(48, 0n)], 'overlap', 'corruption'),
  // QEMU opens this one for a check only, and so does Platter: it opens, and check says what is wrong.
  row('24', 'Q', 'refcount table of 0 clusters', [be32(56, 0)], 'range', 'corruption'),
  row('25', 'Q', 'refcount table of 129 clusters', [be32(56, 129)], 'range', 'failed'),
  // It overlaps everything because it leaves the file; that is the better complaint.
  row('26', 'Q', 'refcount table over everything', [be32(56, 128)], ['overlap', 'eof'], 'corruption'),
  row('27', 'Q', '65,537 snapshots', [be32(60, 65537), be64(64, 0x30000n)], 'range', 'failed'),
  row('28', 'Q', 'snapshot table not at a cluster', [be64(64, 0x123n)], 'align', 'failed'),
  row('29', 'Q', 'snapshot table at the header', [be32(60, 1)], 'overlap', 'corruption'),
  row('30a', 'Q', 'incompatible bit 5', [be64(72, 1n << 5n)], 'unsupported', 'failed'),
  row('30b', 'Q', 'incompatible bit 63', [be64(72, 1n << 63n)], 'unsupported', 'failed'),
  row('31', 'Q', 'dirty', [be64(72, 1n)], 'dirty', 'clean', { by: 'note' }),
  row('32', 'Q', 'marked corrupt', [be64(72, 2n)], 'dirty', 'clean', { by: 'note' }),
  // QEMU fails to open the data file, not the image; Platter opens no data file unasked.
  row('33', 'Q', 'data file without a name', [be64(72, 4n)], 'consistency', 'failed', { by: 'check' }),
  row('34', 'Q', 'compression bit with type zlib', [be64(72, 8n)], 'consistency', 'failed'),
  row('35', 'Q', 'zstd without the compression bit', [raw(104, 1)], 'consistency', 'failed'),
  row('36', 'Q', 'compression type 2', [be64(72, 8n), raw(104, 2)], 'unsupported', 'failed'),
  row('37', 'Q', 'compression bit in a short header', [be64(72, 8n), be32(100, 104)], 'consistency', 'failed'),
  row('38', 'Q', 'extended L2 with 8 KiB clusters', [be64(72, 16n), be32(20, 13)], 'range', 'failed'),
  row('39', 'Q', 'raw data file bit without data file', [be64(88, 2n)], 'consistency', 'failed'),
  // The bit promises that bitmaps are up to date, and there are none: odd, and nothing can come of it.
  row('40', 'Q', 'bitmaps bit without bitmaps', [be64(88, 1n)], 'consistency', 'clean', {
    by: 'note',
    convertible: true,
  }),
  row('41', 'Q', 'refcount_order 7', [be32(96, 7)], 'range', 'failed'),
  row('42', 'Q', 'refcount_order 5 over 16-bit counts', [be32(96, 5)], 'consistency', 'corruption'),
  row('43a', 'Q', 'header_length 0', [be32(100, 0)], 'range', 'failed'),
  row('43b', 'Q', 'header_length 96', [be32(100, 96)], 'range', 'failed'),
  row('43c', 'Q', 'header_length 103', [be32(100, 103)], 'range', 'failed'),
  row('44', 'Q', 'header_length 65,537', [be32(100, 65537)], 'range', 'failed'),
  // Against the specification, but every reader takes it for what it says.
  row('45', 'Q', 'header_length 105', [be32(100, 105)], 'align', 'clean', { by: 'note', convertible: true }),
];

const QCOW2_EXTENSIONS: readonly BadInput[] = [
  row('46a', 'Q', 'extension of 70,000 bytes', [extension(0x12345678, 70000)], 'range', 'failed'),
  row('46b', 'Q', 'extension of 4 GiB', [extension(0x12345678, 0xffff_ffff)], 'range', 'failed'),
  row('47', 'Q', 'backing format of 16 bytes', [extension(BACKING_FORMAT, 16, 1, 1, 1, 1)], 'range', 'failed'),
  row('48', 'Q', 'crypto extension without LUKS', [extension(CRYPTO, 16, 0, 0, 0, 0)], 'consistency', 'failed'),
  row('49', 'Q', 'bitmaps extension of 20 bytes', [extension(BITMAPS, 20, 1, 0, 0, 32, 0, 0)], 'range', 'failed'),
  bitmaps('50a', 'no bitmaps', [0, 0, 0, 32, 0, 0x50000], 'range'),
  bitmaps('50b', '65,536 bitmaps', [65536, 0, 0, 32, 0, 0x50000], 'range'),
  bitmaps('50c', 'reserved field 1', [1, 1, 0, 32, 0, 0x50000], 'reserved'),
  bitmaps('50d', 'directory not at a cluster', [1, 0, 0, 32, 0, 0x50001], 'align'),
  bitmaps('50e', 'directory too large', [1, 0, 0, 67_107_841, 0, 0x50000], 'range'),
  bitmaps('50f', 'directory of 0 bytes', [1, 0, 0, 0, 0, 0x50000], 'range'),
];

const QCOW2_TABLES: readonly BadInput[] = [
  row('51a', 'Q', 'L1 entry with bit 56', [be64(L1, COPIED | (1n << 56n) | 0x40000n)], 'reserved', 'corruption'),
  row('51b', 'Q', 'L1 entry with bit 0', [be64(L1, COPIED | 0x40001n)], 'reserved', 'corruption'),
  row('52', 'Q', 'L2 table not at a cluster', [be64(L1, COPIED | 0x40200n)], 'align', 'corruption'),
  row('53', 'Q', 'L1 entry of nothing but COPIED', [be64(L1, COPIED)], ['consistency', 'overlap'], 'corruption'),
  row('54', 'Q', 'L2 table at 2^40', [be64(L1, COPIED | (1n << 40n))], 'eof', 'corruption'),
  row('55', 'Q', 'L2 table at the L1 table', [be64(L1, COPIED | 0x30000n)], 'overlap', 'corruption'),
  row('56', 'Q', 'L1 entry without COPIED', [be64(L1, 0x40000n)], 'consistency', 'corruption'),
  row('57a', 'Q', 'L2 entry with bit 1', [be64(L2, COPIED | 0x50002n)], 'reserved', 'corruption'),
  row('57b', 'Q', 'L2 entry with bit 56', [be64(L2, COPIED | (1n << 56n) | 0x50000n)], 'reserved', 'corruption'),
  row('58', 'Q', 'data not at a cluster', [be64(L2, COPIED | 0x50200n)], 'align', 'corruption'),
  row('59', 'Q', 'preallocated zeros not at a cluster', [be64(L2, COPIED | 0x50201n)], 'align', 'corruption'),
  row('60', 'Q', 'data at 2^40', [be64(L2, COPIED | (1n << 40n))], 'eof', 'corruption'),
  row('61a', 'Q', 'data at its own L2 table', [be64(L2, COPIED | 0x40000n)], 'overlap', 'corruption'),
  row('61b', 'Q', 'data at the refcount table', [be64(L2, COPIED | 0x10000n)], 'overlap', 'corruption'),
  row('61c', 'Q', 'data at the L1 table', [be64(L2, COPIED | 0x30000n)], 'overlap', 'corruption'),
  row('62', 'Q', 'two entries, one cluster', [be64(L2 + 8, COPIED | 0x50000n)], 'dup', 'corruption'),
  row('63', 'Q', 'compressed and COPIED', [be64(L2, COPIED | (1n << 62n) | 0x50000n)], 'consistency', 'corruption'),
  // QEMU checks what the descriptor claims, not what it leads to.
  row('64', 'Q', 'compressed over plain data', [be64(L2, (1n << 62n) | 0x50000n)], 'consistency', 'clean'),
  row('65', 'Q2', 'zero flag in version 2', [be64(L2, 1n)], 'consistency', 'leaks'),
  row('66', 'Q2', 'garbage where version 2 has extensions', [be64(72, 2n ** 64n - 1n)], 'range', 'failed'),
  row('67', 'Q', 'refcount table entry with bit 0', [be64(RT, 0x20001n)], 'reserved', 'corruption'),
  row('68', 'Q', 'refcount block not at a cluster', [be64(RT, 0x20200n)], 'align', 'failed', { by: 'check' }),
  row('69', 'Q', 'refcount block at 2^40', [be64(RT, 1n << 40n)], 'eof', 'corruption'),
  row('70', 'Q', 'no refcount block', [be64(RT, 0n)], 'consistency', 'corruption'),
  row('71', 'Q', 'refcount block at the refcount table', [be64(RT, 0x10000n)], 'overlap', 'corruption'),
  row('72', 'Q', 'one refcount block twice', [be64(RT + 8, 0x20000n)], 'dup', 'corruption'),
  row('73', 'Q', 'refcount 0 for data', [raw(RB + 10, 0, 0)], 'consistency', 'corruption'),
  row('74', 'Q', 'refcount 2 for data', [raw(RB + 10, 0, 2)], 'consistency', 'corruption'),
  // Space that is not there cannot leak, and the counts are built anew by a conversion.
  row('75', 'Q', 'refcount behind the end of file', [raw(RB + 0x50, 0, 1)], 'consistency', 'clean', {
    by: 'check',
    convertible: true,
  }),
  row('76a', 'Q', 'cut in the header', [], 'eof', 'failed', { truncate: 100 }),
  row('76b', 'Q', 'cut in the data', [], 'eof', 'corruption', { truncate: 0x50064 }),
];

const QCOW2_EXTRAS: readonly BadInput[] = [
  row('77', 'QS', 'snapshot with 1025 bytes of extra data', [be32(SNAPSHOTS + 36, 1025)], 'range', 'failed'),
  row('78', 'QS', 'snapshot without extra data', [be32(SNAPSHOTS + 36, 0)], 'consistency', 'corruption'),
  row('79', 'QS', 'snapshot L1 not at a cluster', [be64(SNAPSHOTS, 0x60200n)], 'align', 'corruption'),
  row('80', 'QS', 'snapshot L1 too large', [be32(SNAPSHOTS + 8, 0xffff_ffff)], 'range', 'corruption'),
  row('81', 'QS', 'one snapshot more than there is', [be32(60, 2)], 'consistency', 'corruption'),
  row('82', 'QX', 'subcluster both data and zero', [be64(L2 + 8, 0x1_ffff_ffffn)], 'consistency', 'corruption'),
  row('83', 'QX', 'subclusters without a cluster', [be64(L2, 0n)], 'consistency', 'corruption'),
  row('84', 'QX', 'zero flag beside subclusters', [be64(L2, COPIED | 0x50001n)], 'reserved', 'clean'),
  row('85', 'QX', 'compressed with subclusters', [be64(L2, (1n << 62n) | 0x50000n)], 'consistency', 'corruption'),
  row('86', 'QD', 'data file offset is not the guest offset', [be64(L2, COPIED | 0x10000n)], 'consistency', 'clean'),
  row('87', 'QD', 'compressed with a data file', [be64(L2, 1n << 62n)], 'consistency', 'corruption'),
  row('88a', 'QB', 'bitmap without a table', [be64(DIRECTORY, 0n)], ['align', 'range'], 'failed'),
  row('88b', 'QB', 'bitmap table not at a cluster', [be64(DIRECTORY, 0x180200n)], 'align', 'failed'),
  row('89a', 'QB', 'bitmap table of 0 entries', [be32(DIRECTORY + 8, 0)], 'range', 'failed'),
  row('89b', 'QB', 'bitmap table too large', [be32(DIRECTORY + 8, 0x800_0001)], 'range', 'failed'),
  row('90', 'QB', 'bitmap flag 4', [be32(DIRECTORY + 12, 4)], ['reserved', 'unsupported'], 'failed'),
  row('91a', 'QB', 'bitmap type 0', [raw(DIRECTORY + 16, 0)], ['range', 'unsupported'], 'failed'),
  row('91b', 'QB', 'bitmap granularity 8', [raw(DIRECTORY + 17, 8)], 'range', 'failed'),
  row('91c', 'QB', 'bitmap granularity 32', [raw(DIRECTORY + 17, 32)], 'range', 'failed'),
  row('92a', 'QB', 'bitmap without a name', [raw(DIRECTORY + 18, 0, 0)], 'range', 'failed'),
  row('92b', 'QB', 'bitmap name of 1024 bytes', [raw(DIRECTORY + 18, 4, 0)], 'range', 'failed'),
  row('93a', 'QB', 'bitmap table entry 2', [be64(BITMAP_TABLE, 2n)], 'reserved', 'failed'),
  row('93b', 'QB', 'bitmap table entry all ones with offset', [be64(BITMAP_TABLE, 0x40001n)], 'reserved', 'failed'),
  row('93c', 'QB', 'bitmap data not at a cluster', [be64(BITMAP_TABLE, 0x40200n)], 'align', 'failed'),
  row('94', 'QB', 'bitmap data at 2^40', [be64(BITMAP_TABLE, 1n << 40n)], 'eof', 'corruption'),
];

const QED: readonly BadInput[] = [
  row('95', 'E', 'magic', [raw(2, 0x58)], 'magic', 'failed'),
  row('96a', 'E', 'cluster_size 2048', [le32(4, 2048)], 'range', 'failed'),
  row('96b', 'E', 'cluster_size 65537', [le32(4, 65537)], 'range', 'failed'),
  row('96c', 'E', 'cluster_size 128 MiB', [le32(4, 128 << 20)], 'range', 'failed'),
  row('96d', 'E', 'cluster_size 0', [le32(4, 0)], 'range', 'failed'),
  row('97a', 'E', 'table_size 0', [le32(8, 0)], 'range', 'failed'),
  row('97b', 'E', 'table_size 3', [le32(8, 3)], 'range', 'failed'),
  row('97c', 'E', 'table_size 32', [le32(8, 32)], 'range', 'failed'),
  // Legal, although QEMU cannot open it (it takes the table's end for an overflow).
  row('98', 'E', 'table_size 1', [le32(8, 1)], 'unsupported', 'failed', { by: 'check', convertible: true }),
  // The header's own cluster counts as leaked; nothing is in danger, and a conversion mends it.
  row('99', 'E', 'header_size 0', [le32(12, 0)], 'range', 'leaks', { convertible: true }),
  row('100a', 'E', 'header over the L1 table', [le32(12, 2)], ['overlap', 'range'], 'failed'),
  row('100b', 'E', 'header_size 65536', [le32(12, 65536)], 'range', 'failed'),
  row('101', 'E', 'unknown feature', [le64(16, 8n)], 'unsupported', 'failed'),
  row('102', 'E', 'needs a check', [le64(16, 2n)], 'dirty', 'clean', { by: 'note' }),
  row('103a', 'E', 'L1 at the header', [le64(40, 0n)], ['align', 'overlap'], 'failed'),
  row('103b', 'E', 'L1 not at a cluster', [le64(40, 0x10001n)], 'align', 'failed'),
  row('103c', 'E', 'L1 at 2^63', [le64(40, 1n << 63n)], 'eof', 'failed'),
  row('103d', 'E', 'L1 at 2^64-65536', [le64(40, 2n ** 64n - 65536n)], 'eof', 'failed'),
  row('103e', 'E', 'L1 leaves the file', [le64(40, 0x190000n)], 'eof', 'failed'),
  row('104a', 'E', 'size is no multiple of 512', [le64(48, (64n << 20n) + 1n)], 'size', 'failed'),
  row('104b', 'E', 'size above what the tables cover', [le64(48, 2n ** 46n + 512n)], 'size', 'failed'),
  row('105', 'E', 'backing name leaves the header', [le64(16, 1n), le32(56, 65530), le32(60, 10)], 'range', 'failed'),
  row('106', 'E', 'backing file without a name', [le64(16, 1n)], 'consistency', 'clean', {
    by: 'note',
    convertible: true,
  }),
  row('107a', 'E', 'L2 table not at a cluster', [le64(QED_L1, 0x150200n)], 'align', 'corruption'),
  row('107b', 'E', 'L2 table at 2^40', [le64(QED_L1, 1n << 40n)], 'eof', 'corruption'),
  row('107c', 'E', 'L2 table leaves the file', [le64(QED_L1, 0x190000n)], 'eof', 'corruption'),
  row('107d', 'E', 'L2 table at 1', [le64(QED_L1, 1n)], 'align', 'corruption'),
  row('108', 'E', 'L2 table at the L1 table', [le64(QED_L1, 0x10000n)], 'overlap', 'corruption'),
  row('109', 'E', 'one L2 table twice', [le64(QED_L1 + 8, 0x150000n)], 'dup', 'corruption'),
  row('110a', 'E', 'data not at a cluster', [le64(QED_L2, 0x60200n)], 'align', 'corruption'),
  row('110b', 'E', 'data at 2', [le64(QED_L2, 2n)], 'align', 'corruption'),
  row('110c', 'E', 'data at 0x8000', [le64(QED_L2, 0x8000n)], ['align', 'overlap'], 'corruption'),
  row('110d', 'E', 'data at 2^40', [le64(QED_L2, 1n << 40n)], 'eof', 'corruption'),
  row('111', 'E', 'data at the L1 table', [le64(QED_L2, 0x10000n)], 'overlap', 'corruption'),
  row('112', 'E', 'cut by 512 bytes', [], 'eof', 'corruption', { truncate: 0x1a0000 - 512 }),
];

export const BAD_INPUT: readonly BadInput[] = [
  ...QCOW2_HEADER,
  ...QCOW2_EXTENSIONS,
  ...QCOW2_TABLES,
  ...QCOW2_EXTRAS,
  ...QED,
];

/** Lengths at which every good image is cut: inside the magic, the header, the first sector. */
export const TRUNCATIONS = [0, 1, 3, 4, 63, 64, 100, 511, 512] as const;

/** Where offsets of 64 bits stand; each is set to a value that a double can hold only by luck. */
export const OFFSET_FIELDS: Readonly<Partial<Record<Base, readonly number[]>>> = {
  Q: [8, 40, 48, 64, L1, L2, RT],
  QS: [SNAPSHOTS],
  QB: [0x1f8 + 24, DIRECTORY, BITMAP_TABLE],
  E: [40, QED_L1, QED_L2],
};

/** 2^53 + 512, where doubles begin to have gaps. */
export function beyondDoubles(base: Base, at: number): Patch {
  const value = 2n ** 53n + 512n;
  return base === 'E' ? le64(at, value) : be64(at, value);
}

/** 1 KiB that claims an exabyte and a full L1 table. */
export function exabyte(format: 'qcow2' | 'qed'): Uint8Array {
  const file = new Uint8Array(1024);
  const patches =
    format === 'qcow2'
      ? [
          be32(0, 0x514649fb, 3),
          be32(20, 21),
          be64(24, 1n << 60n),
          be32(36, 4_194_304),
          be64(40, 1n << 21n),
          be64(48, 1n << 25n),
          be32(56, 4),
          be32(96, 4, 104),
        ]
      : [be32(0, 0x51454400), le32(4, 1 << 20), le32(8, 16), le32(12, 1), le64(40, 1n << 20n), le64(48, 1n << 60n)];
  for (const patch of patches) file.set(patch.bytes, patch.at);
  return file;
}
