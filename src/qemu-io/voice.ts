/**
 * Where the words go. Inside this room text is binary: one character per byte, as a C program has it, so that names
 * and lines that are no UTF-8 come out as they went in.
 *
 *  1. Results are kept back until the process waits for someone or ends, as C's stdio keeps them on a pipe; on a
 *     terminal they come line by line. So `abort`, which flushes nothing, loses them there as QEMU's does.
 *  2. Before a complaint nothing is flushed: the two streams are independent.
 */

/** A file descriptor's end of the program. */
export interface Outlet {
  bytes(bytes: Uint8Array): void;
}

/** Kept back at most, bytes. */
const LIMIT = 64 * 1024;

export class Voice {
  readonly #out: Outlet;
  readonly #err: Outlet;
  readonly #onTerminal: boolean;
  #kept = '';

  constructor(out: Outlet, err: Outlet, onTerminal: boolean) {
    this.#out = out;
    this.#err = err;
    this.#onTerminal = onTerminal;
  }

  /** To standard output, as it is. */
  say(text: string): void {
    this.#kept += text;
    if (this.#kept.length >= LIMIT || (this.#onTerminal && text.endsWith('\n'))) this.flush();
  }

  /** To standard error, with the program's name before and a line end behind: QEMU's error_report. */
  complain(what: string): void {
    this.grumble(`qemu-io: ${what}\n`);
  }

  /** To standard error, as it is. */
  grumble(text: string): void {
    this.#err.bytes(Buffer.from(text, 'latin1'));
  }

  flush(): void {
    if (this.#kept === '') return;
    const text = this.#kept;
    this.#kept = '';
    this.#out.bytes(Buffer.from(text, 'latin1'));
  }

  /** What has been kept back is lost. */
  forget(): void {
    this.#kept = '';
  }
}

/** The binary form of text, and back. */
export const toBinary = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
export const fromBinary = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
