/**
 * What of a cluster a write does not cover, when the cluster is a new one: zeros where it reads as zeros, else a copy of
 * what the guest reads there, from the old cluster, a decoded one, or what lies below.
 */

import { fire, type Request } from '../../../device/events.ts';
import { writeZeros } from '../../../device/zeros.ts';
import { encrypted } from '../../sector-cipher.ts';
import type { Allocation } from './allocation.ts';
import { isZero, readGuest } from './read.ts';
import type { WriteState } from './state.ts';

/** Up to here, what is copied and what is written go to the file as one piece. Bytes. */
const ONE_PIECE = 256 * 1024;
/** Up to here, what lies between two pieces is read with them. Bytes. */
const READ_ACROSS = 16 * 1024;
const NOTHING = new Uint8Array(0);

/** Guest bytes to their place in the file. */
export function* writeData(w: WriteState, host: number, guest: number, bytes: Uint8Array): Request {
  yield* fire(w.device, 'write_aio');
  w.alive();
  w.data.write(host, encrypted(w.cipher, guest, host, bytes), 'data');
}

/**
 * Where all that surrounds the new bytes reads as zeros: puts zeros around their place, and answers true. What lies
 * behind the end of the file is zero already.
 */
export function* zeroAround(w: WriteState, allocation: Allocation): Request<boolean> {
  const { from, host, head, tail } = allocation;
  if (w.cipher) return false;
  yield* w.lock();
  try {
    for (const [start, end] of [head, tail]) {
      if (start < end && !(yield* isZero(w, from + start, end - start))) return false;
    }
    w.guardData(host + head[0], tail[1] - head[0]);
  } finally {
    w.unlock();
  }
  yield* fire(w.device, 'cluster_alloc_space');
  const end = host + tail[1];
  zeroInside(w, host + head[0], head[1] - head[0]);
  zeroInside(w, host + tail[0], tail[1] - tail[0]);
  if (w.data.size < end) w.data.resize(end);
  return true;
}

/** Zeros up to the end of the file. */
function zeroInside({ data }: WriteState, at: number, length: number): void {
  writeZeros(data, at, Math.min(at + length, data.size), 'zeros');
}

/** Copies what surrounds the bytes to their new place, and writes `bytes` with it where they are given. */
export function* copyAround(w: WriteState, allocation: Allocation, bytes?: Uint8Array): Request {
  const { from, host, head, tail } = allocation;
  const { before, behind } = yield* readAround(w, allocation);
  const stored = (at: number, part: Uint8Array): Uint8Array => encrypted(w.cipher, from + at, host + at, part);
  if (bytes) {
    yield* fire(w.device, 'write_aio');
    w.guardData(host + head[0], tail[1] - head[0]);
    yield* fire(w.device, 'cow_write');
    w.alive();
    const pieces = [stored(head[0], before), stored(head[1], bytes), stored(tail[0], behind)];
    let at = host + head[0];
    for (const piece of tail[1] - head[0] <= ONE_PIECE ? [Buffer.concat(pieces)] : pieces) {
      if (piece.length > 0) w.data.write(at, piece, 'data');
      at += piece.length;
    }
    return;
  }
  for (const [at, part] of [[head[0], before] as const, [tail[0], behind] as const]) {
    if (part.length === 0) continue;
    w.guardData(host + at, part.length);
    yield* fire(w.device, 'cow_write');
    w.alive();
    w.data.write(host + at, stored(at, part), 'data');
  }
}

function* readAround(w: WriteState, allocation: Allocation): Request<{ before: Uint8Array; behind: Uint8Array }> {
  const { from, head, tail } = allocation;
  const before = head[1] - head[0];
  const behind = tail[1] - tail[0];
  if (before > 0 && behind > 0 && tail[0] - head[1] <= READ_ACROSS) {
    const all = yield* readToCopy(w, from + head[0], tail[1] - head[0]);
    return { before: all.subarray(0, before), behind: all.subarray(all.length - behind) };
  }
  return {
    before: before > 0 ? yield* readToCopy(w, from + head[0], before) : NOTHING,
    behind: behind > 0 ? yield* readToCopy(w, from + tail[0], behind) : NOTHING,
  };
}

function* readToCopy(w: WriteState, guest: number, length: number): Request<Uint8Array> {
  yield* fire(w.device, 'cow_read');
  w.alive();
  const bytes = new Uint8Array(length);
  yield* readGuest(w, guest, bytes);
  return bytes;
}
