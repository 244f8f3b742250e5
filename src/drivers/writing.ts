/**
 * Changing guest bytes: what `write`, `write -z`, `discard` and `truncate` need of a format. A writer translates and
 * keeps the metadata; src/disk/ splits requests, reads, and falls back, for every format alike.
 *
 * What holds for every writer (test/drivers/writing-contract.ts):
 *  1. After any sequence of requests and `flush`, qemu-img check of the file is clean, and the guest reads what a plain
 *     array of bytes would hold.
 *  2. `image` sees every request that has ended, flushed or not.
 *  3. What reaches the device keeps an order that is safe: data before the entry that leads to it, a refcount before the
 *     first reference, a reference gone before its refcount falls.
 *  4. A request that throws leaves the image consistent; at worst clusters are leaked.
 */
import type { Device } from '../device/device.ts';
import type { Request } from '../device/events.ts';
import type { Image, OpenContext } from './driver.ts';

export const PREALLOCATIONS = ['off', 'metadata', 'falloc', 'full'] as const;
export type Preallocation = (typeof PREALLOCATIONS)[number];

export interface ImageWriter {
  /** As every ended request left it. A request may replace it: do not keep it. */
  readonly image: Image;
  /** Guest bytes; requests that are no multiple of these are split by who calls. Powers of two. */
  readonly requestAlignment: number;
  readonly zeroAlignment: number;
  /**
   * Fills `target` with guest bytes, with the instants of a read. Faster than `image` for small ones: tables are kept.
   * Absent: `image` tells where they are.
   */
  read?(guest: number, target: Uint8Array): Request;
  /** It can promise that zeros take no space of their own: a range it answers false for is then refused (`-n`). */
  readonly strictZeroes?: boolean;
  /** Guest range that a request is about, where it is more than what the writer is asked to change. */
  touch?(guest: number, length: number): void;
  /** Guest range inside the disk, any length. Allocates, and copies what of a cluster is not written. */
  write(guest: number, bytes: Uint8Array): Request;
  /**
   * Multiples of `zeroAlignment`, or up to the disk's end, or a part of one such unit. Answers false where the format
   * cannot, having changed nothing: zeros are to be written then.
   */
  writeZeroes(guest: number, length: number, options: { readonly mayUnmap: boolean }): Request<boolean>;
  /** The same for whole clusters whose contents nobody needs; answers false where nothing is done. */
  discard(guest: number, length: number): Request<boolean>;
  /** One cluster, or less at the disk's end. Answers false where it does not shrink, having written it plainly. */
  writeCompressed?(guest: number, bytes: Uint8Array): Request<boolean>;
  /** Bytes. Throws ImageError where the format or what the image holds forbids it. */
  truncate(size: number, preallocation: Preallocation): Request;
  /** Bytes of the VM state, behind the disk. */
  readVmState?(offset: number, target: Uint8Array): Request;
  writeVmState?(offset: number, bytes: Uint8Array): Request;
  /**
   * Every ended request is on the device, and durable. `inside`: it is the end of a request that is itself to be durable,
   * which QEMU counts as not ended yet: that decides whether the instant flush_to_disk comes.
   */
  flush(inside?: boolean): Request;
  /** As `flush`, and marks that say an image is in use are taken off. */
  close(): Request;
}

/** What lies below: its size in bytes, and how to read it. What is behind its end reads as zeros. */
export interface Below {
  readonly size: number;
  read(guest: number, target: Uint8Array): Request;
  /** Whether the range is known to read as zeros from the tables alone, without a look at data. */
  isZero?(guest: number, length: number): boolean;
}

export interface WriteContext extends OpenContext {
  /** The backing image, where there is one and it is open. */
  readonly below?: Below;
  /** Run-time options by QEMU's names: `lazy-refcounts`, `pass-discard-request`, `overlap-check` … */
  readonly options?: Readonly<Record<string, string>>;
  /** Nothing may be written: only reads are asked for, and marks in the image stay as they are. */
  readonly readOnly?: boolean;
  /** Told what QEMU would print on standard error in the middle of a request: that an image is marked corrupt. */
  warn?(text: string): void;
}

export interface WritingDriver {
  /** Throws ImageError for what QEMU refuses to open for writing: an image marked corrupt, an unknown feature. */
  open(device: Device, context: WriteContext): Request<ImageWriter>;
  /** It can be opened `readOnly` too, and reads then as a writer reads: from tables it keeps, VM state included. */
  readonly readsOnly?: boolean;
}
