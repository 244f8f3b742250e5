/**
 * Check, a last walk where findings asked for it: every field that leads to a cluster with the wrong number of
 * references, in the order header, L1 tables, L2 tables, refcount table, bitmaps.
 */
import { masked } from '../../bytes/bits.ts';
import type { Progress } from '../../bytes/progress.ts';
import type { Bitmaps } from './bitmaps.ts';
import { bitmapEntries } from './check-bitmaps.ts';
import type { Claims } from './check-claims.ts';
import type { L1Tables } from './check-l1.ts';
import { L2Reader } from './check-l2.ts';
import { whereOfEntry } from './check-l2-entry.ts';
import { l2Pieces } from './check-l2-pieces.ts';
import { hostRange } from './check-owners.ts';
import type { RefcountTable } from './check-refcount-table.ts';
import { L1Entry, RefcountTableEntry } from './layout.ts';

export function* findReferences(
  claims: Claims,
  l1: L1Tables,
  table: RefcountTable,
  bitmaps: Bitmaps,
): Generator<Progress, void> {
  const { g, wanted } = claims;
  if (!wanted.any) return;
  for (const { offset, length, where } of claims.owners) wanted.found(offset, length, g.clusterSize, where);
  for (const isActive of [true, false]) {
    for (const { words, count, offset: start } of isActive ? l1.activeBatches() : l1.inactiveBatches()) {
      for (let i = 0; i < count; i++) {
        const offset = masked(L1Entry.mask.offset, words[2 * i + 1] as number, words[2 * i] as number);
        if (offset !== 0) wanted.found(offset, g.clusterSize, g.clusterSize, () => l1.whereOf(start + 8 * i, isActive));
      }
    }
  }
  yield* inL2(claims, l1);
  for (let i = 0; i < table.entries; i++) {
    const offset = table.block(i);
    if (offset === 0) continue;
    wanted.found(offset, g.clusterSize, g.clusterSize, () => ({
      offset: g.refcountTableOffset + 8 * i,
      length: 8,
      path: `refcount_table[${i}]`,
      spec: RefcountTableEntry.spec,
    }));
  }
  for (const { host, where } of bitmapEntries(claims, bitmaps.bitmaps)) {
    if (host !== 0) wanted.found(host, g.clusterSize, g.clusterSize, where);
  }
}

function* inL2(claims: Claims, l1: L1Tables): Generator<Progress, void> {
  const { g, wanted, device } = claims;
  const reader = new L2Reader(claims);
  let done = 0;
  for (const piece of l2Pieces(claims, l1)) {
    const words = reader.read(piece);
    for (let o = 0; o < words.length; o += g.l2EntrySize / 4) {
      const { offset, length } = hostRange(claims, words[o + 1] as number, words[o] as number);
      if (length === 0 || offset >= device.size) continue;
      wanted.found(offset, length, g.clusterSize, () => whereOfEntry(claims, l1, piece, 4 * o));
    }
    if (++done % 16 === 0) yield { what: 'references', done, total: Math.max(done, l1.activeEntries) };
  }
}
