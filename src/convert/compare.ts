/**
 * Whether two images of one file map the same guest bytes to the same host bytes: the last look before a header is
 * written, and the answer to "what is still to be mapped?".
 *
 * Kinds are compared by what the guest reads: an allocated zero cluster is a zero cluster, and without a backing file
 * unallocated reads as zeros too.
 */
import {
  DATA,
  type ExtentColumns,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex } from '../bytes/size.ts';
import type { Image } from '../drivers/driver.ts';

/** The first guest range that the two images map differently. Bytes. */
export interface MappingDifference {
  readonly guest: number;
  readonly length: number;
  /** What each says, in words: `data at host 0x50000`, `zeros`, `nothing`. */
  readonly source: string;
  readonly target: string;
}

/** Walks both mappings once, side by side, from guest byte `from` to `to` - 1. Answers the first difference, or undefined. */
export function* firstDifference(
  source: Image,
  target: Image,
  from = 0,
  to = source.size,
): Generator<Progress, MappingDifference | undefined> {
  const zeroIsNothing = source.info().backing === undefined;
  const a = new Cursor(source, zeroIsNothing, from, to);
  // What a target has behind the source's end is a difference.
  const b = new Cursor(target, zeroIsNothing, from, to === source.size ? Math.max(to, target.size) : to);
  let steps = 0;
  while (!a.done && !b.done) {
    const length = Math.min(a.left, b.left);
    if (a.reads !== b.reads || (a.reads === DATA && a.host !== b.host)) {
      return { guest: a.guest, length, source: a.text(), target: b.text() };
    }
    a.advance(length);
    b.advance(length);
    if ((++steps & 0xffff) === 0) yield { what: 'verifying', done: a.guest, total: source.size, unit: 'bytes' };
  }
  return a.done && b.done ? undefined : { guest: a.guest, length: a.left + b.left, source: a.text(), target: b.text() };
}

/** A place in an image's mapping, moving forward by any number of bytes. */
class Cursor {
  guest: number;
  /** Bytes left of the run. */
  left = 0;
  host = 0;
  /** The kind as the guest sees it. */
  reads = UNALLOCATED;
  done = false;
  readonly #batches: Iterator<ExtentColumns>;
  readonly #zeroIsNothing: boolean;
  readonly #to: number;
  #batch: ExtentColumns | undefined;
  #row = 0;

  constructor(image: Image, zeroIsNothing: boolean, from: number, to: number) {
    this.#batches = image.mappings(from, to)[Symbol.iterator]();
    this.#zeroIsNothing = zeroIsNothing;
    this.guest = from;
    this.#to = to;
    this.#next();
  }

  advance(length: number): void {
    this.guest += length;
    this.host += length;
    this.left -= length;
    if (this.left === 0) this.#next();
  }

  text(): string {
    if (this.done) return 'the end of the disk';
    if (this.reads === DATA) return `data at host ${hex(this.host)}`;
    return this.reads === ZERO ? 'zeros' : this.reads === UNALLOCATED ? 'nothing' : 'something that cannot be mapped';
  }

  #next(): void {
    while (!this.#batch || this.#row >= this.#batch.count) {
      const step = this.#batches.next();
      if (step.done) {
        this.done = true;
        return;
      }
      this.#batch = step.value;
      this.#row = 0;
    }
    const { kind, guest, length, host, unit, end } = this.#batch;
    const i = this.#row++;
    // The first row may begin before `from`, and the last may reach past `to`, by less than a unit.
    const start = (guest[i] as number) * unit;
    this.left = Math.min(start + (length[i] as number) * unit, end, this.#to) - this.guest;
    this.host = (host[i] as number) * unit + this.guest - start;
    this.reads = asRead(kind[i] as number, this.#zeroIsNothing);
  }
}

function asRead(kind: number, zeroIsNothing: boolean): number {
  if (kind === ZERO || kind === ZERO_ALLOCATED) return zeroIsNothing ? UNALLOCATED : ZERO;
  return kind === UNALLOCATED_ALLOCATED ? UNALLOCATED : kind;
}
