/**
 * One compressed cluster's bytes from its stream: raw deflate with a 4 KiB window, or zstd frames.
 *
 *  1. A stream gives one cluster of bytes or an ImageError, never more: a bomb costs at most a few clusters of memory.
 *  2. What follows the cluster's last byte (the next stream, padding) is never an error.
 */
import { constants, inflateRawSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import { hex } from '../../bytes/size.ts';
import { type Device, readBytes } from '../../device/device.ts';
import { ImageError } from '../../errors.ts';
import type { Geometry } from './geometry.ts';

/**
 * Decodes the stream at `offset` (bytes), at most `length` bytes of the file, to one cluster. Throws ImageError
 * `compressed-cluster-broken` when it gives less, or none.
 */
export function readCompressedCluster(device: Device, g: Geometry, offset: number, length: number): Uint8Array {
  const stream = readBytes(device, offset, Math.max(0, Math.min(length, 2 * g.clusterSize, device.size - offset)));
  const cluster = g.compression === 'zlib' ? inflate(stream, g.clusterSize) : unzstd(stream, g.clusterSize);
  if (cluster?.length === g.clusterSize) return cluster;
  throw new ImageError({
    code: 'compressed-cluster-broken',
    class: 'consistency',
    what: `qcow2 compressed cluster: the ${g.compression} stream at ${hex(offset)} gives ${cluster ? `${cluster.length} bytes` : 'an error'}, expected ${g.clusterSize} bytes`,
    where: {
      offset,
      length: Math.max(1, stream.length),
      path: 'compressed_cluster',
      spec: 'qcow2: Compressed clusters',
    },
  });
}

/** A byte of deflate stands for at most this many bytes, rounded up. */
const DEFLATE_RATIO = 2048;

function inflate(stream: Uint8Array, clusterSize: number): Uint8Array | undefined {
  const whole = inflatePart(stream, clusterSize);
  if (whole) return whole;
  // Either the stream is broken, or it lacks its end mark and what follows it was taken for more of it. Then some
  // beginning of it gives the cluster; the longer the beginning, the more it gives.
  let low = 0;
  let high = stream.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const part = inflatePart(stream.subarray(0, middle), clusterSize + DEFLATE_RATIO);
    if (part && part.length >= clusterSize) return part.subarray(0, clusterSize);
    if (part) low = middle + 1;
    else high = middle;
  }
  return undefined;
}

/** What the stream gives, up to `most` bytes; undefined when it is broken or gives more. */
function inflatePart(stream: Uint8Array, most: number): Uint8Array | undefined {
  try {
    return inflateRawSync(stream, {
      windowBits: 12,
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: most,
      chunkSize: Math.max(most, constants.Z_MIN_CHUNK),
    });
  } catch {
    return undefined;
  }
}

const ZSTD_MAGIC = 0xfd2f_b528;
const SKIPPABLE_MAGIC = 0x184d_2a50;
/** The largest block of a zstd frame, bytes. A window is never made smaller than that. */
const BLOCK_MAX = 128 * 1024;

/** Frames one after the other until a cluster is full, which must be where a frame ends, as QEMU requires. */
function unzstd(stream: Uint8Array, clusterSize: number): Uint8Array | undefined {
  const cluster = new Uint8Array(clusterSize);
  let filled = 0;
  let at = 0;
  try {
    while (filled < clusterSize) {
      const frame = frameAt(stream, at, clusterSize);
      if (!frame) return cluster.subarray(0, filled);
      if (frame.bytes) {
        const decoder = new Decompress((chunk) => {
          cluster.set(chunk, filled);
          filled += chunk.length;
        });
        decoder.push(frame.bytes, true);
      }
      at += frame.length;
    }
  } catch {
    // The decoder's complaint, or RangeError from `set`: more than a cluster.
    return undefined;
  }
  return cluster;
}

interface Frame {
  /** Bytes of the stream. */
  readonly length: number;
  /** What to decode; absent for a frame to skip. */
  readonly bytes?: Uint8Array;
}

/**
 * The frame at `at`, found by its block headers, with a window of a cluster at most: the decoder allocates what the
 * frame asks for, and no match can reach back further than the cluster's start. Undefined when there is no whole frame.
 */
function frameAt(stream: Uint8Array, at: number, clusterSize: number): Frame | undefined {
  const view = new DataView(stream.buffer, stream.byteOffset + at, stream.length - at);
  if (view.byteLength < 8) return undefined;
  const magic = view.getUint32(0, true);
  if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) return { length: 8 + view.getUint32(4, true) };
  if (magic !== ZSTD_MAGIC) return undefined;
  const descriptor = view.getUint8(4);
  const single = ((descriptor >> 5) & 1) === 1;
  const sizeFlag = descriptor >> 6;
  const hasDictionary = (descriptor & 3) !== 0;
  const sizeBytes = sizeFlag === 0 ? Number(single) : 2 ** sizeFlag;
  const sizeAt = single ? 5 : 6;
  if (hasDictionary || sizeAt + sizeBytes > view.byteLength) return undefined;
  if (single && contentSize(view, sizeAt, sizeBytes) > clusterSize) return undefined;
  const end = blocksEnd(view, sizeAt + sizeBytes);
  if (end === undefined) return undefined;
  const length = end + ((descriptor >> 2) & 1) * 4;
  const bytes = stream.slice(at, at + length);
  if (!single) bytes[5] = smallWindow(view.getUint8(5), clusterSize);
  return { length, bytes };
}

function contentSize(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  if (bytes === 4) return view.getUint32(at, true);
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

/** Byte offset behind the frame's last block. */
function blocksEnd(view: DataView, start: number): number | undefined {
  for (let at = start; at + 3 <= view.byteLength; ) {
    const header = view.getUint16(at, true) + view.getUint8(at + 2) * 2 ** 16;
    const isRepeat = ((header >> 1) & 3) === 1;
    at += 3 + (isRepeat ? 1 : header >> 3);
    if ((header & 1) === 1) return at <= view.byteLength ? at : undefined;
  }
  return undefined;
}

/** A window descriptor for at most a cluster (but at least a block): 5 bits of exponent, 3 of eighths. */
function smallWindow(descriptor: number, clusterSize: number): number {
  const exponent = Math.log2(Math.max(clusterSize, BLOCK_MAX)) - 10;
  return descriptor >> 3 < exponent ? descriptor : exponent << 3;
}
