/**
 * One pass over a file of which nothing is known: which sectors could be a part of a table, whatever the cluster size. Random
 * data fails at the first entry, text at the first, most structures of file systems within a few.
 *
 * Bound: one bit a sector, and only where there are such sectors.
 */
import { ClusterBitmap } from '../../../bytes/cluster-bitmap.ts';
import type { Progress } from '../../../bytes/progress.ts';
import type { Device } from '../../../device/device.ts';

export const SECTOR = 512;
/** Bytes read at once. */
const PIECE = 2 ** 20;

export function* tableSectors(device: Device): Generator<Progress, ClusterBitmap> {
  const like = new ClusterBitmap();
  const bytes = new Uint8Array(PIECE);
  const words = new Int32Array(bytes.buffer);
  const view = new DataView(bytes.buffer);
  const { size } = device;
  for (let offset = 0; offset < size; offset += PIECE) {
    device.read(offset, bytes);
    for (let at = 0; at < PIECE && offset + at < size; at += SECTOR) {
      if (isLike(view, words, at, size)) like.testAndSet((offset + at) / SECTOR);
    }
    yield { what: 'looking for tables', done: offset, total: size, unit: 'bytes' };
  }
  return like;
}

/** Every entry is zero, an offset inside the file, or a compressed cluster; or every second is, with bits of subclusters. */
function isLike(view: DataView, words: Int32Array, at: number, size: number): boolean {
  let isPlain = true;
  let isExtended = true;
  let any = false;
  for (let i = 0; i < SECTOR; i += 8) {
    const w = (at + i) >> 2;
    if ((words[w] as number) === 0 && (words[w + 1] as number) === 0) continue;
    any = true;
    const hi = view.getUint32(at + i);
    const lo = view.getUint32(at + i + 4);
    const isEntry = entryLike(hi, lo, size);
    isPlain &&= isEntry;
    if (i % 16 === 0) isExtended &&= isEntry && (lo & 1) === 0;
    else isExtended &&= (hi & lo) === 0;
    if (!isPlain && !isExtended) return false;
  }
  return any;
}

function entryLike(hi: number, lo: number, size: number): boolean {
  // A compressed cluster's offset has at least 49 bits, whatever the cluster size.
  if (hi >>> 30 === 1) return (hi & 0x1_ffff) * 2 ** 32 + lo < size;
  return (hi & 0x7f00_0000) === 0 && (lo & 0x1fe) === 0 && (hi & 0x00ff_ffff) * 2 ** 32 + (lo - (lo & 1)) < size;
}
