/**
 * Compressed clusters: a cluster's stream, packed behind the last one. It can only be put where nothing is: what has a
 * place in the file already is not overwritten by it, as in QEMU.
 *
 *  1. Streams are not encrypted, whatever the image is.
 *  2. Where writing the stream fails, the entry is taken back: no entry leads to half a stream.
 */
import { deflateRawSync } from 'node:zlib';
import { zstdFrame } from '../../../bytes/zstd/encode.ts';
import { fire, type Request } from '../../../device/events.ts';
import { compressedOffsetBits, type Geometry } from '../geometry.ts';
import { allocateBytes, freeEntry } from './allocate.ts';
import { invalid, ioFailure, notSupported } from './complaints.ts';
import { clusterKind, entryAt, isAllocated, setEntry } from './entries.ts';
import type { WriteState } from './state.ts';
import type { Table } from './table-cache.ts';
import { sliceIndex, sliceToChange } from './tables.ts';

const SECTOR = 512;
const COMPRESSED_HI = 0x4000_0000;

/** The stream for one cluster, or undefined where it does not get shorter. */
function streamOf(g: Geometry, cluster: Uint8Array): Uint8Array | undefined {
  const stream =
    g.compression === 'zstd'
      ? zstdFrame(cluster)
      : deflateRawSync(cluster, { windowBits: 12, memLevel: 9, chunkSize: Math.max(64, g.clusterSize) });
  return stream.length < g.clusterSize ? stream : undefined;
}

/**
 * One cluster, or less at the disk's end: what is missing of it is zeros. Answers false, having changed nothing, where
 * it does not get shorter. Throws ImageError: not supported with a data file, unaligned, or the place is taken.
 */
export function* compressGuest(w: WriteState, guest: number, bytes: Uint8Array): Request<boolean> {
  const { g } = w;
  if (g.dataFile) throw notSupported('compressed clusters cannot be in an external data file');
  if (bytes.length === 0) return true;
  const isWhole = bytes.length === g.clusterSize;
  if (guest % g.clusterSize !== 0 || (!isWhole && guest + bytes.length !== g.size)) {
    throw invalid('what is compressed must be whole clusters');
  }
  const stream = streamOf(g, isWhole ? bytes : padded(bytes, g.clusterSize));
  if (!stream) return false;
  const offset = yield* linkStream(w, guest, stream.length);
  yield* fire(w.device, 'write_compressed');
  try {
    w.alive();
    w.device.write(offset, stream, 'compressed cluster');
  } catch (error) {
    yield* takeBack(w, guest, offset);
    throw error;
  }
  return true;
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}

/** Finds room for the stream and sets the entry. Answers where it begins. */
function* linkStream(w: WriteState, guest: number, length: number): Request<number> {
  yield* w.lock();
  try {
    const { g } = w;
    const isTaken = (table: Table): boolean => isAllocated(clusterKind(g, entryAt(g, table, sliceIndex(w, guest))));
    if (isTaken(yield* sliceToChange(w, guest))) {
      throw ioFailure(`the cluster at 0x${guest.toString(16)} has a place already, and cannot be compressed there`);
    }
    const offset = yield* allocateBytes(w, length);
    yield* fire(w.device, 'l2_update_compressed');
    if (w.lazyRefcounts) w.markDirty();
    const [hi, lo] = descriptor(g, offset, length);
    setEntry(w, yield* sliceToChange(w, guest), sliceIndex(w, guest), hi, lo, 0, 0);
    w.guardData(offset, length);
    return offset;
  } finally {
    w.unlock();
  }
}

/** The entry for a stream of `length` bytes at `offset`. */
function descriptor(g: Geometry, offset: number, length: number): readonly [hi: number, lo: number] {
  const sectors = Math.floor((offset + length - 1) / SECTOR) - Math.floor(offset / SECTOR);
  const shift = compressedOffsetBits(g) - 32;
  return [(COMPRESSED_HI | (sectors << shift) | Math.floor(offset / 2 ** 32)) >>> 0, offset % 2 ** 32];
}

function* takeBack(w: WriteState, guest: number, offset: number): Request {
  if (w.isDead) return;
  yield* w.lock();
  try {
    const slice = yield* sliceToChange(w, guest);
    const index = sliceIndex(w, guest);
    const entry = entryAt(w.g, slice, index);
    const [, lo] = [entry.hi, entry.lo];
    if ((entry.hi & COMPRESSED_HI) === 0 || lo !== offset % 2 ** 32) return;
    setEntry(w, slice, index, 0, 0);
    yield* freeEntry(w, entry);
  } finally {
    w.unlock();
  }
}
