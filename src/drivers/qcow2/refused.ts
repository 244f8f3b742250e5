/**
 * What has a name in a qcow2 file that does not open: the header and its extensions always; the L1 table where the
 * header says it is; every table where the header is sound and only the snapshots or bitmaps are refused.
 */
import { entryCodec } from '../../bytes/fields/entry-codec.ts';
import { type Group, group, type Leaf, type List, nextSet } from '../../bytes/fields/tree.ts';
import type { FieldTree } from '../../bytes/named.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { ImageError } from '../../errors.ts';
import { RefusedImage } from '../refused.ts';
import { Qcow2Fields } from './fields.ts';
import { extensionList, headerGroup } from './fields-header.ts';
import { geometry, type Header, readHeader } from './header.ts';
import { HeaderCompression, L1Entry, LIMITS } from './layout.ts';

/** `refused`: what `Qcow2Image.open` threw. Throws on I/O errors only. */
export function openRefused(device: Device, refused: ImageError): RefusedImage {
  const header = namedHeader(readHeader(device), device.size);
  return new RefusedImage({
    format: 'qcow2',
    device,
    refused,
    tree: wholeTree(device, header) ?? headerTree(device, header),
    inHeader: ['header', 'extension'],
    headerBytes: header.extensions.length > 0 ? header.extensionsEnd : HeaderCompression.size,
  });
}

/** A version nobody knows is shown with the fields of version 3, a name that cannot be one is none. */
function namedHeader(header: Header, fileSize: number): Header {
  const { version, backing_file_size, backing_file_offset } = header;
  const isName = backing_file_size <= LIMITS.backingName && backing_file_offset < fileSize;
  return { ...header, version: Math.max(version, 2), ...(!isName && { backing_file_size: 0 }) };
}

/** Undefined where the header itself is what is refused. */
function wholeTree(device: Device, header: Header): FieldTree | undefined {
  try {
    const snapshotTable = { snapshots: [], tableBytes: 0, missing: 0 };
    const bitmapTable = { stale: false, bitmaps: [], directoryOffset: 0, directoryBytes: 0 };
    const checked = geometry(header, device.size);
    return new Qcow2Fields({ device, header, geometry: checked, snapshotTable, bitmapTable });
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

function headerTree(device: Device, header: Header): FieldTree {
  const read = (offset: number, length: number): Uint8Array => readBytes(device, offset, length);
  const { extensions } = header;
  const root: Group = group({
    header: headerGroup(header),
    extension: extensions.length > 0 ? extensionList(header) : undefined,
    l1: l1List(device, header),
  });
  return { root, read };
}

/** What the entries cover cannot be said without the cluster size. */
function l1List(device: Device, { l1_table_offset: start, l1_size }: Header): List<Leaf> | undefined {
  const count = Math.min(l1_size, Math.floor((device.size - start) / 8));
  if (start === 0 || count <= 0) return undefined;
  const codec = entryCodec({ endian: 'big', words: [L1Entry], empty: 'unallocated' });
  const { spec, fields } = L1Entry;
  return {
    kind: 'list',
    count,
    at: (slot) => ({ kind: 'leaf', offset: start + slot * 8, codec, spec, doc: fields.offset.doc }),
    next: (from) => nextSet((at, length) => readBytes(device, at, length), device.size, start, 8, from, count),
  };
}
