/**
 * Each L2 table of the file once, however many L1 entries point to it, with how often it is used. What the second
 * walk of check (entries), its COPIED pass and its search for owners have in common.
 */

import { ClusterBitmap } from '../../bytes/cluster-bitmap.ts';
import type { Claims } from './check-claims.ts';
import type { L1Tables } from './check-l1.ts';

/**
 * Bytes of the file used as L2 entries. A cluster-aligned table is one piece; tables at odd offsets may overlap each
 * other and are cut where one begins or ends.
 */
export interface L2Piece {
  /** File offset and length, inside the file. */
  readonly offset: number;
  readonly length: number;
  /** How many L1 entries of the active table, and of snapshots', use these bytes. */
  readonly active: number;
  readonly inactive: number;
  /** How many of the active uses begin with this piece; the others began in the piece before. */
  readonly begins: number;
  /** File offset of a table that covers the piece, of the L1 entry that points to it, and whether that one is active. */
  readonly table: number;
  readonly l1Word: number;
  readonly isActive: boolean;
}

/** Tables of the active L1 in guest order, then those only snapshots use, then odd ones in file order. */
export function* l2Pieces(claims: Claims, l1: L1Tables, activeOnly = false): Generator<L2Piece> {
  const walked = new ClusterBitmap();
  for (const isActive of activeOnly ? [true] : [true, false]) {
    for (const { words, count, offset } of isActive ? l1.activeBatches() : l1.inactiveBatches()) {
      for (let i = 0; i < count; i++) {
        const cluster = tableCluster(claims, words[2 * i + 1] as number, words[2 * i] as number);
        if (cluster < 0 || walked.testAndSet(cluster)) continue;
        yield alignedPiece(claims, l1, cluster, offset + 8 * i, isActive);
      }
    }
  }
  yield* oddPieces(claims, l1);
}

/** The cluster of the aligned L2 table that an L1 entry points to inside the file, or -1. */
function tableCluster(claims: Claims, hi: number, lo: number): number {
  if ((hi | lo) === 0) return -1;
  const { g, device } = claims;
  const { oddHi, oddLo, up, down, limit } = claims.plain;
  if (((hi & oddHi) | (lo & oddLo)) === 0) {
    const cluster = (hi << up) | (lo >>> down);
    return cluster < limit ? cluster : -1;
  }
  const offset = (hi & 0x00ff_ffff) * 2 ** 32 + ((lo & ~0x1ff) >>> 0);
  return offset % g.clusterSize === 0 && offset < device.size ? offset / g.clusterSize : -1;
}

function alignedPiece(claims: Claims, l1: L1Tables, cluster: number, l1Word: number, isActive: boolean): L2Piece {
  const { clusterSize } = claims.g;
  const offset = cluster * clusterSize;
  const length = Math.min(clusterSize, claims.device.size - offset);
  const active = l1.active.get(cluster);
  const inactive = l1.inactive.get(cluster);
  return { offset, length, active, inactive, begins: active, table: offset, l1Word, isActive };
}

function* oddPieces(claims: Claims, l1: L1Tables): Generator<L2Piece> {
  const { clusterSize } = claims.g;
  const tables = [...l1.odd].sort(([a], [b]) => a - b);
  const startOf = (i: number): number => tables[i]?.[0] ?? Number.POSITIVE_INFINITY;
  let active = 0;
  let inactive = 0;
  let begun = 0;
  let ended = 0;
  for (let at = startOf(0); ended < tables.length; ) {
    let begins = 0;
    for (; startOf(ended) + clusterSize === at; ended++) {
      active -= tables[ended]?.[1].active ?? 0;
      inactive -= tables[ended]?.[1].inactive ?? 0;
    }
    for (; startOf(begun) === at; begun++) {
      begins += tables[begun]?.[1].active ?? 0;
      active += tables[begun]?.[1].active ?? 0;
      inactive += tables[begun]?.[1].inactive ?? 0;
    }
    const next = Math.min(startOf(begun), startOf(ended) + clusterSize);
    const latest = tables[begun - 1];
    const length = Math.min(next, claims.device.size) - at;
    if (latest && active + inactive > 0 && length > 0) {
      const { l1Word, isActive } = latest[1];
      yield { offset: at, length, active, inactive, begins, table: latest[0], l1Word, isActive };
    }
    at = next;
  }
}
