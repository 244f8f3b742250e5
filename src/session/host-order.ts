/**
 * The rows of a table in the order of the file: a permutation, made by a radix sort in slices. The highest digit
 * first, so that no second permutation is needed beside it (four bytes a row), then each bucket by its low digits.
 *
 * Invariants:
 *  1. Rows are in ascending host order, those at the same byte in guest order; kinds without a place are left out.
 *  2. Before the sort, the store's `host` of compressed and invalid rows is where `placeOf` says they point.
 */
import { COMPRESSED, hasHost, INVALID } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { CHUNK, type ExtentStore } from './extent-store.ts';

const KINDS = 8;
const BLOCK = 256;
/** Bits of the digit that makes the buckets. */
const TOP_BITS = 12;
const LOW_BITS = 11;
const WHAT = 'order by host';
/** Look-ups in the image, and rows sorted, between two yields. */
const PLACES_A_SLICE = 256;
/** The first buckets are sorted by code that is not compiled yet: a tenth of its later speed. */
const SORTED_A_SLICE = 4096;

/** Where a compressed or invalid row points. Bytes; undefined: nowhere. */
export type PlaceOf = (guest: number) => number | undefined;

export class HostOrder {
  readonly #store: ExtentStore;
  /** Bytes of the file that a compressed stream of one row takes at most. */
  readonly #streamBytes: number;
  #rows = new Uint32Array(0);
  /** For each block of 256 places: how many rows there are of each kind before it. */
  #before = new Uint32Array(0);
  readonly #counts = new Uint32Array(KINDS);
  /** Units: the furthest end of the rows of a block, and of all blocks up to it. */
  #reach = new Float64Array(0);
  #reachSoFar = new Float64Array(0);
  complete = false;

  constructor(store: ExtentStore, streamBytes: number) {
    this.#store = store;
    this.#streamBytes = streamBytes;
  }

  /** The store must be finished. */
  *build(placeOf: PlaceOf): Generator<Progress, void> {
    const store = this.#store;
    yield* placeOddRows(store, placeOf);
    const count = [...Array(KINDS).keys()].reduce((sum, kind) => sum + (isOrdered(kind) ? store.countOf(kind) : 0), 0);
    // Whole units are enough to tell hosts apart, but for streams, which begin at any byte.
    const scale = store.countOf(COMPRESSED) + store.countOf(INVALID) > 0 ? store.unit : 1;
    const blocks = Math.ceil(count / BLOCK);
    this.#rows = new Uint32Array(count);
    this.#before = new Uint32Array((blocks + 1) * KINDS);
    this.#reach = new Float64Array(blocks);
    this.#reachSoFar = new Float64Array(blocks);
    const starts = yield* this.#scatter(scale);
    yield* this.#sortBuckets(starts, scale);
    this.complete = true;
  }

  /** How many rows of the kinds in `mask` there are. */
  countIn(mask: number): number {
    let sum = 0;
    for (let kind = 0; kind < KINDS; kind++) if ((mask >>> kind) & 1) sum += this.#counts[kind] as number;
    return sum;
  }

  /** The row at place `index` among those of the kinds in `mask`; -1 past the last one. */
  select(mask: number, index: number): number {
    if (index < 0 || index >= this.countIn(mask)) return -1;
    let low = 0;
    let high = this.#reach.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#shownBefore(middle, mask) <= index) low = middle;
      else high = middle - 1;
    }
    let left = index - this.#shownBefore(low, mask);
    for (let place = low * BLOCK; ; place++) {
      const row = this.#rows[place] as number;
      if ((mask >>> this.#store.kindAt(row)) & 1 && left-- === 0) return row;
    }
  }

  /** The place of a row among those of the kinds in `mask`; -1 when it has none. */
  rank(mask: number, row: number): number {
    const store = this.#store;
    const kind = store.kindAt(row);
    if (!isOrdered(kind) || ((mask >>> kind) & 1) === 0) return -1;
    const host = store.hostAt(row);
    const place = this.#lastAtOrBefore(host, row);
    if (this.#rows[place] !== row) return -1;
    const block = Math.floor(place / BLOCK);
    let shown = this.#shownBefore(block, mask);
    for (let p = block * BLOCK; p < place; p++) shown += (mask >>> store.kindAt(this.#rows[p] as number)) & 1;
    return shown;
  }

  /**
   * The row that holds the host byte, the one that begins nearest before it where several do; -1 when none does.
   * `streamLength` tells how long the stream of a compressed row is (bytes).
   */
  rowAt(host: number, streamLength: (guest: number) => number): number {
    const { unit } = this.#store;
    const at = host / unit;
    // Streams are asked for one by one: more than this many do not begin within the length of one.
    let asks = PLACES_A_SLICE / 4;
    for (let place = this.#lastAtOrBefore(at); place >= 0; ) {
      const block = Math.floor(place / BLOCK);
      if ((this.#reachSoFar[block] as number) <= at) return -1;
      const first = block * BLOCK;
      if ((this.#reach[block] as number) > at) {
        for (; place >= first; place--) {
          const row = this.#rows[place] as number;
          const start = this.#store.hostAt(row);
          if (this.#mayReach(row) <= at - start) continue;
          if (this.#store.kindAt(row) !== COMPRESSED) return row;
          if (asks-- === 0) return -1;
          if (streamLength(this.#store.guestAt(row) * unit) > host - start * unit) return row;
        }
      }
      place = first - 1;
    }
    return -1;
  }

  /** Units of the file from its host on that a row may hold. */
  #mayReach(row: number): number {
    const kind = this.#store.kindAt(row);
    if (kind === INVALID) return 0;
    return kind === COMPRESSED ? this.#streamBytes / this.#store.unit : this.#store.lengthAt(row);
  }

  /** The last place whose row begins before the host (units), or at it and is not behind `row`; -1: there is none. */
  #lastAtOrBefore(host: number, row = Number.POSITIVE_INFINITY): number {
    let low = 0;
    let high = this.#rows.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const other = this.#rows[middle] as number;
      const at = this.#store.hostAt(other);
      if (at < host || (at === host && other <= row)) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  /** Puts the rows into buckets by their highest digit, in guest order; answers where each bucket begins. */
  *#scatter(scale: number): Generator<Progress, Float64Array> {
    const chunks = this.#store.chunks.length;
    const kinds = new Float64Array(CHUNK);
    const hosts = new Float64Array(CHUNK);
    let most = 0;
    for (let c = 0; c < chunks; c++) {
      const rows = this.#load(c, kinds, hosts);
      for (let i = 0; i < rows; i++) if ((hosts[i] as number) > most) most = hosts[i] as number;
      yield { what: WHAT, done: c, total: chunks * 4 };
    }
    const width = 2 ** Math.max(bitsOf(most * scale) - TOP_BITS, 0) / scale;
    const starts = new Float64Array(2 ** TOP_BITS + 2);
    for (let c = 0; c < chunks; c++) {
      const rows = this.#load(c, kinds, hosts);
      for (let i = 0; i < rows; i++) {
        if (!isOrdered(kinds[i] as number)) continue;
        const after = Math.floor((hosts[i] as number) / width) + 1;
        starts[after] = (starts[after] as number) + 1;
      }
      yield { what: WHAT, done: chunks + c, total: chunks * 4 };
    }
    for (let b = 1; b < starts.length; b++) starts[b] = (starts[b] as number) + (starts[b - 1] as number);
    const next = starts.slice();
    for (let c = 0; c < chunks; c++) {
      const rows = this.#load(c, kinds, hosts);
      for (let i = 0; i < rows; i++) {
        if (!isOrdered(kinds[i] as number)) continue;
        const bucket = Math.floor((hosts[i] as number) / width);
        const place = next[bucket] as number;
        next[bucket] = place + 1;
        this.#rows[place] = c * CHUNK + i;
      }
      yield { what: WHAT, done: chunks * 2 + c, total: chunks * 4 };
    }
    return starts;
  }

  *#sortBuckets(starts: Float64Array, scale: number): Generator<Progress, void> {
    const total = this.#rows.length;
    const sorter = new BucketSorter();
    let since = 0;
    for (let b = 0; b + 1 < starts.length; b++) {
      const from = starts[b] as number;
      const to = starts[b + 1] as number;
      if (from === to) continue;
      const keys = yield* sorter.sort(this.#rows.subarray(from, to), (row) => this.#store.hostAt(row) * scale);
      this.#index(from, to, keys, scale);
      since += to - from;
      if (since < SORTED_A_SLICE) continue;
      since = 0;
      yield { what: WHAT, done: total * 3 + from, total: total * 4 };
    }
  }

  /** Counts kinds and notes how far rows reach, block by block. `keys`: the hosts of places `from` .. `to` - 1, scaled. */
  #index(from: number, to: number, keys: Float64Array, scale: number): void {
    const store = this.#store;
    const rows = this.#rows;
    const counts = this.#counts;
    for (let place = from; place < to; place++) {
      const block = Math.floor(place / BLOCK);
      if (place % BLOCK === 0) {
        this.#before.set(counts, block * KINDS);
        this.#reachSoFar[block] = block > 0 ? (this.#reachSoFar[block - 1] as number) : 0;
      }
      const row = rows[place] as number;
      const kind = store.kindAt(row);
      counts[kind] = (counts[kind] as number) + 1;
      const end = (keys[place - from] as number) / scale + this.#mayReach(row);
      if (end > (this.#reach[block] as number)) this.#reach[block] = end;
      if (end > (this.#reachSoFar[block] as number)) this.#reachSoFar[block] = end;
    }
  }

  #load(index: number, kinds: Float64Array, hosts: Float64Array): number {
    const chunk = this.#store.chunks[index];
    if (!chunk) throw new Error(`chunk ${index} of the table was dropped before it was sorted`);
    const rows = this.#store.chunkCount(index);
    chunk.kind.unpack(kinds, rows);
    chunk.host.unpack(hosts, rows);
    return rows;
  }

  #shownBefore(block: number, mask: number): number {
    let sum = 0;
    for (let kind = 0; kind < KINDS; kind++) {
      if ((mask >>> kind) & 1) sum += this.#before[block * KINDS + kind] as number;
    }
    return sum;
  }
}

/** Bits that a number needs. */
function bitsOf(most: number): number {
  let bits = 0;
  while (2 ** bits <= most) bits++;
  return bits;
}

/** Kinds that have a place in the file. */
export function isOrdered(kind: number): boolean {
  return hasHost(kind) || kind === COMPRESSED || kind === INVALID;
}

/** Asks the image where compressed and invalid rows point: the walk does not say. */
function* placeOddRows(store: ExtentStore, placeOf: PlaceOf): Generator<Progress, void> {
  const odd = store.countOf(COMPRESSED) + store.countOf(INVALID);
  if (odd === 0) return;
  const hosts = new Float64Array(CHUNK);
  let done = 0;
  for (let c = 0; c < store.chunks.length; c++) {
    const { kind, guest, host } = store.chunks[c] as ExtentStore['chunks'][number];
    const rows = store.chunkCount(c);
    const before = done;
    host.unpack(hosts, rows);
    for (let i = 0; i < rows; i++) {
      const code = kind.at(i);
      if (code !== COMPRESSED && code !== INVALID) continue;
      hosts[i] = (placeOf(guest.at(i) * store.unit) ?? 0) / store.unit;
      if (++done % PLACES_A_SLICE === 0) yield { what: 'compressed clusters', done, total: odd };
    }
    if (done > before) store.placeRows(c, hosts);
  }
}

/** Least significant digit first, with room for one bucket beside it. */
class BucketSorter {
  #keys = [new Float64Array(0), new Float64Array(0)] as [Float64Array, Float64Array];
  #rows = new Uint32Array(0);

  /** Answers the keys in order; they are overwritten by the next sort. */
  *sort(rows: Uint32Array, keyOf: (row: number) => number): Generator<Progress, Float64Array> {
    const n = rows.length;
    if (this.#rows.length < n) {
      const room = Math.max(n, 4096);
      this.#rows = new Uint32Array(room);
      this.#keys = [new Float64Array(room), new Float64Array(room)];
    }
    let [keys, other] = this.#keys;
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    let sorted = true;
    for (let i = 0; i < n; i++) {
      const key = keyOf(rows[i] as number);
      if (key < most) sorted = false;
      if (key > most) most = key;
      if (key < least) least = key;
      keys[i] = key;
    }
    if (sorted) return keys;
    const bits = bitsOf(most - least);
    const passes = Math.ceil(bits / LOW_BITS);
    const digit = Math.ceil(bits / passes);
    const counts = new Uint32Array(2 ** digit + 1);
    let from: Uint32Array = rows;
    let to: Uint32Array = this.#rows;
    for (let pass = 0, divisor = 1; pass < passes; pass++, divisor *= 2 ** digit) {
      const mask = 2 ** digit - 1;
      counts.fill(0);
      for (let i = 0; i < n; i++) {
        const d = (((keys[i] as number) - least) / divisor) & mask;
        counts[d + 1] = (counts[d + 1] as number) + 1;
      }
      for (let d = 1; d <= mask; d++) counts[d] = (counts[d] as number) + (counts[d - 1] as number);
      for (let i = 0; i < n; i++) {
        const key = keys[i] as number;
        const d = ((key - least) / divisor) & mask;
        const place = counts[d] as number;
        counts[d] = place + 1;
        to[place] = from[i] as number;
        other[place] = key;
      }
      [from, to] = [to, from];
      [keys, other] = [other, keys];
      if (n >= CHUNK) yield { what: WHAT, done: 3, total: 4 };
    }
    if (from !== rows) rows.set(from.subarray(0, n));
    return keys;
  }
}
