/**
 * Check, second walk: the entries of every L2 table, each table once. The loop here takes what honest images are made
 * of (plain aligned data clusters with COPIED, and empty entries) and counts runs of clusters, 32 to a word; every
 * other entry goes to `L2Rules`, which knows all rules and alone could do the whole walk (a property test holds the
 * two to each other).
 *
 * Invariants:
 *  1. `rules.next` and `rules.linked` are up to date whenever `rules.entry` runs, so that fragmentation comes out as
 *     qemu-img counts it, whoever handles an entry.
 *  2. A run is counted when it ends: at a gap, before `rules.entry`, at the end of the piece.
 */
import type { Progress } from '../../bytes/progress.ts';
import type { Claims } from './check-claims.ts';
import { COPIED, type L1Tables, oddHighBits } from './check-l1.ts';
import { L2Rules } from './check-l2-entry.ts';
import { type L2Piece, l2Pieces } from './check-l2-pieces.ts';

/** Bytes of tables between two reports of progress. */
const PROGRESS_BYTES = 4 * 1024 * 1024;

/** Walks every L2 table; answers the counters and what the passes after it need to know. */
export function* countL2Tables(claims: Claims, l1: L1Tables): Generator<Progress, L2Rules> {
  const rules = new L2Rules(claims, l1);
  const reader = new L2Reader(claims);
  let done = 0;
  let unreported = 0;
  for (const piece of l2Pieces(claims, l1)) {
    rules.begin(piece);
    countEntries(reader.read(piece), piece, claims, rules);
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

function countEntries(words: Int32Array, piece: L2Piece, claims: Claims, rules: L2Rules): void {
  const { g } = claims;
  const stride = g.l2EntrySize / 4;
  const extended = stride === 4;
  const oddHi = oddHighBits(g);
  const inCluster = g.clusterSize - 1;
  const up = 32 - g.clusterBits;
  const down = g.clusterBits;
  // Entries that hold nothing: 0, and 1 (reads as zeros) where that flag exists.
  const holdsSomething = g.version === 3 && !extended ? ~1 : ~0;
  const limit = g.dataFile ? 0 : Math.min(Math.ceil(claims.device.size / g.clusterSize), 2 ** 31);
  const times = piece.active + piece.inactive;
  let start = 0;
  let next = rules.nextCluster();
  let run = 0;
  for (let o = 0; o < words.length; o += stride) {
    const lo = words[o] as number;
    const hi = words[o + 1] as number;
    if ((((hi ^ COPIED) & oddHi) | (lo & inCluster)) === 0) {
      const cluster = (hi << up) | (lo >>> down);
      if (
        cluster > 0 &&
        cluster < limit &&
        !(extended && ((words[o + 2] as number) & (words[o + 3] as number)) !== 0)
      ) {
        if (cluster === next) {
          if (run === 0) start = cluster;
          run++;
        } else {
          if (run > 0) claims.addRun(start, run, times);
          rules.allocated(run);
          rules.breaks();
          start = cluster;
          run = 1;
        }
        next = cluster + 1;
        continue;
      }
    } else if ((hi | (lo & holdsSomething)) === 0 && !(extended && words[o + 2] !== 0)) {
      continue;
    }
    if (run > 0) claims.addRun(start, run, times);
    rules.allocated(run);
    run = 0;
    rules.setNextCluster(next);
    rules.entry(hi, lo, extended ? (words[o + 3] as number) : 0, extended ? (words[o + 2] as number) : 0, 4 * o);
    next = rules.nextCluster();
  }
  if (run > 0) claims.addRun(start, run, times);
  rules.allocated(run);
  rules.setNextCluster(next);
}
