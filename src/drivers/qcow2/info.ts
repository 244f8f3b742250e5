/** What `info` and `print header` show of a qcow2 image. */
import { hex } from '../../bytes/size.ts';
import { inspect, type Row } from '../../bytes/struct.ts';
import { readBytes } from '../../device/device.ts';
import type { ImageInfo } from '../driver.ts';
import type { HeaderExtension } from './extensions.ts';
import { refcountBits, vmStateOffset } from './geometry.ts';
import type { Qcow2Image } from './image.ts';
import {
  BitmapsExtension,
  CryptoExtension,
  EXTENSION,
  Extension,
  HeaderCompression,
  HeaderV2,
  HeaderV3,
} from './layout.ts';

/** The keys of `specific` are those of qemu-img's `format-specific.data`. */
export function imageInfo(image: Qcow2Image): ImageInfo {
  const { header, geometry: g, backing, dataFile } = image;
  return {
    format: image.format,
    virtualSize: g.size,
    clusterSize: g.clusterSize,
    vmStateOffset: vmStateOffset(g),
    dirty: header.incompatible_features.dirty,
    encrypted: g.crypt !== 'none',
    backing,
    dataFile,
    snapshots: image.snapshots,
    specific: specific(image),
  };
}

function specific({ header, geometry: g, bitmaps, dataFile }: Qcow2Image): Record<string, unknown> {
  const common = {
    compat: g.version === 2 ? '0.10' : '1.1',
    'compression-type': g.compression,
    'refcount-bits': refcountBits(g),
    ...(g.crypt !== 'none' && { encrypt: { format: g.crypt } }),
  };
  if (g.version === 2) return common;
  return {
    ...common,
    'lazy-refcounts': header.compatible_features.lazy_refcounts,
    corrupt: header.incompatible_features.corrupt,
    'extended-l2': g.l2EntrySize === 16,
    ...(dataFile && { ...(dataFile.file !== '' && { 'data-file': dataFile.file }), 'data-file-raw': dataFile.raw }),
    ...(bitmaps.length > 0 && {
      bitmaps: bitmaps.map(({ name, inUse, auto, granularity }) => ({
        flags: [...(inUse ? ['in-use'] : []), ...(auto ? ['auto'] : [])],
        name,
        granularity,
      })),
    }),
  };
}

/** The header's fields, its extensions and the backing file's name, where they stand. */
export function headerRows({ device, header, backing }: Qcow2Image): Row[] {
  const end = Math.min(Math.max(header.extensionsEnd, HeaderCompression.size), device.size);
  const bytes = readBytes(device, 0, end);
  const rows = inspect(HeaderV2, bytes);
  if (header.version >= 3) {
    rows.push(...inspect(HeaderV3, bytes));
    if (header.header_length >= HeaderCompression.size) rows.push(...inspect(HeaderCompression, bytes));
  }
  header.extensions.forEach((extension, index) => {
    rows.push(...extensionRows(extension, `extension[${index}]`, bytes));
  });
  if (backing) {
    rows.push({
      offset: header.backing_file_offset,
      size: header.backing_file_size,
      name: 'backing_file_name',
      kind: 'bytes',
      text: backing.file,
    });
  }
  return rows;
}

const NAMES = new Map<number, string>(Object.entries(EXTENSION).map(([name, type]) => [type, name]));
const TEXTS: ReadonlySet<number> = new Set([EXTENSION.backing_format, EXTENSION.data_file]);

function extensionRows(extension: HeaderExtension, name: string, bytes: Uint8Array): Row[] {
  const { type, offset, data } = extension;
  const rows = inspect(Extension, bytes, offset).map((row) => ({ ...row, name: `${name}.${row.name}` }));
  const at = offset + Extension.size;
  const part = { [EXTENSION.bitmaps]: BitmapsExtension, [EXTENSION.crypto_header]: CryptoExtension }[type];
  if (part) {
    const padded = new Uint8Array(part.size);
    padded.set(data.subarray(0, part.size));
    const inside = inspect(part, padded).map((row) => ({
      ...row,
      offset: at + row.offset,
      name: `${name}.${row.name}`,
    }));
    return [...rows, ...inside];
  }
  const text = TEXTS.has(type) ? Buffer.from(data).toString('utf8') : Buffer.from(data).toString('hex');
  const doc = NAMES.get(type)?.replaceAll('_', ' ') ?? `unknown extension ${hex(type)}, kept as it is`;
  return [...rows, { offset: at, size: data.length, name: `${name}.data`, kind: 'bytes', text, doc }];
}
