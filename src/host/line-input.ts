/** Standard input by lines, read at once: for a front end that reads like a C program. */
import { readSync } from 'node:fs';

const STDIN = 0;
const PIECE = 65536;

export class LineInput {
  #kept = Buffer.alloc(0);
  #ended = false;

  /**
   * The next line without its end, one character per byte; a longer one in parts of `limit` bytes. Undefined at the
   * end. `waiting` is called before the program waits.
   */
  next(limit: number, waiting: () => void): string | undefined {
    for (;;) {
      const end = this.#kept.indexOf(0x0a);
      if (end >= 0 && end < limit) return this.#take(end + 1).slice(0, -1);
      if (this.#kept.length >= limit) return this.#take(limit);
      if (this.#ended) return this.#kept.length > 0 ? this.#take(this.#kept.length) : undefined;
      waiting();
      this.#read();
    }
  }

  #take(length: number): string {
    const text = this.#kept.toString('latin1', 0, length);
    this.#kept = this.#kept.subarray(length);
    return text;
  }

  #read(): void {
    const piece = Buffer.allocUnsafe(PIECE);
    for (;;) {
      try {
        const count = readSync(STDIN, piece, 0, PIECE, null);
        if (count === 0) this.#ended = true;
        this.#kept = Buffer.concat([this.#kept, piece.subarray(0, count)]);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EOF') {
          this.#ended = true;
          return;
        }
        if (code !== 'EAGAIN') throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  }
}
