/**
 * Changing guest bytes of a QED image, in QEMU's way: clusters are allocated at the end of the file and never given
 * back; a cluster that is written in part is filled up from below first; zeros are an entry of the table where whole
 * clusters hold nothing yet, and written elsewhere.
 *
 *  1. A cluster is complete before the entry that leads to it is written, and a table before the L1 entry. Where there
 *     is a backing file they are durable in that order; where not, the image is marked as needing a check before its
 *     first allocation, and the mark is taken off when it is closed.
 *  2. One request allocates at a time; others wait for its end.
 *  3. A request that throws leaves clusters that nothing refers to, at worst.
 */

import { type PatchValues, patch } from '../../../bytes/struct.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { fire, type Request, until } from '../../../device/events.ts';
import { writeZeros } from '../../../device/zeros.ts';
import { ImageError } from '../../../errors.ts';
import type { Below, ImageWriter, Preallocation, WriteContext } from '../../writing.ts';
import { type Geometry, largestDisk } from '../geometry.ts';
import { QedImage } from '../image.ts';
import { Header, LIMITS, ZERO_CLUSTER } from '../layout.ts';
import { tableLabel } from '../regions.ts';
import { entryBytes, type Found, Lookup } from './lookup.ts';

/** The unit of requests, bytes. */
const SECTOR = 512;
/** What is filled up or zeroed is written in pieces of at most these bytes. */
const PIECE = 2 ** 20;

export class QedWriter implements ImageWriter {
  readonly requestAlignment = SECTOR;
  readonly zeroAlignment: number;
  readonly #device: Device;
  readonly #below: Below | undefined;
  readonly #lookup: Lookup;
  /**
   * QEMU fills a zero cluster up from below when a part of it is written, so that bytes of the backing file come to
   * light in it. Only who must do exactly that asks for it: option `zero-cow` is `below`.
   */
  readonly #showsBelow: boolean;
  #image: QedImage | undefined;
  #geometry: Geometry;
  /** Where the next cluster goes. */
  #end: number;
  #needsCheck: boolean;
  #isAllocating = false;

  constructor(image: QedImage, { below, options = {} }: WriteContext) {
    this.#image = image;
    this.#device = image.device;
    this.#below = below;
    this.#showsBelow = options['zero-cow'] === 'below';
    this.#geometry = image.geometry;
    this.#end = image.geometry.fileEnd;
    this.#needsCheck = image.header.features.need_check;
    this.zeroAlignment = image.clusterSize;
    this.#lookup = new Lookup(this.#device, () => ({ ...this.#geometry, fileEnd: this.#end }));
  }

  get image(): QedImage {
    this.#image ??= QedImage.open(this.#device);
    return this.#image;
  }

  *read(guest: number, target: Uint8Array): Request {
    for (let at = 0; at < target.length; ) {
      const found = yield* this.#lookup.find(guest + at, target.length - at);
      const part = target.subarray(at, at + found.length);
      if (found.kind === 'data') {
        yield* fire(this.#device, 'read_aio');
        this.#device.read(found.host, part);
      } else if (found.kind === 'unallocated') yield* this.#readBelow(guest + at, part);
      else part.fill(0);
      at += found.length;
    }
  }

  *write(guest: number, bytes: Uint8Array): Request {
    yield* this.#request(guest, bytes.length, bytes);
  }

  *writeZeroes(guest: number, length: number): Request<boolean> {
    const { clusterSize } = this.#geometry;
    if (guest % clusterSize !== 0 || length % clusterSize !== 0) return false;
    yield* this.#request(guest, length, undefined);
    return true;
  }

  /** The format gives no cluster back. */
  // biome-ignore lint/correctness/useYield: nothing is done
  *discard(): Request<boolean> {
    return false;
  }

  // biome-ignore lint/correctness/useYield: no event of a request
  *truncate(size: number, preallocation: Preallocation): Request {
    const { clusterSize, tableClusters, size: before } = this.#geometry;
    if (preallocation !== 'off') {
      throw refuse('preallocation-mode', `preallocation '${preallocation}' cannot be had`, 'without preallocation');
    }
    const most = Math.min(largestDisk(clusterSize, tableClusters), LIMITS.disk);
    if (size % SECTOR !== 0 || size > most) {
      throw refuse('bad-size', `the disk cannot have ${size} bytes: a multiple of ${SECTOR} up to ${most} required`);
    }
    if (size < before) {
      throw refuse('shrink', `the disk has ${before} bytes, and a QED image cannot shrink to ${size}`);
    }
    if (size > before && this.#below && this.#below.size > before) {
      throw refuse(
        'not-supported',
        `the backing file has ${this.#below.size} bytes, more than the ${before} of this disk: growing would show them`,
      );
    }
    this.#writeHeader('image_size', { image_size: size });
    this.#geometry = { ...this.#geometry, size };
  }

  *flush(): Request {
    yield* fire(this.#device, 'flush_to_os');
    yield* fire(this.#device, 'flush_to_disk');
    this.#device.flush();
  }

  *close(): Request {
    yield* this.flush();
    if (!this.#needsCheck) return;
    this.#mark(false);
    yield* this.flush();
  }

  /** `bytes` undefined: zeros, whole clusters. */
  *#request(guest: number, length: number, bytes: Uint8Array | undefined): Request {
    let isOurs = false;
    try {
      for (let at = 0; at < length; ) {
        const found = yield* this.#lookup.find(guest + at, length - at);
        const part = bytes?.subarray(at, at + found.length);
        if (found.kind === 'data') yield* this.#overwrite(found, part);
        else if (!isOurs && this.#isAllocating) {
          // What was found may not hold any more once the other request has ended.
          yield* until(() => !this.#isAllocating);
          continue;
        } else {
          this.#isAllocating = true;
          isOurs = true;
          yield* this.#allocate(guest + at, found, part);
        }
        at += found.length;
      }
    } finally {
      if (isOurs) this.#isAllocating = false;
    }
  }

  *#overwrite({ host, length }: Found, bytes: Uint8Array | undefined): Request {
    if (bytes) yield* this.#put(host, bytes, 'write_aio');
    else yield* this.#putZeros(host, length, 'write_aio');
  }

  *#allocate(guest: number, found: Found, bytes: Uint8Array | undefined): Request {
    if (!bytes && found.kind === 'zero') return;
    const { clusterSize } = this.#geometry;
    const within = guest % clusterSize;
    const clusters = Math.ceil((within + found.length) / clusterSize);
    const place = bytes ? this.#take(clusters) : ZERO_CLUSTER;
    if (!this.#below && !this.#needsCheck) this.#mark(true);
    if (bytes) yield* this.#fill(guest, place, clusters, bytes, found);
    yield* this.#enter(found, entryBytes(place, clusters, bytes ? clusterSize : 0));
  }

  /** New clusters at `place`, with `bytes` for the guest bytes from `guest` on, and from below what they do not cover. */
  *#fill(guest: number, place: number, clusters: number, bytes: Uint8Array, { kind }: Found): Request {
    const { clusterSize } = this.#geometry;
    const within = guest % clusterSize;
    const tail = within + bytes.length;
    const isZero = kind === 'zero' && !this.#showsBelow;
    yield* this.#copyUp(guest - within, place, within, isZero);
    yield* this.#copyUp(guest + bytes.length, place + tail, clusters * clusterSize - tail, isZero);
    yield* this.#put(place + within, bytes, 'write_aio');
    if (this.#below) yield* this.flush();
  }

  /** `length` bytes from below to the file; a zero cluster hides what is below it. */
  *#copyUp(guest: number, host: number, length: number, isZero: boolean): Request {
    if (length === 0) return;
    if (isZero || !this.#below) {
      yield* fire(this.#device, 'cow_write');
      this.#zeros(host, length, 'guest data');
      return;
    }
    for (let at = 0; at < length; at += PIECE) {
      const piece = new Uint8Array(Math.min(PIECE, length - at));
      yield* this.#readBelow(guest + at, piece);
      yield* this.#put(host + at, piece, 'cow_write');
    }
  }

  /** The entries of the run into its table, which is made where there is none. */
  *#enter({ slot, table, index }: Found, entries: Uint8Array): Request {
    const device = this.#device;
    this.#image = undefined;
    if (table !== 0) {
      yield* fire(device, 'l2_update');
      device.write(table + index * 8, entries, tableLabel(slot));
      return;
    }
    const { tableClusters, tableBytes, l1Offset } = this.#geometry;
    const fresh = this.#take(tableClusters);
    yield* fire(device, 'l2_update');
    const head = index * 8;
    this.#zeros(fresh, head, tableLabel(slot));
    device.write(fresh + head, entries, tableLabel(slot));
    this.#zeros(fresh + head + entries.length, tableBytes - head - entries.length, tableLabel(slot));
    yield* this.flush();
    yield* fire(device, 'l1_update');
    device.write(l1Offset + slot * 8, entryBytes(fresh, 1, 0), 'l1 table');
    this.#lookup.know(fresh);
  }

  *#readBelow(guest: number, target: Uint8Array): Request {
    if (!this.#below) {
      target.fill(0);
      return;
    }
    yield* fire(this.#device, 'read_backing_aio');
    yield* this.#below.read(guest, target);
  }

  *#put(host: number, bytes: Uint8Array, event: 'write_aio' | 'cow_write'): Request {
    yield* fire(this.#device, event);
    this.#device.write(host, bytes, 'guest data');
  }

  *#putZeros(host: number, length: number, event: 'write_aio'): Request {
    yield* fire(this.#device, event);
    this.#zeros(host, length, 'guest data');
  }

  /** Zeros behind the end of the file need not be written: it grows, and what is new reads as zeros. */
  #zeros(host: number, length: number, what: string): void {
    const device = this.#device;
    const { size } = device;
    writeZeros(device, host, Math.min(host + length, size), what, PIECE);
    if (length > 0 && host + length > size) device.resize(host + length);
  }

  /** The next clusters of the file. */
  #take(clusters: number): number {
    const place = this.#end;
    this.#end += clusters * this.#geometry.clusterSize;
    return place;
  }

  /** Sets or clears the mark that the image needs a check. It is durable before what follows. */
  #mark(needsCheck: boolean): void {
    this.#writeHeader('features', { features: { need_check: needsCheck } });
    this.#device.flush();
    this.#needsCheck = needsCheck;
  }

  #writeHeader(field: 'features' | 'image_size', values: PatchValues<typeof Header.fields>): void {
    const bytes = readBytes(this.#device, 0, Header.size);
    patch(Header, bytes, values);
    const at = Header.at[field];
    this.#device.write(at, bytes.subarray(at, at + Header.fields[field].size), `header.${field}`);
    this.#image = undefined;
  }
}

function refuse(code: string, what: string, tryThis?: string): ImageError {
  return new ImageError({ code, class: 'unsupported', what: `qed: ${what}`, tryThis });
}
