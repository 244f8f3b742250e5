/** Encryption of guest data by sectors, as a driver offers it and whoever reads or writes guest bytes uses it. */

import { roundUp } from '../bytes/size.ts';
import type { Device } from '../device/device.ts';

/**
 * In place. `guest` and `host` (bytes) are multiples of `sectorSize`, and so are lengths: which of the two an IV counts
 * is the format's business.
 */
export interface SectorCipher {
  /** Bytes. */
  readonly sectorSize: number;
  decrypt(guest: number, host: number, bytes: Uint8Array): void;
  encrypt(guest: number, host: number, bytes: Uint8Array): void;
}

/** Fills `target` with what stands encrypted at `host` (bytes): any range, whole sectors are read. */
export function readDecrypted(
  device: Device,
  cipher: SectorCipher,
  guest: number,
  host: number,
  target: Uint8Array,
): void {
  const before = guest % cipher.sectorSize;
  const length = roundUp(before + target.length, cipher.sectorSize);
  const whole = length === target.length ? target : new Uint8Array(length);
  device.read(host - before, whole);
  cipher.decrypt(guest - before, host - before, whole);
  if (whole !== target) target.set(whole.subarray(before, before + target.length));
}

/** A copy of `bytes`, encrypted; `bytes` themselves where there is no cipher. */
export function encrypted(
  cipher: SectorCipher | undefined,
  guest: number,
  host: number,
  bytes: Uint8Array,
): Uint8Array {
  if (!cipher || bytes.length === 0) return bytes;
  const copy = Uint8Array.from(bytes);
  cipher.encrypt(guest, host, copy);
  return copy;
}
