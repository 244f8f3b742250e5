/** What `info` shows of a qcow2 image. */
import type { ImageInfo } from '../driver.ts';
import { encryptionFacts } from './crypto/describe.ts';
import { refcountBits, vmStateOffset } from './geometry.ts';
import type { Qcow2Image } from './image.ts';

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

function specific({ device, header, geometry: g, bitmaps, dataFile }: Qcow2Image): Record<string, unknown> {
  const common = {
    compat: g.version === 2 ? '0.10' : '1.1',
    'compression-type': g.compression,
    'refcount-bits': refcountBits(g),
    ...(g.crypt !== 'none' && { encrypt: encryptionFacts(device, header) }),
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
