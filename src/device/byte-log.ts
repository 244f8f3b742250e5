/**
 * Bytes that are appended and read back: in memory up to a limit, then in a temporary file. What a recorded commit
 * would write lies here.
 */
import { TempFile } from './temp-file.ts';

/** Bytes kept in memory. */
const MEMORY_LIMIT = 32 * 2 ** 20;
/** Bytes that are allocated together. */
const SLAB = 2 ** 20;

export class ByteLog {
  readonly #slabs: Uint8Array[] = [];
  readonly #memoryLimit: number;
  #file: TempFile | undefined;
  #length = 0;

  /** `memoryLimit`: bytes, a multiple of 1 MiB. */
  constructor(memoryLimit = MEMORY_LIMIT) {
    this.#memoryLimit = memoryLimit;
  }

  /** Bytes appended so far. */
  get length(): number {
    return this.#length;
  }

  /** Appends a copy; answers where it begins. */
  append(bytes: Uint8Array): number {
    const start = this.#length;
    for (let done = 0; done < bytes.length; ) {
      const at = start + done;
      if (at >= this.#memoryLimit) {
        this.#file ??= new TempFile();
        this.#file.write(at - this.#memoryLimit, bytes.subarray(done));
        break;
      }
      const count = Math.min(bytes.length - done, SLAB - (at % SLAB));
      this.#slab(at).set(bytes.subarray(done, done + count), at % SLAB);
      done += count;
    }
    this.#length += bytes.length;
    return start;
  }

  /** Fills `target` from `at`, which must have been appended. */
  read(at: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const from = at + done;
      if (from >= this.#memoryLimit) {
        this.#file?.read(from - this.#memoryLimit, target.subarray(done));
        return;
      }
      const count = Math.min(target.length - done, SLAB - (from % SLAB));
      target.set(this.#slab(from).subarray(from % SLAB, (from % SLAB) + count), done);
      done += count;
    }
  }

  /** Gives memory and temporary file back. */
  close(): void {
    this.#slabs.length = 0;
    this.#file?.close();
    this.#file = undefined;
    this.#length = 0;
  }

  #slab(at: number): Uint8Array {
    const index = Math.floor(at / SLAB);
    let slab = this.#slabs[index];
    if (!slab) {
      slab = new Uint8Array(SLAB);
      this.#slabs[index] = slab;
    }
    return slab;
  }
}
