/** What `info` shows of an encrypted image, with qemu-img's keys. */
import type { Device } from '../../../device/device.ts';
import { ImageError } from '../../../errors.ts';
import type { Header } from '../header.ts';
import type { Luks } from './luks.ts';
import { SECTOR } from './luks-layout.ts';
import { luksOf } from './unlock.ts';

/** A broken LUKS header is for `check`, and for who wants to read: here it says only that it is one. */
export function encryptionFacts(device: Device, header: Header): Record<string, unknown> {
  if (header.crypt_method === 1) return { format: 'aes' };
  try {
    return luksFacts(luksOf(device, header));
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return { format: 'luks' };
  }
}

function luksFacts({ cipher, mode, hash, uuid, header, slots }: Luks): Record<string, unknown> {
  const [name, generator, generatorHash] = mode.split(/[-:]/);
  const bits = header.key_bytes * (name === 'xts' ? 4 : 8);
  return {
    'ivgen-alg': generator ?? '',
    'hash-alg': hash,
    'cipher-alg': `${cipher}-${bits}`,
    uuid,
    ...(generatorHash !== undefined && { 'ivgen-hash-alg': generatorHash }),
    format: 'luks',
    'cipher-mode': name ?? '',
    slots: slots.map(({ isActive, iterations, key_material_offset, stripes }) => ({
      active: isActive,
      ...(isActive && { iters: iterations }),
      'key-offset': key_material_offset * SECTOR,
      ...(isActive && { stripes }),
    })),
    'payload-offset': header.payload_offset * SECTOR,
    'master-key-iters': header.mk_digest_iterations,
  };
}
