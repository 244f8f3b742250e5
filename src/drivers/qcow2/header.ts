/**
 * qcow2's header: as read, whatever it says, and what must hold before anything follows it.
 *
 *  1. `readHeader` never throws for what the bytes say: a header that does not open can still be printed.
 *  2. `geometry` is the only way from a Header to a Geometry, and throws for every rule that QEMU enforces at open.
 *     What QEMU opens opens here; `check` lists what is wrong with it.
 */
import { hex } from '../../bytes/size.ts';
import { decode, type Issue, validate } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { type Complaint, type FaultClass, ImageError, type Where } from '../../errors.ts';
import { extensionOf, type HeaderExtension, readExtensions } from './extensions.ts';
import { type Geometry, largestDisk, refcountsPerBlock, SUBCLUSTERS } from './geometry.ts';
import {
  CryptoExtension,
  EXTENSION,
  FeatureName,
  HeaderCompression,
  HeaderV2,
  HeaderV3,
  LIMITS,
  MAGIC,
  SnapshotEntry,
} from './layout.ts';

/** The header as read. A version 2 header has the values its missing fields imply. */
export interface Header extends HeaderV2, HeaderV3 {
  /** 0 when the header is too short to have the field. */
  readonly compression_type: number;
  readonly extensions: readonly HeaderExtension[];
  /** Byte offset behind the extensions and their end marker. */
  readonly extensionsEnd: number;
  /** Why the extensions could not be read to their end. */
  readonly extensionFault?: Complaint;
  /** The backing file's name; absent when backing_file_offset is 0. */
  readonly backingName?: string;
  /** The header's first 112 bytes, zero padded. */
  readonly bytes: Uint8Array;
}

/** Bytes of a version 2 header, and of a version 3 header without and with the additional fields. */
const V2_LENGTH = HeaderV2.size;
const V3_LENGTH = HeaderV3.size;
const FULL_LENGTH = HeaderCompression.size;

/** Reads the header, its extensions and the backing file's name: at most 2 MiB. Throws only on I/O errors. */
export function readHeader(device: Device): Header {
  const bytes = readBytes(device, 0, FULL_LENGTH);
  const v2 = decode(HeaderV2, bytes);
  const v3 = v2.version >= 3 ? decode(HeaderV3, bytes) : impliedV3();
  const hasCompression = v2.version >= 3 && v3.header_length > HeaderCompression.at.compression_type;
  const clusterSize = v2.cluster_bits <= 21 ? 2 ** v2.cluster_bits : 0;
  const end = v2.backing_file_offset > 0 ? Math.min(v2.backing_file_offset, clusterSize) : clusterSize;
  const list = readExtensions(device, v3.header_length, end);
  return {
    ...v2,
    ...v3,
    compression_type: hasCompression ? decode(HeaderCompression, bytes).compression_type : 0,
    extensions: list.extensions,
    extensionsEnd: list.end,
    extensionFault: list.fault,
    backingName: backingName(device, v2, clusterSize),
    bytes,
  };
}

function impliedV3(): HeaderV3 {
  return { ...decode(HeaderV3, new Uint8Array(0)), refcount_order: 4, header_length: V2_LENGTH };
}

function backingName(device: Device, v2: HeaderV2, clusterSize: number): string | undefined {
  const { backing_file_offset: offset, backing_file_size: size } = v2;
  if (offset === 0 || offset > clusterSize) return undefined;
  return Buffer.from(readBytes(device, offset, Math.min(size, LIMITS.backingName))).toString('utf8');
}

/**
 * Checks a header against the specification and the length of its file (bytes), and answers the geometry.
 * Throws ImageError for the first rule broken, in the order in which QEMU looks at them.
 */
export function geometry(header: Header, fileSize: number): Geometry {
  checkFields(header, fileSize);
  checkFeatures(header);
  checkExtensions(header);
  checkBackingName(header);
  const clusterSize = 2 ** header.cluster_bits;
  const l2EntrySize = header.incompatible_features.extended_l2 ? 16 : 8;
  const l2Entries = clusterSize / l2EntrySize;
  checkTables(header, clusterSize);
  checkSize(header, clusterSize, l2EntrySize);
  return {
    version: header.version as 2 | 3,
    clusterBits: header.cluster_bits,
    clusterSize,
    size: Math.floor(header.size / 512) * 512,
    l2EntrySize,
    l2Entries,
    l1Entries: header.l1_size,
    l1Offset: header.l1_table_offset,
    refcountTableOffset: header.refcount_table_offset,
    refcountTableClusters: header.refcount_table_clusters,
    refcountOrder: header.refcount_order,
    refcountsPerBlock: refcountsPerBlock(clusterSize, header.refcount_order),
    dataFile: header.incompatible_features.data_file,
    crypt: header.crypt_method === 0 ? 'none' : header.crypt_method === 1 ? 'aes' : 'luks',
    compression: header.compression_type === 0 ? 'zlib' : 'zstd',
  };
}

/** Where a field of the header stands, of whichever of its parts. */
export function whereField(field: string): Where {
  for (const part of [HeaderV2, HeaderV3, HeaderCompression]) {
    const at = (part.at as Readonly<Record<string, number>>)[field];
    const size = (part.fields as Readonly<Record<string, { size: number }>>)[field]?.size;
    if (at !== undefined && size !== undefined) {
      return { offset: at, length: size, path: `header.${field}`, spec: part.spec };
    }
  }
  throw new Error(`qcow2 header has no field ${field}`);
}

function fieldError(code: string, fault: FaultClass, field: string, what: string, tryThis?: string): ImageError {
  return new ImageError({ code, class: fault, what: `qcow2 header: ${what}`, where: whereField(field), tryThis });
}

/** What to set a field to so that the image opens, where there is a value that is not a guess about the data. */
const FIELD_REMEDIES: Readonly<Record<string, string>> = {
  magic: 'set header.magic 0x514649fb if this is a damaged qcow2 image; -f raw if it is none',
  refcount_order: 'set header.refcount_order 4',
  header_length: 'set header.header_length 112',
};

function remedyOf(field: string, header: Header): string | undefined {
  if (field !== 'cluster_bits') return FIELD_REMEDIES[field];
  const bits = likelyClusterBits(header);
  return bits === undefined ? undefined : `set header.cluster_bits ${bits}`;
}

/**
 * The cluster size that the rest of the header fits: tables on its multiples, and as many L1 entries as the disk needs.
 * Where several do, the one at which the refcount table stands, as QEMU puts it; else the usual one, else none.
 */
function likelyClusterBits(header: Header): number | undefined {
  const { size, l1_size, incompatible_features, refcount_table_offset } = header;
  const entryBytes = incompatible_features.extended_l2 ? 16 : 8;
  const tables = ['refcount_table_offset', 'l1_table_offset', 'snapshots_offset'] as const;
  const fitting: number[] = [];
  for (let bits = 9; bits <= 21; bits++) {
    const clusterSize = 2 ** bits;
    const isAligned = tables.every((field) => low32(header.bytes, HeaderV2.at[field]) % clusterSize === 0);
    if (isAligned && l1_size === Math.ceil(size / (clusterSize * (clusterSize / entryBytes)))) fitting.push(bits);
  }
  return (
    fitting.find((bits) => 2 ** bits === refcount_table_offset) ?? fitting.find((bits) => bits === 16) ?? fitting[0]
  );
}

/** The declared rules of each field, as far as QEMU enforces them. */
function checkFields(header: Header, fileSize: number): void {
  const issues = validate(HeaderV2, header.bytes);
  if (header.magic === MAGIC && header.version === 3) {
    if (fileSize < V3_LENGTH) throw truncated(fileSize);
    issues.push(...validate(HeaderV3, header.bytes));
    if (header.header_length > HeaderCompression.at.compression_type) {
      issues.push(...validate(HeaderCompression, header.bytes));
    }
  }
  const issue = issues.find((candidate) => !tolerated(header, candidate));
  if (issue) throw new ImageError({ ...issue, tryThis: remedyOf(issue.where.path?.split('.')[1] ?? '', header) });
  const clusterSize = 2 ** header.cluster_bits;
  if (header.header_length > clusterSize) {
    throw fieldError(
      'header-length-range',
      'range',
      'header_length',
      `header_length is ${header.header_length}, at most one cluster (${clusterSize}) allowed`,
      FIELD_REMEDIES['header_length'],
    );
  }
}

/** Rules of the specification that QEMU does not look at when it opens an image; `check` does. */
function tolerated(header: Header, issue: Issue): boolean {
  if (issue.where.path === 'header.backing_file_size') return header.backing_file_offset === 0;
  return issue.where.path === 'header.header_length' && issue.class === 'align';
}

function truncated(fileSize: number): ImageError {
  return new ImageError({
    code: 'header-eof',
    class: 'eof',
    what: `qcow2 header: the file ends after ${fileSize} bytes, a version 3 header needs ${V3_LENGTH}`,
    where: { offset: 0, length: V3_LENGTH, path: 'header', spec: HeaderV3.spec },
  });
}

function checkFeatures(header: Header): void {
  const features = header.incompatible_features;
  const unknown = features.unknown[0];
  if (unknown !== undefined) {
    const names = features.unknown.map((bit) => featureName(header, bit) ?? `bit ${bit}`);
    throw fieldError(
      'incompatible-features-unsupported',
      'unsupported',
      'incompatible_features',
      `incompatible_features has ${names.join(', ')}, which this version does not know (bits 0 to 4 are known)`,
    );
  }
  if (features.extended_l2 && 2 ** header.cluster_bits / SUBCLUSTERS < 512) {
    throw fieldError(
      'cluster-bits-range',
      'range',
      'cluster_bits',
      `cluster_bits is ${header.cluster_bits}, at least 14 required with extended L2 entries`,
    );
  }
  if (features.compression_type !== (header.compression_type !== 0)) {
    throw fieldError(
      'compression-type-consistency',
      'consistency',
      header.header_length > HeaderCompression.at.compression_type ? 'compression_type' : 'incompatible_features',
      `compression_type is ${header.compression_type} and incompatible_features bit 3 is ${Number(features.compression_type)}: the bit is expected exactly where the type is not 0`,
      `set header.incompatible_features.compression_type ${Number(header.compression_type !== 0)}`,
    );
  }
  if (header.autoclear_features.data_file_raw && !features.data_file) {
    throw fieldError(
      'data-file-raw-consistency',
      'consistency',
      'autoclear_features',
      'autoclear_features says the data file is raw, but incompatible_features bit 2 says there is no data file',
      'set header.autoclear_features.data_file_raw 0',
    );
  }
}

/** The name a newer program gave to an incompatible feature bit, from the feature name table. */
function featureName(header: Header, bit: number): string | undefined {
  const table = extensionOf(header.extensions, EXTENSION.feature_name_table)?.data;
  for (let at = 0; table && at + FeatureName.size <= table.length; at += FeatureName.size) {
    const entry = decode(FeatureName, table, at);
    if (entry.type !== 0 || entry.bit !== bit) continue;
    return `'${Buffer.from(entry.name).toString('utf8').replace(/\0.*$/s, '')}' (bit ${bit})`;
  }
  return undefined;
}

function checkExtensions(header: Header): void {
  if (header.extensionFault) throw new ImageError(header.extensionFault);
  const crypto = extensionOf(header.extensions, EXTENSION.crypto_header);
  if ((header.crypt_method === 2) !== (crypto !== undefined)) {
    throw fieldError(
      'crypto-header-consistency',
      'consistency',
      'crypt_method',
      crypto
        ? `crypt_method is ${header.crypt_method}, but there is a LUKS header extension, expected only with 2`
        : 'crypt_method is 2 (LUKS), but there is no header extension that says where the LUKS header is',
    );
  }
  for (const extension of header.extensions) {
    const { type, length } = extension;
    if (type === EXTENSION.backing_format && length > LIMITS.backingFormat) {
      throw extensionError(extension, 'backing format', `at most ${LIMITS.backingFormat} allowed`);
    }
    if (type === EXTENSION.bitmaps && length !== 24) throw extensionError(extension, 'bitmaps', '24 expected');
    if (type === EXTENSION.crypto_header) checkCrypto(extension, 2 ** header.cluster_bits);
  }
}

function checkCrypto(extension: HeaderExtension, clusterSize: number): void {
  if (extension.length !== CryptoExtension.size) throw extensionError(extension, 'LUKS header', '16 expected');
  const { offset } = decode(CryptoExtension, extension.data);
  if (low32(extension.data, CryptoExtension.at.offset) % clusterSize === 0) return;
  throw new ImageError({
    code: 'crypto-header-align',
    class: 'align',
    what: `qcow2 header extension LUKS header: offset is ${hex(offset)}, a multiple of the cluster size (${clusterSize}) required`,
    where: { offset: extension.offset + 8, length: 8, path: 'crypto_extension.offset', spec: CryptoExtension.spec },
  });
}

function extensionError(extension: HeaderExtension, name: string, expected: string): ImageError {
  return new ImageError({
    code: 'extension-range',
    class: 'range',
    what: `qcow2 header extension ${name}: length is ${extension.length}, ${expected}`,
    where: { offset: extension.offset + 4, length: 4, path: 'extension.length', spec: 'qcow2: Header extensions' },
  });
}

function checkBackingName(header: Header): void {
  const { backing_file_offset: offset, backing_file_size: size } = header;
  const clusterSize = 2 ** header.cluster_bits;
  if (offset > clusterSize) {
    throw fieldError(
      'backing-file-offset-range',
      'range',
      'backing_file_offset',
      `backing_file_offset is ${hex(offset)}, at most one cluster (${hex(clusterSize)}) allowed`,
    );
  }
  if (offset > 0 && size > clusterSize - offset) {
    throw fieldError(
      'backing-file-size-range',
      'range',
      'backing_file_size',
      `backing_file_size is ${size}, at most ${clusterSize - offset} fit between ${hex(offset)} and the end of the header cluster`,
    );
  }
}

/** Alignment and plain arithmetic of the three tables; whether they lie inside the file is for `check` to say. */
function checkTables(header: Header, clusterSize: number): void {
  const largest = LIMITS.refcountTable / clusterSize;
  if (header.refcount_table_clusters > largest) {
    throw fieldError(
      'refcount-table-clusters-range',
      'range',
      'refcount_table_clusters',
      `refcount_table_clusters is ${header.refcount_table_clusters}, at most ${largest} (8 MiB) allowed`,
    );
  }
  checkTable(header, clusterSize, 'refcount_table_offset', header.refcount_table_clusters * clusterSize);
  checkTable(header, clusterSize, 'snapshots_offset', header.nb_snapshots * SnapshotEntry.size);
  checkTable(header, clusterSize, 'l1_table_offset', header.l1_size * 8);
}

function checkTable(
  header: Header,
  clusterSize: number,
  field: 'refcount_table_offset' | 'snapshots_offset' | 'l1_table_offset',
  bytes: number,
): void {
  const offset = header[field];
  const code = field.replaceAll('_', '-');
  // QEMU can read up to there; an empty table is not read, and only has to stay a number.
  const isRead = bytes > 0;
  if (isRead ? offset >= LIMITS.length || offset + bytes > LIMITS.length : offset >= 2 ** 63) {
    throw fieldError(
      `${code}-range`,
      'range',
      field,
      `${field} is ${hex(offset)}, the table must end at or below ${isRead ? hex(LIMITS.length) : '2^63-1'}`,
    );
  }
  // The low half alone decides: a double has lost the last bits of an unaligned offset above 2^53.
  if (low32(header.bytes, HeaderV2.at[field]) % clusterSize !== 0) {
    throw fieldError(
      `${code}-align`,
      'align',
      field,
      `${field} is ${hex(offset)}, a multiple of the cluster size (${hex(clusterSize)}) required`,
    );
  }
}

function checkSize(header: Header, clusterSize: number, l2EntrySize: 8 | 16): void {
  const largest = Math.min(largestDisk(clusterSize, l2EntrySize), LIMITS.length);
  if (header.size > largest) {
    throw fieldError(
      'size-too-large',
      'size',
      'size',
      `size is ${hex(header.size)} bytes, at most ${hex(largest)} allowed with clusters of ${clusterSize} bytes`,
    );
  }
  const needed = Math.ceil(header.size / (clusterSize * (clusterSize / l2EntrySize)));
  if (header.l1_size < needed) {
    throw fieldError(
      'l1-size-consistency',
      'consistency',
      'l1_size',
      `l1_size is ${header.l1_size}, at least ${needed} entries required for a disk of ${header.size} bytes`,
      `set header.l1_size ${needed}`,
    );
  }
}

/** The low half of a big-endian 64-bit field at `at` of `bytes`; what `bytes` lacks is zero. */
export function low32(bytes: Uint8Array, at: number): number {
  const byte = (i: number): number => bytes[at + i] ?? 0;
  return ((byte(4) << 24) | (byte(5) << 16) | (byte(6) << 8) | byte(7)) >>> 0;
}
