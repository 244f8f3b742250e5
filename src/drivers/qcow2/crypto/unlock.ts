/**
 * The cipher of an encrypted qcow2 image: LUKS (its header lies in clusters of the file, IVs count host sectors), or the
 * old AES (the passphrase is the key, IVs count guest sectors).
 *
 *  1. Compressed clusters are not encrypted: QEMU writes and reads them in the clear.
 *  2. What a passphrase gave is kept while the program runs: an image is opened anew after each step, and a key takes
 *     seconds. It is kept by digest, and only for the same header and the same key material.
 */
import { createHash } from 'node:crypto';
import { decode } from '../../../bytes/struct.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { ImageError } from '../../../errors.ts';
import type { SectorCipher } from '../../sector-cipher.ts';
import { extensionOf } from '../extensions.ts';
import type { Header } from '../header.ts';
import { CryptoExtension, EXTENSION } from '../layout.ts';
import { type Luks, luksCipher, readLuks, unlockLuks } from './luks.ts';
import { SECTOR, STRIPES } from './luks-layout.ts';
import { SectorModes } from './modes.ts';

/** Bytes of the old cipher's key: the passphrase's first, zero padded. */
const AES_KEY = 16;

/** The LUKS header of an image with crypt_method 2. Throws ImageError where it is broken. */
export function luksOf(device: Device, header: Header): Luks {
  const { data } = extensionOf(header.extensions, EXTENSION.crypto_header) ?? { data: new Uint8Array(16) };
  const { offset, length } = decode(CryptoExtension, data);
  return readLuks(device, offset, length);
}

/** The cipher that `passphrase` opens. Throws ImageError `wrong-passphrase`, and what a broken LUKS header is. */
export function unlock(device: Device, header: Header, passphrase: Uint8Array): SectorCipher {
  if (header.crypt_method === 1) {
    const key = new Uint8Array(AES_KEY);
    key.set(passphrase.subarray(0, AES_KEY));
    return cipherOf(new SectorModes('cbc', key, { kind: 'plain64' }), false);
  }
  const luks = luksOf(device, header);
  const { mode, iv } = luksCipher(luks);
  return cipherOf(new SectorModes(mode, masterKey(device, luks, passphrase), iv), true);
}

function cipherOf(modes: SectorModes, byHost: boolean): SectorCipher {
  const sector = (guest: number, host: number): number => (byHost ? host : guest) / SECTOR;
  return {
    sectorSize: SECTOR,
    decrypt: (guest, host, bytes) => modes.decrypt(sector(guest, host), bytes),
    encrypt: (guest, host, bytes) => modes.encrypt(sector(guest, host), bytes),
  };
}

/** Master keys by digest of what they came from. */
const known = new Map<string, Uint8Array>();
const KNOWN_MOST = 64;

function masterKey(device: Device, luks: Luks, passphrase: Uint8Array): Uint8Array {
  const origin = originOf(device, luks, passphrase);
  const before = known.get(origin);
  if (before) return before;
  const key = unlockLuks(device, luks, passphrase);
  if (!key) {
    throw new ImageError({
      code: 'wrong-passphrase',
      class: 'unsupported',
      what: 'the passphrase unlocks no key slot of the image',
      where: { offset: luks.offset, length: 592, path: 'luks.header', spec: 'LUKS 1: Key slots' },
      tryThis: 'the passphrase with which the image was made, in the object that --key-secret names',
    });
  }
  if (known.size >= KNOWN_MOST) known.clear();
  known.set(origin, key);
  return key;
}

function originOf(device: Device, luks: Luks, passphrase: Uint8Array): string {
  const hash = createHash('sha256').update(readBytes(device, luks.offset, 592));
  for (const slot of luks.slots) {
    if (!slot.isActive) continue;
    const start = slot.key_material_offset * SECTOR;
    const length = Math.max(0, Math.min(luks.header.key_bytes * STRIPES, luks.length - start, 256_000));
    hash.update(readBytes(device, luks.offset + start, length));
  }
  return hash.update(passphrase).digest('hex');
}
