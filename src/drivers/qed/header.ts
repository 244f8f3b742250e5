/**
 * Reading QED's header, and turning it into a geometry: every rule that QEMU applies at open is applied here, each
 * with its own sentence. Where the specification allows more than QEMU can open (table_size 1, tables that address
 * 2^64 bytes), the image is opened, and `check` notes it.
 */
import { bitsOf, hex, isPowerOfTwo, sizeText } from '../../bytes/size.ts';
import { decode } from '../../bytes/struct.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { type FaultClass, ImageError, type Where } from '../../errors.ts';
import { type Geometry, largestDisk, tableEntries, tableFault, wholeClusters } from './geometry.ts';
import { Header, LIMITS, MAGIC } from './layout.ts';

/** Decodes the 64 bytes at the start of the file; bytes past its end read as zero. Applies no rule. */
export function readHeader(device: Device): Header {
  return decode(Header, readBytes(device, 0, Header.size));
}

type FieldName = keyof typeof Header.fields;

/** A field of the header as a place to point at. */
export function headerField(field: FieldName): Where {
  return { offset: Header.at[field], length: Header.fields[field].size, path: `header.${field}`, spec: Header.spec };
}

/** An entry of the L1 table as a place to point at. */
export function l1Where(g: Geometry, index: number): Where {
  return { offset: g.l1Offset + index * 8, length: 8, path: `l1[${index}]`, spec: 'QED: Tables' };
}

function refuse(field: FieldName, faultClass: FaultClass, is: string, tryThis?: string): ImageError {
  const code = `qed-${field.replaceAll('_', '-')}`;
  return new ImageError({
    code,
    class: faultClass,
    what: `qed header: ${field} ${is}`,
    where: headerField(field),
    tryThis,
  });
}

/**
 * The geometry of a header whose every rule holds. `fileSize` in bytes. Throws ImageError `qed-<field>` for whatever
 * makes QEMU refuse the image.
 */
export function geometry(header: Header, fileSize: number): Geometry {
  checkShape(header);
  const clusterSize = header.cluster_size;
  const g: Geometry = {
    clusterSize,
    clusterBits: bitsOf(clusterSize),
    tableClusters: header.table_size,
    tableBytes: header.table_size * clusterSize,
    tableEntries: tableEntries(clusterSize, header.table_size),
    headerClusters: header.header_size,
    headerBytes: header.header_size * clusterSize,
    l1Offset: header.l1_table_offset,
    size: header.image_size,
    fileEnd: wholeClusters(clusterSize, fileSize),
  };
  checkHeaderArea(header, g);
  checkL1(g, fileSize);
  return g;
}

/** Fields that stand on their own. */
function checkShape(header: Header): void {
  const { magic, features, cluster_size, table_size, image_size } = header;
  if (magic !== MAGIC) throw refuse('magic', 'magic', `is ${hex(magic)}, expected ${hex(MAGIC)} ("QED\\0")`);
  if (features.unknown.length > 0) {
    const list = features.unknown.join(', ');
    throw refuse('features', 'unsupported', `has unknown bits (${list}), only bits 0 to 2 are known`);
  }
  if (!isPowerOfTwo(cluster_size) || cluster_size < LIMITS.minCluster || cluster_size > LIMITS.maxCluster) {
    throw refuse('cluster_size', 'range', `is ${cluster_size}, a power of two from 4096 to 67108864 required`);
  }
  if (!isPowerOfTwo(table_size) || table_size > 16) {
    throw refuse('table_size', 'range', `is ${table_size}, one of 1, 2, 4, 8 or 16 clusters required`);
  }
  if (image_size % 512 !== 0) {
    throw refuse('image_size', 'size', `is ${image_size} bytes, a multiple of 512 required`);
  }
  const most = Math.min(largestDisk(cluster_size, table_size), LIMITS.disk);
  if (image_size > most) {
    const shape = `clusters of ${sizeText(cluster_size)} and tables of ${table_size} clusters`;
    throw refuse('image_size', 'size', `is ${image_size} bytes, at most ${most} allowed with ${shape}`);
  }
}

function checkHeaderArea(header: Header, g: Geometry): void {
  if (g.headerBytes > LIMITS.headerArea) {
    throw refuse(
      'header_size',
      'range',
      `is ${g.headerClusters} clusters of ${sizeText(g.clusterSize)}, less than 4 GiB in all required`,
    );
  }
  if (!header.features.backing_file) return;
  const offset = header.backing_filename_offset;
  const length = header.backing_filename_size;
  if (offset + length > g.headerBytes) {
    throw refuse(
      'backing_filename_offset',
      'range',
      `is ${hex(offset)} and the name is ${length} bytes long, it must end inside the header area of ${hex(g.headerBytes)} bytes`,
    );
  }
  if (length > LIMITS.backingName) {
    throw refuse('backing_filename_size', 'range', `is ${length} bytes, at most ${LIMITS.backingName} allowed`);
  }
}

function checkL1(g: Geometry, fileSize: number): void {
  const fault = tableFault(g, g.l1Offset);
  if (!fault) return;
  const rule = {
    align: `a multiple of the cluster size ${hex(g.clusterSize)} required`,
    overlap: `inside the header area of ${hex(g.headerBytes)} bytes (header_size is ${g.headerClusters})`,
    eof: `the table of ${sizeText(g.tableBytes)} must end inside the whole clusters of the file, which is ${fileSize} bytes long`,
  }[fault];
  throw refuse('l1_table_offset', fault, `is ${hex(g.l1Offset)}, ${rule}`);
}

/** The backing file's name as stored, or undefined. `geometry` has bounded its place and length. */
export function backingName(device: Device, header: Header): string | undefined {
  if (!header.features.backing_file || header.backing_filename_size === 0) return undefined;
  return Buffer.from(readBytes(device, header.backing_filename_offset, header.backing_filename_size)).toString('utf8');
}
