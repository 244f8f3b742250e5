/**
 * A LUKS header opened with a passphrase: which slot it unlocks, the master key, and the cipher of the data.
 *
 *  1. Nothing is allocated or computed that a header asks for beyond stated bounds: a key is at most 64 bytes, the
 *     material of a slot 256,000 bytes, and iterations are at most MOST_ITERATIONS for each key derived. QEMU has no
 *     bound there, and a header can keep it busy for an hour.
 *  2. A master key counts only where the header's digest of it says so.
 */
import { pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { hex } from '../../../bytes/size.ts';
import { decode, type Infer, validate } from '../../../bytes/struct.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { ImageError } from '../../../errors.ts';
import { DIGEST_BYTES, mergeStripes } from './anti-forensic.ts';
import { LUKS_MAGIC, LuksHeader, LuksKeySlot, SECTOR, SLOT_ACTIVE, SLOTS, STRIPES } from './luks-layout.ts';
import { type IvGenerator, type Mode, SectorModes } from './modes.ts';

/** About 20 seconds; what is in use is far below: as many as a fast machine makes in two seconds. */
export const MOST_ITERATIONS = 2 ** 25;

export interface LuksSlot extends Infer<typeof LuksKeySlot> {
  readonly index: number;
  readonly isActive: boolean;
}

export interface Luks {
  /** Byte offset of the header in the file, and the bytes that its extension gives it. */
  readonly offset: number;
  readonly length: number;
  readonly cipher: string;
  /** As in the header: `xts-plain64`. */
  readonly mode: string;
  readonly hash: string;
  readonly uuid: string;
  readonly header: Infer<typeof LuksHeader>;
  readonly slots: readonly LuksSlot[];
}

/** Bytes of the header with its slots. */
const HEADER_BYTES = LuksHeader.size + SLOTS * LuksKeySlot.size;

/** Reads the header at `offset` (bytes), of which `length` bytes belong to it. Throws ImageError where it is none. */
export function readLuks(device: Device, offset: number, length: number): Luks {
  if (length < HEADER_BYTES) {
    throw luksError(offset, 'size', `the header has ${length} bytes, ${HEADER_BYTES} expected`);
  }
  const bytes = readBytes(device, offset, HEADER_BYTES);
  const header = decode(LuksHeader, bytes);
  if (!LUKS_MAGIC.every((byte, i) => header.magic[i] === byte)) {
    throw luksError(offset, 'magic', 'the header does not begin with "LUKS" ba be');
  }
  const slots = Array.from({ length: SLOTS }, (_, index) => {
    const slot = decode(LuksKeySlot, bytes, LuksHeader.size + index * LuksKeySlot.size);
    return { ...slot, index, isActive: slot.active === SLOT_ACTIVE };
  });
  const issue = [
    ...validate(LuksHeader, bytes),
    ...slots.flatMap(({ index }) => validate(LuksKeySlot, bytes, LuksHeader.size + index * LuksKeySlot.size)),
  ][0];
  if (issue) throw new ImageError({ ...issue, where: { ...issue.where, offset: issue.where.offset + offset } });
  checkSlots(offset, header, slots);
  return {
    offset,
    length,
    cipher: textOf(offset, header.cipher_name, 'cipher_name'),
    mode: textOf(offset, header.cipher_mode, 'cipher_mode'),
    hash: textOf(offset, header.hash_spec, 'hash_spec'),
    uuid: textOf(offset, header.uuid, 'uuid'),
    header,
    slots,
  };
}

function textOf(offset: number, bytes: Uint8Array, field: string): string {
  const end = bytes.indexOf(0);
  if (end < 0) throw luksError(offset, 'range', `${field} has no zero byte at its end`);
  return Buffer.from(bytes.subarray(0, end)).toString('latin1');
}

/** Sectors of a slot's key material. */
function materialSectors(header: Luks['header']): number {
  return Math.ceil((header.key_bytes * STRIPES) / SECTOR);
}

function checkSlots(offset: number, header: Luks['header'], slots: readonly LuksSlot[]): void {
  const fail = (index: number, is: string): never => {
    throw luksError(offset + LuksHeader.size + index * LuksKeySlot.size, 'consistency', `key slot ${index} ${is}`);
  };
  const sectors = materialSectors(header);
  for (const slot of slots) {
    const { index, key_material_offset: start } = slot;
    if (slot.isActive && slot.iterations === 0) fail(index, 'is active and has 0 iterations');
    if (start < HEADER_BYTES / SECTOR) fail(index, `has its key material in sector ${start}, inside the header`);
    if (start + sectors > header.payload_offset) {
      fail(
        index,
        `has key material up to sector ${start + sectors}, behind the payload's start (${header.payload_offset})`,
      );
    }
    for (const other of slots.slice(0, index)) {
      const between = start - other.key_material_offset;
      if (Math.abs(between) < sectors) fail(index, `has key material that overlaps that of slot ${other.index}`);
    }
  }
}

/** How the header says that data are encrypted. Throws ImageError for what Platter does not know. */
export function luksCipher(luks: Luks): { readonly mode: Mode; readonly iv: IvGenerator } {
  const { offset, cipher, header } = luks;
  const [name, generator, hash] = luks.mode.split(/[-:]/);
  const unknown = (is: string): ImageError => luksError(offset, 'unsupported', is);
  if (cipher !== 'aes') throw unknown(`the cipher is '${cipher}', and Platter knows only aes`);
  if (name !== 'ecb' && name !== 'cbc' && name !== 'ctr' && name !== 'xts') {
    throw unknown(`the cipher mode is '${luks.mode}', and Platter knows ecb, cbc, ctr and xts`);
  }
  const keyBytes = name === 'xts' ? header.key_bytes / 2 : header.key_bytes;
  if (keyBytes !== 16 && keyBytes !== 24 && keyBytes !== 32) {
    throw unknown(`key_bytes is ${header.key_bytes}, which no aes-${name} has`);
  }
  if (DIGEST_BYTES[luks.hash] === undefined) throw unknown(`the hash is '${luks.hash}', which Platter does not know`);
  if (generator === 'plain' || generator === 'plain64') return { mode: name, iv: { kind: generator } };
  const digest = hash === undefined ? undefined : DIGEST_BYTES[hash];
  if (generator === 'essiv' && (digest === 16 || digest === 32)) return { mode: name, iv: { kind: 'essiv', hash } };
  throw unknown(`the IV generator of '${luks.mode}' is not plain, plain64 or essiv with an aes key's hash`);
}

/** The master key, or undefined where the passphrase unlocks no slot. Each try takes as long as the header asks for. */
export function unlockLuks(device: Device, luks: Luks, passphrase: Uint8Array): Uint8Array | undefined {
  const how = luksCipher(luks);
  for (const slot of luks.slots) {
    if (!slot.isActive) continue;
    const key = slotKey(device, luks, slot, how, passphrase);
    if (isMasterKey(luks, key)) return key;
  }
  return undefined;
}

function slotKey(
  device: Device,
  luks: Luks,
  slot: LuksSlot,
  { mode, iv }: ReturnType<typeof luksCipher>,
  passphrase: Uint8Array,
): Uint8Array {
  const { key_bytes: keyBytes } = luks.header;
  const bytes = keyBytes * STRIPES;
  const start = slot.key_material_offset * SECTOR;
  const sectors = Math.ceil(bytes / SECTOR) * SECTOR;
  if (start + sectors > luks.length) {
    throw luksError(luks.offset, 'eof', `key slot ${slot.index}: its key material ends behind the header's clusters`);
  }
  const stripes = readBytes(device, luks.offset + start, sectors);
  const key = derive(luks, passphrase, slot.salt, slot.iterations, keyBytes);
  new SectorModes(mode, key, iv).decrypt(0, stripes);
  return mergeStripes(stripes.subarray(0, bytes), keyBytes, luks.hash);
}

function isMasterKey(luks: Luks, key: Uint8Array): boolean {
  const { mk_digest, mk_digest_salt, mk_digest_iterations } = luks.header;
  const digest = derive(luks, key, mk_digest_salt, mk_digest_iterations, mk_digest.length);
  return timingSafeEqual(digest, mk_digest);
}

function derive(luks: Luks, secret: Uint8Array, salt: Uint8Array, iterations: number, bytes: number): Uint8Array {
  if (iterations > MOST_ITERATIONS) {
    throw luksError(
      luks.offset,
      'range',
      `${iterations} iterations to derive a key, and Platter does at most ${MOST_ITERATIONS}`,
    );
  }
  return pbkdf2Sync(secret, salt, iterations, bytes, luks.hash);
}

function luksError(
  offset: number,
  fault: 'size' | 'magic' | 'range' | 'consistency' | 'unsupported' | 'eof',
  what: string,
) {
  return new ImageError({
    code: `luks-${fault}`,
    class: fault,
    what: `LUKS header at ${hex(offset)}: ${what}`,
    where: { offset, length: LuksHeader.size, path: 'luks.header', spec: LuksHeader.spec },
  });
}
