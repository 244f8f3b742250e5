/**
 * Entries of a regular table that differ: found by their bytes, named only where they are told. A table of millions
 * of entries costs a comparison of its bytes and the names of a few.
 *
 * Invariants:
 *  1. Told changes are disjoint; counters of fewer than eight bits share a byte only when each is told by itself.
 *  2. Folded, a table is told in at most RUNS_TOLD changes.
 */
import type { Field } from '../bytes/field.ts';
import type { Range } from '../bytes/ranges.ts';
import type { Pair, TwoMoments } from './diff-bytes.ts';
import type { Change, FieldChange } from './diff-change.ts';
import type { Piece } from './diff-pieces.ts';
import type { DiffSide } from './diff-side.ts';

/** Runs of neighbouring entries told one by one; where a table has more, they are one. */
const RUNS_TOLD = 8;
/** Bytes looked at to learn what a table is like. */
const SAMPLE = 64;
const INDEXED = /^(.*)\[(\d+)\]$/;

/** A table of equal entries from `base` (bytes) on. */
export interface Shape {
  readonly base: number;
  /** Bytes of an entry's field, and how many entries share them: 1 from eight bits on. */
  readonly size: number;
  readonly perByte: number;
  readonly count: number;
}

/** What the piece's structure is like; undefined where it is no table of equal entries. */
export function shapeOf({ region, side }: Piece): Shape | undefined {
  const { offset, length } = region;
  const sample = side.fields(region, offset, offset + Math.min(SAMPLE, length));
  const [first, second] = sample;
  if (!first || !second || first.offset !== offset) return undefined;
  const at = sample.map(({ path }) => INDEXED.exec(path));
  const start = Number(at[0]?.[2]);
  const perByte = sample.findIndex((field) => field.offset !== first.offset);
  const stride = perByte === 1 ? second.offset - first.offset : 1;
  const { size } = first;
  const isRegular = sample.every(
    (field, i) =>
      at[i]?.[1] === at[0]?.[1] &&
      Number(at[i]?.[2]) === start + i &&
      field.size === size &&
      field.offset === offset + Math.floor(i / perByte) * stride,
  );
  if (!isRegular || size !== stride || perByte < 1) return undefined;
  const count = entriesIn(side, region, size) * perByte;
  return { base: offset, size, perByte, count };
}

/** Places of entries in the region: the last may be less than the room, where a table does not fill its clusters. */
function entriesIn(side: DiffSide, region: Piece['region'], size: number): number {
  const { offset, length } = region;
  const has = (i: number): boolean => side.fields(region, offset + i * size, offset + i * size + 1).length > 0;
  let low = 0;
  let high = Math.floor(length / size);
  if (high > 0 && has(high - 1)) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (has(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Neighbouring entries that changed; `count` of them between the two. */
interface Run {
  first: number;
  last: number;
  count: number;
}

export class TableDiff {
  readonly #piece: Piece;
  readonly #shape: Shape;
  readonly #moments: TwoMoments;

  constructor(piece: Piece, shape: Shape, moments: TwoMoments) {
    this.#piece = piece;
    this.#shape = shape;
    this.#moments = moments;
  }

  /** The end of its entries (bytes): what lies behind is not told here. */
  get end(): number {
    const { base, size, perByte, count } = this.#shape;
    return Math.min(base + Math.ceil(count / perByte) * size, this.#piece.to);
  }

  /** The whole table as one change, where it is at one of the moments only. */
  *whole(): Generator<undefined, Change> {
    const { from, moment } = this.#piece;
    const { perByte, size } = this.#shape;
    const bits = this.#bits;
    let set = 0;
    for (const pair of this.#moments.pairs({ offset: from, length: this.end - from })) {
      const bytes = moment === 'after' ? pair.after : pair.before;
      if (perByte === 1) set += setEntries(bytes, size);
      else
        for (const byte of bytes) for (let k = 0; k < perByte; k++) if ((byte >>> (k * bits)) & (2 ** bits - 1)) set++;
      yield;
    }
    const first = ((from - this.#shape.base) / size) * perByte;
    const entries = ((this.end - from) / size) * perByte;
    const name = this.#span(this.#field(first).path, first, first + entries - 1);
    return {
      kind: 'table',
      name,
      offset: from,
      length: this.end - from,
      state: moment === 'after' ? 'new' : 'gone',
      entries,
      set,
    };
  }

  /** Each entry that changed. Yields between pieces of bytes. */
  *each(parts: Iterable<Range>, tell: (change: Change) => void): Generator<undefined, void> {
    yield* this.#changed(parts, (entry) => tell({ kind: 'field', ...this.#change(entry) }));
  }

  /** The same, neighbours folded. */
  *folded(parts: Iterable<Range>, tell: (change: Change) => void): Generator<undefined, void> {
    const runs: Run[] = [];
    const all: Run = { first: -1, last: -1, count: 0 };
    const { perByte } = this.#shape;
    yield* this.#changed(parts, (entry) => {
      const run = runs.at(-1);
      const goesOn = run && (entry === run.last + 1 || Math.floor(entry / perByte) === Math.floor(run.last / perByte));
      if (run && goesOn) {
        run.last = entry;
        run.count++;
      } else if (runs.length <= RUNS_TOLD) runs.push({ first: entry, last: entry, count: 1 });
      if (all.count === 0) all.first = entry;
      all.last = entry;
      all.count++;
    });
    for (const run of runs.length > RUNS_TOLD ? [all] : runs) tell(this.#told(run));
  }

  get #bits(): number {
    return 8 / this.#shape.perByte;
  }

  #told({ first, last, count }: Run): Change {
    const one = this.#change(first);
    if (count === 1) return { kind: 'field', ...one };
    const other = this.#change(last);
    return {
      kind: 'entries',
      name: this.#span(one.name, first, last),
      offset: one.offset,
      length: other.offset + other.length - one.offset,
      count,
      span: last - first + 1,
      first: one,
      last: other,
    };
  }

  /** Numbers of the entries whose bytes differ. */
  *#changed(parts: Iterable<Range>, take: (entry: number) => void): Generator<undefined, void> {
    const { base, size, perByte } = this.#shape;
    const { end } = this;
    for (const part of parts) {
      // Pages and sectors hold whole entries; a part that cuts one begins with it.
      const offset = part.offset - ((part.offset - base) % size);
      const stop = Math.min(part.offset + part.length, end);
      for (const pair of this.#moments.pairs({ offset, length: Math.max(0, stop - offset) })) {
        if (!Buffer.from(pair.before).equals(pair.after)) this.#compare(pair, perByte, take);
        yield;
      }
    }
  }

  #compare({ offset, before, after }: Pair, perByte: number, take: (entry: number) => void): void {
    const { base, size } = this.#shape;
    const mask = 2 ** this.#bits - 1;
    for (let i = 0; i < before.length; ) {
      if (before[i] === after[i]) {
        i++;
        continue;
      }
      const place = Math.floor((offset + i - base) / size);
      if (perByte === 1) take(place);
      else {
        const differing = (before[i] as number) ^ (after[i] as number);
        for (let k = 0; k < perByte; k++) if ((differing >>> (k * this.#bits)) & mask) take(place * perByte + k);
      }
      i = (place + 1) * size + base - offset;
    }
  }

  #change(entry: number): FieldChange {
    const { side, region, moment } = this.#piece;
    const { perByte } = this.#shape;
    const own = this.#field(entry);
    const { offset, size } = own;
    const pair = this.#moments.at(offset, size);
    const other = moment === 'after' ? pair.before : pair.after;
    const fields = side.fieldsOver(region, offset, other).filter((field) => field.offset === offset);
    const text = fields[perByte === 1 ? 0 : entry % perByte]?.text ?? `0x${Buffer.from(other).toString('hex')}`;
    const texts = moment === 'after' ? { old: text, new: own.text } : { old: own.text, new: text };
    return { name: `${side.prefix}${own.path}`, offset, length: size, ...texts };
  }

  #field(entry: number): Field {
    const { side, region } = this.#piece;
    const { base, size, perByte } = this.#shape;
    const offset = base + Math.floor(entry / perByte) * size;
    const fields = side.fields(region, offset, offset + size).filter((field) => field.offset === offset);
    const field = fields[perByte === 1 ? 0 : entry % perByte];
    if (!field) throw new Error(`${region.role} at ${region.offset} has no entry ${entry}`);
    return field;
  }

  /** `l2[0][16]` and further entries as `l2[0][16..47]`. */
  #span(path: string, first: number, last: number): string {
    const [, before = path, index = '0'] = INDEXED.exec(path) ?? [];
    const { prefix } = this.#piece.side;
    const name = before.startsWith(prefix) ? before : prefix + before;
    return `${name}[${index}..${Number(index) + last - first}]`;
  }
}

/** Entries of `size` bytes that are not all 0. */
function setEntries(bytes: Uint8Array, size: number): number {
  let set = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0) continue;
    set++;
    // On to the last byte of the entry.
    i += size - 1 - (i % size);
  }
  return set;
}
