/** What has a name in a QED file that does not open: the header. Its tables stand nowhere without the cluster size. */
import { group } from '../../bytes/fields/tree.ts';
import { type Device, readBytes } from '../../device/device.ts';
import type { ImageError } from '../../errors.ts';
import { RefusedImage } from '../refused.ts';
import { headerGroup } from './fields.ts';
import { readHeader } from './header.ts';
import { Header, LIMITS } from './layout.ts';

/** `refused`: what `QedImage.open` threw. Throws on I/O errors only. */
export function openRefused(device: Device, refused: ImageError): RefusedImage {
  const header = readHeader(device);
  const { backing_filename_offset: offset, backing_filename_size: length } = header;
  const isName = length <= LIMITS.backingName && offset + length <= device.size;
  const named = isName ? header : { ...header, backing_filename_size: 0 };
  return new RefusedImage({
    format: 'qed',
    device,
    refused,
    tree: { root: group({ header: headerGroup(named) }), read: (at, bytes) => readBytes(device, at, bytes) },
    inHeader: ['header'],
    headerBytes: Header.size,
  });
}
