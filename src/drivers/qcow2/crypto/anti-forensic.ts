/**
 * LUKS's anti-forensic splitter, backwards: a key was blown up to 4000 stripes so that losing any of them loses it.
 */
import { createHash } from 'node:crypto';

/** The key that `stripes` (a multiple of `keyBytes`) hold. `hash`: a name of node's. */
export function mergeStripes(stripes: Uint8Array, keyBytes: number, hash: string): Uint8Array {
  let key = new Uint8Array(keyBytes);
  for (let at = 0; at < stripes.length; at += keyBytes) {
    for (let i = 0; i < keyBytes; i++) key[i] = (key[i] as number) ^ (stripes[at + i] as number);
    if (at + keyBytes < stripes.length) key = diffuse(key, hash);
  }
  return key;
}

/** Every piece as long as a digest becomes the digest of its number and itself; the last one is cut. */
function diffuse(block: Uint8Array, hash: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(block.length);
  const number = new Uint8Array(4);
  for (let at = 0, index = 0; at < block.length; index++) {
    new DataView(number.buffer).setUint32(0, index);
    const digestBytes = DIGEST_BYTES[hash] as number;
    const digest = createHash(hash)
      .update(number)
      .update(block.subarray(at, at + digestBytes))
      .digest();
    out.set(digest.subarray(0, Math.min(digestBytes, block.length - at)), at);
    at += digestBytes;
  }
  return out;
}

/** The hashes that QEMU knows, by node's names. Bytes. */
export const DIGEST_BYTES: Readonly<Record<string, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  ripemd160: 20,
};
