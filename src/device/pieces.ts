/**
 * A file as it would be with some recorded writes done to it: the file itself and a sorted list of pieces that stand
 * over it, each a stretch of a log. No byte is copied, so thousands of such states of one large file cost little.
 *
 * Invariants (test/device/pieces.test.ts, against a device in memory):
 *  1. Pieces are sorted and do not overlap; what was put last is what is read.
 *  2. The base shows only below the least size there ever was: what a shrink cut off never shows again.
 */
import type { ByteLog } from './byte-log.ts';
import type { Device } from './device.ts';

interface Piece {
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  /** Where its bytes begin in the log. */
  readonly at: number;
}

export class Pieces implements Device {
  readonly name: string;
  readonly #base: Device;
  /** Undefined: what was put cannot be read. */
  readonly #log: ByteLog | undefined;
  #pieces: Piece[];
  #size: number;
  #baseLimit: number;

  constructor(base: Device, log: ByteLog | undefined, like?: Pieces) {
    this.name = base.name;
    this.#base = base;
    this.#log = log;
    this.#pieces = like ? [...like.#pieces] : [];
    this.#size = like ? like.#size : base.size;
    this.#baseLimit = like ? like.#baseLimit : base.size;
  }

  /** The same state, to be changed by itself. */
  clone(): Pieces {
    return new Pieces(this.#base, this.#log, this);
  }

  get size(): number {
    return this.#size;
  }

  /** `length` bytes of the log, from `at` on, stand at `offset`. Bytes. */
  put(offset: number, length: number, at: number): void {
    if (length === 0) return;
    const end = offset + length;
    const first = this.#firstEndingAfter(offset);
    let last = first;
    const kept: Piece[] = [];
    for (let piece = this.#pieces[last]; piece && piece.offset < end; piece = this.#pieces[++last]) {
      if (piece.offset < offset) kept.push({ ...piece, length: offset - piece.offset });
    }
    kept.push({ offset, length, at });
    const over = this.#pieces[last - 1];
    if (last > first && over && over.offset + over.length > end) {
      const cut = end - over.offset;
      kept.push({ offset: end, length: over.length - cut, at: over.at + cut });
    }
    this.#pieces.splice(first, last - first, ...kept);
    this.#size = Math.max(this.#size, end);
  }

  /** Grows with zeros, or cuts. */
  resize(size: number): void {
    if (size < this.#size) {
      const last = this.#firstEndingAfter(size);
      const piece = this.#pieces[last];
      const kept = piece && piece.offset < size ? [{ ...piece, length: size - piece.offset }] : [];
      this.#pieces.splice(last, this.#pieces.length - last, ...kept);
      this.#baseLimit = Math.min(this.#baseLimit, size);
    }
    this.#size = size;
  }

  read(offset: number, target: Uint8Array): void {
    const end = offset + target.length;
    let at = offset;
    for (let i = this.#firstEndingAfter(offset); at < end; i++) {
      const piece = this.#pieces[i];
      const start = Math.min(piece?.offset ?? end, end);
      if (at < start) this.#readBase(at, target.subarray(at - offset, start - offset));
      if (!piece || start === end) return;
      const from = Math.max(at, start);
      at = Math.min(piece.offset + piece.length, end);
      if (!this.#log) throw new Error(`${this.name}: only sizes were recorded, and ${from} is read; this is a bug`);
      this.#log.read(piece.at + (from - piece.offset), target.subarray(from - offset, at - offset));
    }
  }

  write(): never {
    throw new Error(`${this.name} is a view of a recorded state; writing to it is a bug`);
  }

  flush(): void {}

  #readBase(offset: number, target: Uint8Array): void {
    const present = Math.max(0, Math.min(target.length, this.#baseLimit - offset));
    if (present > 0) this.#base.read(offset, target.subarray(0, present));
    target.fill(0, present);
  }

  /** Index of the first piece that ends behind `offset`. */
  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const piece = this.#pieces[middle] as Piece;
      if (piece.offset + piece.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
