/** Where output goes: main gives one over standard output, tests one over memory. */
export interface Sink {
  /** The bytes are the caller's again when this returns. */
  bytes(bytes: Uint8Array): void;
  text(text: string): void;
}

/** Gathers what is written, for tests and for short answers. */
export class MemorySink implements Sink {
  readonly #parts: Uint8Array[] = [];

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
  }

  text(text: string): void {
    this.#parts.push(Buffer.from(text));
  }

  toString(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }
}
