/**
 * Guest bytes of any image, from its translations: data from the device that holds it, zeros, compressed clusters
 * through the driver, and what is not allocated from the backing image. Drivers translate; only this reads. A read is
 * a request: it says on the image's own device which instant it has come to.
 */
import {
  COMPRESSED,
  DATA,
  ENCRYPTED,
  type ExtentColumns,
  INVALID,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
} from '../bytes/extents.ts';
import { hex, roundDown } from '../bytes/size.ts';
import { fire, type Request, runRequest } from '../device/events.ts';
import { ImageError } from '../errors.ts';
import type { Image } from './driver.ts';
import { readDecrypted } from './sector-cipher.ts';

/**
 * Fills `target` with the guest bytes from `offset` (bytes) on. `chain` is the backing image, then its own, and so on:
 * what nobody allocated, and what lies behind the end of a shorter backing image, reads as zeros. Throws ImageError
 * `past-end`, `encrypted`, `invalid-entry`, `no-data-file`, and whatever decoding a compressed cluster throws.
 */
export function readGuest(image: Image, offset: number, target: Uint8Array, ...chain: readonly Image[]): void {
  runRequest(readRequest(image, offset, target, chain));
}

/** The same as a request, which a device that listens can suspend. */
export function* readRequest(image: Image, offset: number, target: Uint8Array, chain: readonly Image[] = []): Request {
  if (offset + target.length > image.size) {
    throw pastEnd(offset, target.length, image.size);
  }
  if (target.length === 0) return;
  for (const columns of image.mappings(offset, offset + target.length)) {
    for (let i = 0; i < columns.count; i++) yield* readRow(image, columns, i, offset, target, chain);
  }
}

/** The part of row `i` that lies in the range asked for. The first row may begin before it, the last end behind it. */
function* readRow(
  image: Image,
  columns: ExtentColumns,
  i: number,
  offset: number,
  target: Uint8Array,
  chain: readonly Image[],
): Request {
  const { unit } = columns;
  const start = (columns.guest[i] as number) * unit;
  const from = Math.max(start, offset);
  const to = Math.min(start + (columns.length[i] as number) * unit, offset + target.length);
  if (from >= to) return;
  const part = target.subarray(from - offset, to - offset);
  switch (columns.kind[i]) {
    case DATA:
      yield* fire(image.device, 'read_aio');
      dataDeviceOf(image, from).read((columns.host[i] as number) * unit + (from - start), part);
      return;
    case UNALLOCATED:
    case UNALLOCATED_ALLOCATED:
      if (chain.length > 0) yield* fire(image.device, 'read_backing_aio');
      yield* readBelow(chain, from, part);
      return;
    case COMPRESSED:
      yield* readCompressed(image, from, part);
      return;
    case ENCRYPTED:
      yield* fire(image.device, 'read_aio');
      readEncrypted(image, from, (columns.host[i] as number) * unit + (from - start), part);
      return;
    case INVALID:
      throw invalidEntry(image, from, 'read');
    default:
      part.fill(0);
  }
}

/** What a guest reads through an image that has nothing of its own at `offset` (bytes): `chain` lies below it. */
export function* readBelow(chain: readonly Image[], offset: number, target: Uint8Array): Request {
  const [backing, ...below] = chain;
  const covered = backing ? Math.max(Math.min(backing.size - offset, target.length), 0) : 0;
  if (backing && covered > 0) yield* readRequest(backing, offset, target.subarray(0, covered), below);
  target.fill(0, covered);
}

/**
 * Fills `target` with the guest bytes from `guest` on, which stand encrypted from `host` on. Throws ImageError
 * `encrypted` where the image is not unlocked.
 */
export function readEncrypted(image: Image, guest: number, host: number, target: Uint8Array): void {
  const { cipher } = image;
  if (!cipher) {
    throw new ImageError({
      code: 'encrypted',
      class: 'unsupported',
      what: `the guest data at ${hex(guest)} is encrypted, and no passphrase was given`,
      tryThis: '--object secret,id=s0,file=FILE --key-secret s0',
    });
  }
  readDecrypted(dataDeviceOf(image, guest), cipher, guest, host, target);
}

/** Cluster by cluster: a compressed run has no host range of its own. */
function* readCompressed(image: Image, offset: number, target: Uint8Array): Request {
  for (let at = offset; at < offset + target.length; ) {
    const cluster = roundDown(at, image.clusterSize);
    const to = Math.min(cluster + image.clusterSize, offset + target.length);
    yield* fire(image.device, 'read_compressed');
    const bytes = image.readCompressed?.(image.getMapping(cluster));
    if (!bytes) throw new Error(`${image.format}: compressed clusters that the driver cannot decode`);
    target.set(bytes.subarray(at - cluster, to - cluster), at - offset);
    at = to;
  }
}

/** `past-end`: the range (bytes) must lie inside the disk, however long the file is. */
export function pastEnd(offset: number, length: number, size: number): ImageError {
  return new ImageError({
    code: 'past-end',
    class: 'range',
    what: `guest range ${hex(offset)}..${hex(offset + length)} ends behind the end of the disk, ${hex(size)}`,
  });
}

/** `invalid-entry`: what leads from the guest byte to the file breaks a rule. */
export function invalidEntry(
  image: Image,
  guest: number,
  cannot: 'read' | 'told' | 'changed',
  tryThis = 'check',
): ImageError {
  const { fault, host } = image.getMapping(guest);
  return new ImageError({
    code: 'invalid-entry',
    class: 'consistency',
    what: `guest offset ${hex(guest)} cannot be ${cannot}: ${fault ?? `its entry points to ${hex(host ?? 0)}`}`,
    tryThis,
  });
}

function dataDeviceOf(image: Image, guest: number): NonNullable<Image['dataDevice']> {
  if (image.dataDevice) return image.dataDevice;
  throw new ImageError({
    code: 'no-data-file',
    class: 'unsupported',
    what: `the guest data at ${hex(guest)} lies in an external data file, which is not open`,
    tryThis: '--allow-external',
  });
}
