/**
 * Check, second walk: the entries of every L2 table, each table once. The loop here takes what honest images are made
 * of (aligned data clusters in the file, and empty entries) and counts runs of clusters, 32 to a word; every
 * other entry goes to `L2Rules`, which knows all rules and alone could do the whole walk (a property test holds the
 * two to each other).
 *
 * Invariants:
 *  1. `rules` knows the last allocated cluster whenever `rules.entry` runs, so that fragmentation comes out as qemu-img
 *     counts it, whoever handles an entry.
 *  2. A run is counted when it ends: at the first cluster elsewhere, before an odd entry, at the end of a block.
 */
import type { Progress } from '../../bytes/progress.ts';
import { type Claims, COPIED } from './check-claims.ts';
import type { L1Tables } from './check-l1.ts';
import { L2Rules } from './check-l2-entry.ts';
import { type L2Piece, l2Pieces } from './check-l2-pieces.ts';

/** Bytes of tables between two reports of progress. */
const PROGRESS_BYTES = 4 * 1024 * 1024;

/** Walks every L2 table; answers the counters and what the passes after it need to know. */
export function* countL2Tables(claims: Claims, l1: L1Tables): Generator<Progress, L2Rules> {
  const rules = new L2Rules(claims, l1);
  const reader = new L2Reader(claims);
  const runs: Runs = { pairs: new Int32Array(BLOCK_WORDS + 2), used: 0, allCopied: true };
  let done = 0;
  let unreported = 0;
  for (const piece of l2Pieces(claims, l1)) {
    countPiece(reader.read(piece), piece, claims, rules, runs);
    done++;
    unreported += piece.length;
    if (unreported >= PROGRESS_BYTES) {
      unreported = 0;
      yield { what: 'l2 tables', done, total: Math.max(done, l1.activeEntries) };
    }
  }
  return rules;
}

/** Reads pieces of L2 tables into one reused buffer, as [lo, hi] words; behind the end of the file they are zero. */
export class L2Reader {
  readonly #claims: Claims;
  readonly #bytes: Buffer;
  readonly #words: Int32Array;

  constructor(claims: Claims) {
    this.#claims = claims;
    this.#bytes = Buffer.alloc(claims.g.clusterSize);
    this.#words = new Int32Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length / 4);
  }

  /** Whole entries: 2 words each, 4 with extended L2. */
  read({ offset, length }: L2Piece): Int32Array {
    const { l2EntrySize } = this.#claims.g;
    const size = Math.ceil(length / l2EntrySize) * l2EntrySize;
    const part = this.#bytes.subarray(0, size);
    this.#claims.device.read(offset, part);
    part.swap64();
    return size === this.#bytes.length ? this.#words : this.#words.subarray(0, size / 4);
  }
}

/**
 * Words looked at by one call of `plainEntries`. Were it called for whole tables, it would be compiled in the middle of
 * its first loop, before what follows the loop has ever run, and thrown away at the loop's end.
 */
const BLOCK_WORDS = 1024;

/**
 * The runs of host clusters in one block: pairs of first cluster and end (exclusive). The first pair continues the last
 * cluster before the block, and is empty where nothing does.
 */
export interface Runs {
  readonly pairs: Int32Array;
  /** Numbers in use in `pairs`. */
  used: number;
  /** Whether the entries of all these clusters have COPIED. */
  allCopied: boolean;
}

function countPiece(words: Int32Array, piece: L2Piece, claims: Claims, rules: L2Rules, runs: Runs): void {
  const extended = claims.g.l2EntrySize === 16;
  rules.begin(piece);
  for (let o = 0; o < words.length; ) {
    const end = Math.min(o + BLOCK_WORDS, words.length);
    if (!claims.g.dataFile) {
      runs.pairs[0] = rules.nextCluster();
      o = plainEntries(words, o, end, claims, runs);
      const clusters = addRuns(runs, claims, rules.times);
      if (clusters > 0) rules.plain(clusters, runs);
      if (o >= end) continue;
    }
    const zeroBits = extended ? (words[o + 3] as number) : 0;
    const allocBits = extended ? (words[o + 2] as number) : 0;
    rules.entry(words[o + 1] as number, words[o] as number, zeroBits, allocBits, 4 * o);
    o += extended ? 4 : 2;
  }
}

/**
 * Finds the runs of plain data clusters from word `from`, skips empty entries, and answers the word where an entry
 * needs the rules, or at least `end`. It calls nothing, which keeps all it holds in registers: 3 ns an entry.
 */
function plainEntries(words: Int32Array, from: number, end: number, claims: Claims, runs: Runs): number {
  const { g } = claims;
  const { oddHi, oddLo, up, down, limit } = claims.plain;
  const { pairs } = runs;
  const extended = g.l2EntrySize === 16;
  const stride = extended ? 4 : 2;
  // Entries that hold nothing: 0, and 1 (reads as zeros) where that flag exists.
  const holdsSomething = g.version === 3 && !extended ? ~1 : ~0;
  let next = pairs[0] as number;
  let used = 1;
  let allCopied = -1;
  let o = from;
  for (; o < end; o += stride) {
    const lo = words[o] as number;
    const hi = words[o + 1] as number;
    if ((hi | (lo & holdsSomething)) === 0) {
      if (extended && words[o + 2] !== 0) break;
      continue;
    }
    const cluster = (hi << up) | (lo >>> down);
    if (((hi & oddHi) | (lo & oddLo)) !== 0 || cluster === 0 || cluster >= limit) break;
    if (extended && ((words[o + 2] as number) & (words[o + 3] as number)) !== 0) break;
    if (cluster !== next) {
      pairs[used] = next;
      pairs[used + 1] = cluster;
      used += 2;
    }
    next = cluster + 1;
    allCopied &= hi;
  }
  pairs[used] = next;
  runs.used = used + 1;
  runs.allCopied = (allCopied & COPIED) !== 0;
  return o;
}

/** Counts every cluster of the runs `times` times; answers how many clusters they are. */
function addRuns({ pairs, used }: Runs, claims: Claims, times: number): number {
  const { counts } = claims;
  let clusters = 0;
  for (let i = 0; i < used; i += 2) {
    const first = pairs[i] as number;
    const count = (pairs[i + 1] as number) - first;
    clusters += count;
    if (count === 1 && times === 1 && counts.addFirst(first)) continue;
    if (count > 0) claims.addRun(first, count, times);
  }
  return clusters;
}
