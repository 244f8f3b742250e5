/**
 * Encrypted images without waiting: QEMU takes seconds to make one, for it measures how fast the key derivation runs.
 * One image of its making is given other ciphers here: a new master key in slot 0, few iterations, the same place.
 */
import { createHash, pbkdf2Sync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { patch } from '../../src/bytes/struct.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { luksCipher, readLuks } from '../../src/drivers/qcow2/crypto/luks.ts';
import {
  LuksHeader,
  LuksKeySlot,
  SLOT_ACTIVE,
  SLOT_DISABLED,
  STRIPES,
} from '../../src/drivers/qcow2/crypto/luks-layout.ts';
import { SectorModes } from '../../src/drivers/qcow2/crypto/modes.ts';
import { luksOf } from '../../src/drivers/qcow2/crypto/unlock.ts';
import { readHeader } from '../../src/drivers/qcow2/header.ts';
import type { Random } from './random.ts';

export interface LuksLook {
  readonly mode: string;
  readonly keyBytes: number;
  readonly hash: string;
}

const ITERATIONS = 1000;

const text = (value: string, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes.set(Buffer.from(value));
  return bytes;
};

const noise = (random: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => random.int(0, 255));

/** Gives the LUKS image at `path` another cipher, and `passphrase` in slot `slot`. What it held becomes garbage. */
export function relabelLuks(path: string, look: LuksLook, passphrase: string, random: Random, slot = 0): void {
  const file = new Uint8Array(readFileSync(path));
  const device = new MemoryDevice(file);
  const luks = luksOf(device, readHeader(device));
  const key = noise(random, look.keyBytes);
  const salt = noise(random, 32);
  const header = file.subarray(luks.offset);
  patch(LuksHeader, header, {
    cipher_name: text('aes', 32),
    cipher_mode: text(look.mode, 32),
    hash_spec: text(look.hash, 32),
    key_bytes: look.keyBytes,
    mk_digest: pbkdf2Sync(key, salt, ITERATIONS, 20, look.hash),
    mk_digest_salt: salt,
    mk_digest_iterations: ITERATIONS,
  });
  for (const { index } of luks.slots) {
    const at = LuksHeader.size + index * LuksKeySlot.size;
    const isActive = index === slot;
    patch(LuksKeySlot, header.subarray(at), {
      active: isActive ? SLOT_ACTIVE : SLOT_DISABLED,
      iterations: ITERATIONS,
      salt,
    });
    if (!isActive) continue;
    const slotKey = pbkdf2Sync(passphrase, salt, ITERATIONS, look.keyBytes, look.hash);
    const stripes = split(key, look.hash, random);
    const { mode, iv } = luksCipher(readLuks(new MemoryDevice(file), luks.offset, luks.length));
    new SectorModes(mode, slotKey, iv).encrypt(0, stripes);
    header.set(stripes, (luks.slots[index]?.key_material_offset ?? 0) * 512);
  }
  writeFileSync(path, file);
}

/** Stripes that hold `key`: all but the last are noise. Padded to whole sectors. */
function split(key: Uint8Array, hash: string, random: Random): Uint8Array {
  const bytes = key.length * STRIPES;
  const stripes = new Uint8Array(Math.ceil(bytes / 512) * 512);
  const digestBytes = createHash(hash).digest().length;
  let state = new Uint8Array(key.length);
  const xor = (a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(a, (byte, i) => byte ^ (b[i] as number));
  for (let stripe = 0; stripe < STRIPES - 1; stripe++) {
    const piece =
      stripe < 4 ? noise(random, key.length) : stripes.slice((stripe - 4) * key.length, (stripe - 3) * key.length);
    stripes.set(piece, stripe * key.length);
    state = xor(state, piece);
    const parts: Uint8Array[] = [];
    for (let at = 0, index = 0; at < key.length; at += digestBytes, index++) {
      const part = state.subarray(at, at + digestBytes);
      const number = Buffer.alloc(4);
      number.writeUInt32BE(index);
      parts.push(createHash(hash).update(number).update(part).digest().subarray(0, part.length));
    }
    state = new Uint8Array(Buffer.concat(parts));
  }
  stripes.set(xor(state, key), (STRIPES - 1) * key.length);
  return stripes;
}
