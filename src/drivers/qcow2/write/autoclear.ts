/**
 * What whoever writes to an image takes out of its header: autoclear features that it does not know, and the bitmaps
 * extension where the bitmaps are stale, for nobody keeps them.
 */
import { type Device, readBytes } from '../../../device/device.ts';
import { extensionOf } from '../extensions.ts';
import type { Header } from '../header.ts';
import { AUTOCLEAR, EXTENSION, Extension, HeaderV3 } from '../layout.ts';

const KNOWN = (1 << AUTOCLEAR.bitmaps) | (1 << AUTOCLEAR.data_file_raw);

/** Both, on the device. */
export function clearHeader(device: Device, header: Header): void {
  const { autoclear_features: autoclear } = header;
  if (autoclear.unknown.length > 0) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(4, autoclear.lo & KNOWN);
    device.write(HeaderV3.at.autoclear_features, bytes, 'header');
  }
  const stale = autoclear.bitmaps ? undefined : extensionOf(header.extensions, EXTENSION.bitmaps);
  if (!stale) return;
  // What stands behind it moves up, the end mark too; the list reads as before at every byte's place.
  const next = stale.offset + Extension.size + Math.ceil(stale.length / 8) * 8;
  const rest = readBytes(device, next, Math.max(0, header.extensionsEnd - next));
  const bytes = new Uint8Array(header.extensionsEnd - stale.offset);
  bytes.set(rest);
  device.write(stale.offset, bytes, 'header extensions');
}
