/**
 * Changing a raw image: guest bytes are file bytes. Nothing grows the disk but `truncate`; the file may lack a part of
 * its last sector, and gets it when that is written.
 *
 * Requests pass through to the file, so what QEMU's file node does is seen here: where it can only take multiples of
 * `align` bytes (option `align`), what is missing of the first and last block is read first.
 */
import { roundDown, roundUp } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { fire, type Request } from '../../device/events.ts';
import { ImageError } from '../../errors.ts';
import type { ImageWriter, Preallocation, WriteContext, WritingDriver } from '../writing.ts';
import { RawImage } from './image.ts';

/** Zeros are written in pieces of these bytes. */
const PIECE = 2 ** 20;
const LABEL = 'guest data';

class RawWriter implements ImageWriter {
  readonly image: RawImage;
  readonly requestAlignment = 1;
  readonly zeroAlignment = 1;
  readonly strictZeroes = true;
  readonly #device: Device;
  /** Bytes. */
  readonly #align: number;

  constructor(device: Device, align: number) {
    this.image = new RawImage(device);
    this.#device = device;
    this.#align = align;
  }

  *write(guest: number, bytes: Uint8Array): Request {
    yield* fire(this.#device, 'write_aio');
    yield* this.#passThrough(guest, bytes);
  }

  /**
   * As a file on a file system that can zero a range and punch holes: it never answers false, and a hole does not make
   * the file longer.
   */
  *writeZeroes(guest: number, length: number, { mayUnmap }: { readonly mayUnmap: boolean }): Request<boolean> {
    yield* fire(this.#device, 'pwritev_zero');
    this.#zero(guest, mayUnmap ? Math.min(length, this.#device.size - guest) : length);
    yield* fire(this.#device, 'pwritev_done');
    return true;
  }

  /** A hole where a file can have one; it reads as zeros, so zeros are what is written. The file never grows. */
  // biome-ignore lint/correctness/useYield: no event of a request
  *discard(guest: number, length: number): Request<boolean> {
    this.#zero(guest, Math.min(length, this.#device.size - guest));
    return true;
  }

  // biome-ignore lint/correctness/useYield: no event of a request
  *truncate(size: number, preallocation: Preallocation): Request {
    if (preallocation === 'metadata') throw unsupportedPreallocation(preallocation);
    if (preallocation !== 'off' && size < this.#device.size) {
      throw new ImageError({
        code: 'preallocation-shrinks',
        class: 'unsupported',
        what: `raw: the disk has ${this.#device.size} bytes and is to have ${size}: only what is added can be preallocated`,
        tryThis: 'without preallocation',
      });
    }
    this.#device.resize(size);
  }

  *flush(): Request {
    yield* fire(this.#device, 'flush_to_os');
    yield* fire(this.#device, 'flush_to_disk');
    this.#device.flush();
  }

  close(): Request {
    return this.flush();
  }

  /** Writes whole blocks: what is missing of the outer two is read first. */
  *#passThrough(offset: number, bytes: Uint8Array): Request {
    const align = this.#align;
    const from = roundDown(offset, align);
    const to = roundUp(offset + bytes.length, align);
    let whole = bytes;
    if (to - from > bytes.length) {
      whole = new Uint8Array(to - from);
      const hasHead = offset > from;
      const hasTail = offset + bytes.length < to;
      if (hasHead) {
        yield* fire(this.#device, 'pwritev_rmw_head');
        whole.set(readBytes(this.#device, from, align));
        yield* fire(this.#device, 'pwritev_rmw_after_head');
      }
      if (hasTail && (!hasHead || to - from > align)) {
        yield* fire(this.#device, 'pwritev_rmw_tail');
        whole.set(readBytes(this.#device, to - align, align), to - align - from);
        yield* fire(this.#device, 'pwritev_rmw_after_tail');
      }
      whole.set(bytes, offset - from);
    }
    yield* fire(this.#device, 'pwritev');
    this.#device.write(from, whole, LABEL);
    yield* fire(this.#device, 'pwritev_done');
  }

  /** What is zero already is left alone, so that holes stay holes. */
  #zero(guest: number, length: number): void {
    const device = this.#device;
    const zeros = new Uint8Array(Math.min(Math.max(length, 0), PIECE));
    const there = new Uint8Array(zeros.length);
    const end = guest + Math.max(length, 0);
    for (let at = guest; at < Math.min(end, device.size); at += PIECE) {
      const part = there.subarray(0, Math.min(PIECE, Math.min(end, device.size) - at));
      device.read(at, part);
      if (Buffer.compare(part, zeros.subarray(0, part.length)) === 0) continue;
      device.write(at, zeros.subarray(0, part.length), 'zeros');
    }
    if (end > device.size) device.resize(end);
  }
}

function unsupportedPreallocation(mode: Preallocation): ImageError {
  return new ImageError({
    code: 'preallocation-mode',
    class: 'unsupported',
    what: `raw: preallocation '${mode}' cannot be had, there is no metadata to allocate`,
    tryThis: 'off, falloc or full',
  });
}

export const rawWriting: WritingDriver = {
  // biome-ignore lint/correctness/useYield: nothing to load
  *open(device: Device, { options = {} }: WriteContext): Request<ImageWriter> {
    return new RawWriter(device, Number(options.align ?? 1));
  },
};
