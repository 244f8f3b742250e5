/** Bits into bytes, the first one lowest: what every coded part of a zstd frame is written with. */
export class BitWriter {
  #bytes: Uint8Array;
  #length = 0;
  #held = 0;
  #count = 0;

  /** `room`: bytes that are likely to be enough. */
  constructor(room: number) {
    this.#bytes = new Uint8Array(Math.max(room, 64));
  }

  /** The low `count` bits of `value`, at most 24. */
  put(value: number, count: number): void {
    this.#held |= (value & ((1 << count) - 1)) << this.#count;
    this.#count += count;
    while (this.#count >= 8) {
      this.#byte(this.#held & 0xff);
      this.#held >>>= 8;
      this.#count -= 8;
    }
  }

  /** Ends the stream as one that is read from its end: a one marks where. */
  close(): Uint8Array {
    this.put(1, 1);
    return this.end();
  }

  /** Ends the stream; zeros fill the last byte. */
  end(): Uint8Array {
    if (this.#count > 0) this.#byte(this.#held & 0xff);
    this.#held = 0;
    this.#count = 0;
    return this.#bytes.subarray(0, this.#length);
  }

  #byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = value;
  }
}

/** Position of the highest bit that is set; `value` from 1 to 2^31 - 1. */
export function highBit(value: number): number {
  return 31 - Math.clz32(value);
}
