/**
 * What is open: a disk, and how it was opened. Requests pass through here for what QEMU's block layer does above every
 * format: write-through, discards that are ignored, copy-on-read, and the guard of a format that was only guessed.
 */

import { roundDown, roundUp } from '../bytes/size.ts';
import type { BlkdebugDevice } from '../device/blkdebug.ts';
import type { Device } from '../device/device.ts';
import type { Request } from '../device/events.ts';
import { isZero } from '../device/zeros.ts';
import type { Disk, ZeroOptions } from '../disk/disk.ts';
import type { ImageInfo } from '../drivers/driver.ts';
import type { Preallocation } from '../drivers/writing.ts';
import { ImageError } from '../errors.ts';
import type { Dict } from './dict.ts';
import type { Flags } from './flags.ts';

export interface Opened {
  readonly disk: Disk;
  /** As `info` names it. */
  readonly format: string;
  /** The name of a protocol where that is all there is: `info` names it twice. */
  readonly isProtocol: boolean;
  /** The format was guessed to be raw: what would make another guess of the first sector is refused. */
  readonly guarded?: (sector: Uint8Array) => boolean;
  readonly blkdebug?: BlkdebugDevice;
  readonly detectZeroes: 'off' | 'on' | 'unmap';
  /** Every file behind it, to be closed. */
  readonly files: readonly { close(): void }[];
  readonly flags: Flags;
  /** The same files with other options. Throws Refused. */
  reopen?(changes: Dict, flags: Flags): Opened;
}

/** What probing looks at, bytes. */
const PROBED = 512;

export class Volume {
  opened: Opened;

  constructor(opened: Opened) {
    this.opened = opened;
  }

  get disk(): Disk {
    return this.opened.disk;
  }

  get flags(): Flags {
    return this.opened.flags;
  }

  /** Guest bytes. Throws ImageError `no-medium`. */
  get size(): number {
    return this.disk.size;
  }

  get info(): ImageInfo {
    return this.disk.image.info();
  }

  get device(): Device {
    return this.disk.image.device;
  }

  *read(offset: number, target: Uint8Array): Request {
    this.#inside(offset, target.length);
    if (this.flags.copyOnRead && target.length > 0) yield* this.#copyUp(offset, target.length);
    yield* this.disk.read(offset, target);
  }

  *write(offset: number, bytes: Uint8Array, throughCaches = false): Request {
    this.#inside(offset, bytes.length);
    const { guarded, detectZeroes } = this.opened;
    if (guarded && offset < PROBED && bytes.length > 0) yield* this.#checkFirstSector(offset, bytes, guarded);
    if (detectZeroes !== 'off' && bytes.length > 0 && isZero(bytes)) {
      yield* this.disk.writeZeroes(offset, bytes.length, { mayUnmap: detectZeroes === 'unmap' });
    } else {
      yield* this.disk.write(offset, bytes);
    }
    yield* this.#settle(throughCaches);
  }

  *writeZeroes(offset: number, length: number, how: ZeroOptions, throughCaches = false): Request {
    this.#inside(offset, length);
    yield* this.disk.writeZeroes(offset, length, how);
    yield* this.#settle(throughCaches);
  }

  *writeCompressed(offset: number, bytes: Uint8Array): Request {
    this.#inside(offset, bytes.length);
    // QEMU does not write through caches here.
    yield* this.disk.writeCompressed(offset, bytes);
  }

  *discard(offset: number, length: number): Request {
    this.#inside(offset, length);
    if (this.flags.unmap) yield* this.disk.discard(offset, length);
  }

  *truncate(size: number, preallocation: Preallocation): Request {
    yield* this.disk.truncate(size, preallocation);
  }

  *readVmState(offset: number, target: Uint8Array): Request {
    yield* this.disk.readVmState(offset, target);
  }

  *writeVmState(offset: number, bytes: Uint8Array): Request {
    yield* this.disk.writeVmState(offset, bytes);
    yield* this.#settle(false);
  }

  *flush(): Request {
    yield* this.disk.flush();
  }

  *close(): Request {
    yield* this.disk.close();
  }

  /** QEMU answers an input/output error for what lies outside, whatever the format. */
  #inside(offset: number, length: number): void {
    if (offset + length <= this.size) return;
    throw new ImageError({ code: 'past-end', class: 'range', what: 'the range ends behind the end of the disk' });
  }

  *#settle(throughCaches: boolean): Request {
    if (throughCaches || this.flags.writeThrough) yield* this.disk.flush(true);
  }

  /** The clusters around the range that the image leaves to its backing file become its own. */
  *#copyUp(offset: number, length: number): Request {
    const unit = this.disk.image.clusterSize || PROBED;
    const to = Math.min(roundUp(offset + length, unit), this.size);
    for (let at = roundDown(offset, unit); at < to; ) {
      const run = this.disk.allocationAt(at, to);
      if (!run.allocated) {
        const bytes = new Uint8Array(run.length);
        yield* this.disk.read(at, bytes);
        if (isZero(bytes)) yield* this.disk.writeZeroes(at, run.length, {});
        else yield* this.disk.write(at, bytes);
        yield* this.#settle(false);
      }
      at += run.length;
    }
  }

  *#checkFirstSector(offset: number, bytes: Uint8Array, guarded: (sector: Uint8Array) => boolean): Request {
    const sector = new Uint8Array(PROBED);
    const there = Math.min(PROBED, this.size);
    yield* this.disk.read(0, sector.subarray(0, there));
    sector.set(bytes.subarray(0, PROBED - offset), offset);
    if (guarded(sector)) return;
    throw new ImageError({
      code: 'not-permitted',
      class: 'magic',
      what: 'the format was guessed to be raw, and these bytes would make it another',
      tryThis: '-f raw',
    });
  }
}
