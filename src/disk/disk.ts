/**
 * A disk as its guest sees it, whatever the format: bytes that are read and written at any offset. Below it lie an
 * image, what changes the image where it was opened for writing, and the backing chain.
 *
 * Requests are generators: they yield only where the device suspends them, and end with the answer. As QEMU's block
 * layer does, the disk splits what a format can only take in whole units, reads what is missing of them, and writes
 * zeros plainly where a format has no better way. So `alloc` and `map` say of the same requests what QEMU's say.
 *
 *  1. A range outside the disk is refused before anything is done.
 *  2. A read sees every request that has ended; a request that throws has done a part of its work, in order.
 */
import { roundDown, roundUp } from '../bytes/size.ts';
import type { Device } from '../device/device.ts';
import type { Request } from '../device/events.ts';
import type { Driver, Image } from '../drivers/driver.ts';
import { pastEnd, readBelow, readRequest } from '../drivers/guest-io.ts';
import type { ImageWriter, Preallocation, WriteContext } from '../drivers/writing.ts';
import { type AllocationRun, allocationAt, readsAsZeros } from './allocation.ts';
import { notSupported, readOnly, unaligned } from './complaints.ts';
import { zeroPieces } from './pieces.ts';

/** Zeros that are written plainly come in pieces of at most these bytes, cut at multiples of it. */
const PLAIN_PIECE = 2 * 2 ** 20;
const COMPRESSED_AT_ONCE = 8;
/** Guest sectors: the unit of the VM state. */
const SECTOR = 512;

export interface ZeroOptions {
  /** The format may give back what the range holds: it need not stay allocated. */
  readonly mayUnmap?: boolean;
  /** Refuse (`not-supported`) what could only be done by writing zeros. */
  readonly noFallback?: boolean;
}

/** Opens a disk for writing. `chain`: the backing image, its own, and so on. Throws what the driver refuses. */
export function* openForWriting(
  driver: Driver,
  device: Device,
  context: Omit<WriteContext, 'below'>,
  chain: readonly Image[] = [],
): Request<Disk> {
  if (!driver.writing) throw notSupported(driver.name, 'guest bytes of this format cannot be changed');
  const writer = yield* driver.writing.open(device, withBelow(context, chain));
  return new Disk(writer, chain);
}

/** The same for reading only: nothing is written, whatever the image says of itself. */
export function* openForReading(
  driver: Driver,
  device: Device,
  context: Omit<WriteContext, 'below'>,
  chain: readonly Image[] = [],
): Request<Disk> {
  if (!driver.writing?.readsOnly) return new Disk(driver.open(device, context), chain);
  const reader = yield* driver.writing.open(device, { ...withBelow(context, chain), readOnly: true });
  return new Disk(reader, chain, 'read-only');
}

function withBelow(context: Omit<WriteContext, 'below'>, chain: readonly Image[]): WriteContext {
  const [backing] = chain;
  if (!backing) return context;
  const below = {
    size: backing.size,
    read: (guest: number, target: Uint8Array) => readBelow(chain, guest, target),
    isZero: (guest: number, length: number) => readsAsZeros(chain, guest, guest + length),
  };
  return { ...context, below };
}

export class Disk {
  readonly #writer: ImageWriter | undefined;
  readonly #image: Image;
  /** What lies below the top image, nearest first. */
  readonly chain: readonly Image[];

  readonly isWritable: boolean;

  /** `top`: an image that is only read, or a writer. */
  constructor(
    top: Image | ImageWriter,
    chain: readonly Image[] = [],
    access: 'read-only' | 'read-write' = 'read-write',
  ) {
    this.#writer = 'image' in top ? top : undefined;
    this.#image = 'image' in top ? top.image : top;
    this.chain = chain;
    this.isWritable = this.#writer !== undefined && access === 'read-write';
  }

  /** The top image, as the requests that ended left it. Do not keep it. */
  get image(): Image {
    return this.#writer?.image ?? this.#image;
  }

  /** Guest bytes. */
  get size(): number {
    return this.image.size;
  }

  /** Fills `target` with the guest bytes from `offset` on. Throws `past-end`, and what readGuest throws. */
  *read(offset: number, target: Uint8Array): Request {
    this.checkRange(offset, target.length);
    if (this.#writer?.read) yield* this.#writer.read(offset, target);
    else yield* readRequest(this.image, offset, target, this.chain);
  }

  /** Throws `past-end`, `read-only`, and what the format's writer throws. */
  *write(offset: number, bytes: Uint8Array): Request {
    const writer = this.#writable();
    this.checkRange(offset, bytes.length);
    if (bytes.length === 0) return;
    const from = roundDown(offset, writer.requestAlignment);
    const to = roundUp(offset + bytes.length, writer.requestAlignment);
    if (to - from === bytes.length) yield* writer.write(offset, bytes);
    else yield* this.#writeInUnits(writer, offset, bytes, from, to);
  }

  /** Zeros, kept by the format in its own way where it has one. Throws as `write`, and `not-supported`. */
  *writeZeroes(offset: number, length: number, options: ZeroOptions = {}): Request {
    const writer = this.#writable();
    this.checkRange(offset, length);
    if (options.noFallback && !writer.strictZeroes && length > 0) throw noWay(this.image.format);
    const unit = writer.requestAlignment;
    const end = offset + length;
    const from = Math.min(roundUp(offset, unit), end);
    const to = Math.max(roundDown(end, unit), from);
    if (from > offset) yield* this.#plainZeros(offset, from - offset);
    for (const piece of zeroPieces(from, to, writer.zeroAlignment)) {
      if (yield* writer.writeZeroes(piece.offset, piece.length, { mayUnmap: options.mayUnmap ?? false })) continue;
      if (options.noFallback) throw noWay(this.image.format);
      yield* this.#plainZeros(piece.offset, piece.length);
    }
    if (end > to) yield* this.#plainZeros(to, end - to);
  }

  /**
   * Whole clusters, but for the one at the disk's end. A cluster that does not shrink is written plainly. Throws
   * `unaligned` and `not-supported`.
   */
  *writeCompressed(offset: number, bytes: Uint8Array): Request {
    const writer = this.#writable();
    this.checkRange(offset, bytes.length);
    if (!writer.writeCompressed) throw notSupported(this.image.format, 'it holds no compressed clusters');
    const { clusterSize, size } = this.image;
    const end = offset + bytes.length;
    if (offset % clusterSize !== 0 || (end % clusterSize !== 0 && end !== size)) {
      throw unaligned('compressed clusters', offset, bytes.length, clusterSize);
    }
    let failure: unknown;
    let begun = 0;
    for (let at = 0; at < bytes.length; at += clusterSize) {
      try {
        yield* writer.writeCompressed(offset + at, bytes.subarray(at, at + clusterSize));
      } catch (error) {
        failure ??= error;
      }
      // QEMU has eight clusters under way at once: those are done, whatever becomes of one of them.
      if (failure !== undefined && ++begun === COMPRESSED_AT_ONCE) break;
    }
    if (failure !== undefined) throw failure;
  }

  /** Gives back the whole clusters of the range, where the format does that. */
  *discard(offset: number, length: number): Request {
    const writer = this.#writable();
    this.checkRange(offset, length);
    const unit = Math.max(this.image.clusterSize, 1);
    const from = roundUp(offset, unit);
    const end = offset + length;
    const to = end === this.size ? end : roundDown(end, unit);
    writer.touch?.(offset, length);
    if (to > from) yield* writer.discard(from, to - from);
  }

  /** Gives the disk another size, bytes. */
  *truncate(size: number, preallocation: Preallocation = 'off'): Request {
    yield* this.#writable().truncate(size, preallocation);
  }

  /** Bytes of the VM state. Throws `not-supported`, or `unaligned`: it is read in sectors. */
  *readVmState(offset: number, target: Uint8Array): Request {
    const read = this.#writer?.readVmState?.bind(this.#writer);
    if (!read) throw notSupported(this.image.format, 'there is no VM state to read');
    checkSectors('VM state', offset, target.length);
    yield* read(offset, target);
  }

  *writeVmState(offset: number, bytes: Uint8Array): Request {
    const writer = this.#writable();
    if (!writer.writeVmState) throw notSupported(this.image.format, 'it has no place for a VM state');
    checkSectors('VM state', offset, bytes.length);
    yield* writer.writeVmState(offset, bytes);
  }

  /** Everything written is on the device, durable. */
  *flush(inside = false): Request {
    if (this.#writer && this.isWritable) yield* this.#writer.flush(inside);
  }

  /** As `flush`; marks that the image is in use are taken off. No request may follow. */
  *close(): Request {
    if (this.#writer && this.isWritable) yield* this.#writer.close();
  }

  /**
   * Whether the top image itself says what the guest reads at `offset` (data, zeros, a compressed cluster), and for how
   * many bytes that stays so, up to `to`. Throws ImageError `invalid-entry`.
   */
  allocationAt(offset: number, to = this.size): AllocationRun {
    this.checkRange(offset, to - offset);
    return allocationAt(this.image, offset, to);
  }

  #writable(): ImageWriter {
    if (this.#writer && this.isWritable) return this.#writer;
    throw readOnly(this.image.device.name);
  }

  /** Throws ImageError `past-end` unless the range lies inside the disk. */
  checkRange(offset: number, length: number): void {
    if (offset < 0 || length < 0 || offset + length > this.size) throw pastEnd(offset, length, this.size);
  }

  /** Guest bytes `from` .. `to` - 1 are whole units around `bytes`: what is missing of the outer two is read. */
  *#writeInUnits(writer: ImageWriter, offset: number, bytes: Uint8Array, from: number, to: number): Request {
    const unit = writer.requestAlignment;
    const whole = new Uint8Array(to - from);
    if (offset > from) yield* this.read(from, whole.subarray(0, unit));
    const tail = to - unit - from;
    if (offset + bytes.length < to && (tail > 0 || offset === from)) yield* this.read(to - unit, whole.subarray(tail));
    whole.set(bytes, offset - from);
    yield* writer.write(from, whole);
  }

  *#plainZeros(offset: number, length: number): Request {
    const zeros = new Uint8Array(Math.min(length, PLAIN_PIECE));
    for (let at = offset; at < offset + length; ) {
      const to = Math.min(roundDown(at, PLAIN_PIECE) + PLAIN_PIECE, offset + length);
      yield* this.write(at, zeros.subarray(0, to - at));
      at = to;
    }
  }
}

function checkSectors(what: string, offset: number, length: number): void {
  if (offset % SECTOR !== 0 || length % SECTOR !== 0) throw unaligned(what, offset, length, SECTOR);
}

function noWay(format: string): Error {
  return notSupported(format, 'these zeros can only be had by writing them', 'without -n');
}
