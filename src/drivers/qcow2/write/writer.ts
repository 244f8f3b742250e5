/** A qcow2 image open for writing, as who writes guest bytes knows it: every format alike. */
import type { Device } from '../../../device/device.ts';
import { fire, type Request } from '../../../device/events.ts';
import { ImageError } from '../../../errors.ts';
import type { ImageWriter, Preallocation, WriteContext, WritingDriver } from '../../writing.ts';
import { mappingUnit } from '../geometry.ts';
import { Qcow2Image } from '../image.ts';
import { HeaderV3 } from '../layout.ts';
import { clearHeader } from './autoclear.ts';
import { DirtyBitmaps } from './bitmaps.ts';
import { invalid } from './complaints.ts';
import { compressGuest } from './compress.ts';
import { flushedOnce } from './flushed-once.ts';
import { readGuest } from './read.ts';
import { recount } from './recount.ts';
import { resize } from './resize.ts';
import { WriteState } from './state.ts';
import { readVmState, writeVmState } from './vm-state.ts';
import { writeGuest } from './write.ts';
import { discardGuest, zeroGuest } from './zero.ts';

const STALE_BITMAPS =
  'warning: a program lacking bitmap support modified this file, so all bitmaps are now considered inconsistent\n' +
  "Some clusters may be leaked, run 'qemu-img check -r' on the image file to fix.";

export class Qcow2Writer implements ImageWriter {
  readonly state: WriteState;
  /** A request that changes something has come since the last flush. */
  #changed = false;
  /** The request around the last flush has ended since: QEMU counts it as one that is not flushed. */
  #owed = false;

  /** Not with an external data file. */
  readonly writeCompressed: ImageWriter['writeCompressed'];

  constructor(state: WriteState) {
    this.state = state;
    this.writeCompressed = state.g.dataFile ? undefined : (guest, bytes) => this.#compress(guest, bytes);
  }

  /** A request that changes something begins. */
  #begin(): void {
    this.state.alive();
    this.#changed = true;
  }

  get image(): Qcow2Image {
    return this.state.image;
  }

  get requestAlignment(): number {
    return this.state.cipher ? 512 : 1;
  }

  get zeroAlignment(): number {
    return mappingUnit(this.state.g);
  }

  get strictZeroes(): boolean {
    return this.state.g.version >= 3;
  }

  *read(guest: number, target: Uint8Array): Request {
    this.state.alive();
    yield* readGuest(this.state, guest, target);
  }

  *write(guest: number, bytes: Uint8Array): Request {
    this.#begin();
    this.touch(guest, bytes.length);
    yield* writeGuest(this.state, guest, bytes);
  }

  *writeZeroes(guest: number, length: number, { mayUnmap }: { readonly mayUnmap: boolean }): Request<boolean> {
    this.#begin();
    this.touch(guest, length);
    return yield* zeroGuest(this.state, guest, length, mayUnmap);
  }

  *discard(guest: number, length: number): Request<boolean> {
    this.#begin();
    return yield* discardGuest(this.state, guest, length);
  }

  touch(guest: number, length: number): void {
    this.state.bitmaps?.touch(guest, length);
  }

  *#compress(guest: number, bytes: Uint8Array): Request<boolean> {
    this.#begin();
    this.touch(guest, bytes.length);
    if (yield* compressGuest(this.state, guest, bytes)) return true;
    yield* writeGuest(this.state, guest, bytes);
    return false;
  }

  *truncate(size: number, preallocation: Preallocation): Request {
    this.#begin();
    yield* resize(this.state, size, preallocation);
  }

  *readVmState(offset: number, target: Uint8Array): Request {
    this.state.alive();
    yield* readVmState(this.state, offset, target);
  }

  *writeVmState(offset: number, bytes: Uint8Array): Request {
    this.#begin();
    yield* writeVmState(this.state, offset, bytes);
  }

  *flush(inside = false): Request {
    const w = this.state;
    w.alive();
    yield* fire(w.device, 'flush_to_os');
    yield* w.lock();
    try {
      yield* w.l2.write();
      if (!w.isDirty) yield* w.blocks.write();
    } finally {
      w.unlock();
    }
    if (this.#owed || (this.#changed && !inside)) yield* fire(w.device, 'flush_to_disk');
    w.barrier();
    this.#owed = inside;
    this.#changed = false;
  }

  *close(): Request {
    const w = this.state;
    if (w.isDead) return;
    try {
      yield* this.flush();
    } catch (error) {
      // What could not be written is tried once more, below.
      if (!(error instanceof ImageError) || w.isDead) throw error;
    }
    yield* w.lock();
    try {
      yield* w.l2.flush();
      yield* w.blocks.flush();
      if (w.bitmaps) yield* w.bitmaps.save();
      if (w.isDirty) w.markClean();
    } finally {
      w.unlock();
    }
  }
}

/** Throws ImageError for what QEMU refuses to open for writing. */
// biome-ignore lint/correctness/useYield: opening is a request for every format alike
export function* openWriter(file: Device, context: WriteContext): Request<Qcow2Writer> {
  const device = flushedOnce(file);
  let image = Qcow2Image.open(device, context);
  const { incompatible_features: incompatible, compatible_features: compatible } = image.header;
  const { readOnly = false } = context;
  if (incompatible.corrupt && !readOnly) {
    throw new ImageError({
      code: 'marked-corrupt',
      class: 'consistency',
      what: 'qcow2: Image is corrupt; cannot be opened read/write',
      where: { offset: HeaderV3.at.incompatible_features, length: 8, path: 'header.incompatible_features' },
      tryThis: 'check',
    });
  }
  if (image.dataFile && !image.dataDevice) {
    throw new ImageError({
      code: 'no-data-file',
      class: 'unsupported',
      what: `qcow2: the guest data lies in an external data file ('${image.dataFile.file}'), which is not open`,
      tryThis: '--allow-external',
    });
  }
  if (image.geometry.crypt !== 'none' && !image.cipher) {
    throw new ImageError({
      code: 'encrypted',
      class: 'unsupported',
      what: 'qcow2: the image is encrypted, and no passphrase was given',
      tryThis: '--object secret,id=s0,file=FILE --key-secret s0',
    });
  }
  const option = context.options?.['lazy-refcounts'];
  const lazy = option === undefined ? compatible.lazy_refcounts : option === 'on';
  if (lazy && image.geometry.version < 3) {
    throw invalid('Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility level');
  }
  const isStale = image.bitmapTable.stale;
  if (isStale) context.warn?.(STALE_BITMAPS);
  if (readOnly) return new Qcow2Writer(new WriteState(image, context, lazy));
  clearHeader(device, image.header);
  if (incompatible.dirty) recount(device, context);
  if (isStale || incompatible.dirty) image = Qcow2Image.open(device, context);
  const state = new WriteState(image, context, lazy);
  if (image.bitmaps.length > 0) state.bitmaps = new DirtyBitmaps(state, image.bitmaps);
  return new Qcow2Writer(state);
}

export const qcow2Writing: WritingDriver = { open: openWriter, readsOnly: true };
