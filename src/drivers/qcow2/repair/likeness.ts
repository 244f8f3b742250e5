/**
 * What a cluster that nothing refers to looks like: an L2 table that was lost, or what. A guess, for hints and for
 * holding back: nothing is written for it alone.
 */
import { hasReservedBits, masked } from '../../../bytes/bits.ts';
import { type Device, readBytes } from '../../../device/device.ts';
import { COPIED } from '../check-claims.ts';
import { compressedRange, type Geometry } from '../geometry.ts';
import { L2Entry } from '../layout.ts';

/**
 * Whether the cluster at `offset` (bytes) could be an L2 table: it has entries, each keeps all rules and leads into the
 * file, and none of them leads to the same cluster as the one before.
 */
export function looksLikeL2(device: Device, g: Geometry, offset: number): boolean {
  const view = new DataView(readBytes(device, offset, g.clusterSize).buffer);
  let entries = 0;
  let last = -1;
  for (let at = 0; at < g.clusterSize; at += g.l2EntrySize) {
    const hi = view.getInt32(at);
    const lo = view.getInt32(at + 4);
    if ((hi | (lo & ~1)) === 0) continue;
    if ((hi & L2Entry.mask.compressed.hi) !== 0) {
      if ((hi & COPIED) !== 0 || compressedRange(g, hi, lo).offset >= device.size) return false;
    } else {
      const host = masked(L2Entry.mask.offset, hi, lo);
      const inPlace = host > 0 && host % g.clusterSize === 0 && (g.dataFile || host < device.size);
      if (hasReservedBits(L2Entry, hi, lo) || !inPlace || host === last || host === offset) return false;
      last = host;
    }
    entries++;
  }
  return entries > 0;
}
