/**
 * The terminal's input as keys and pastes. `start` listens, in raw mode; `stop` gives the terminal back as it was, so
 * that a pager or a shell can have it.
 */
import { StringDecoder } from 'node:string_decoder';
import { type Heard, KeyDecoder } from './decode.ts';
import type { Key } from './key.ts';

/** What is needed of standard input. */
export interface KeyInput {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  off(event: 'data', listener: (chunk: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface KeyListener {
  key(key: Key): void;
  /** Pasted with the terminal's bracketed paste (mode 2004, which whoever owns the screen switches on). */
  paste(text: string): void;
}

export class Keys {
  readonly #input: KeyInput;
  readonly #listener: KeyListener;
  #utf8 = new StringDecoder('utf8');
  #decoder = new KeyDecoder();
  #timer: NodeJS.Timeout | undefined;
  #listening = false;

  constructor(input: KeyInput, listener: KeyListener) {
    this.#input = input;
    this.#listener = listener;
  }

  /** Begins to listen. Twice does no harm. */
  start(): void {
    if (this.#listening) return;
    this.#listening = true;
    // What came in pieces before the terminal was handed over does not go on now.
    this.#utf8 = new StringDecoder('utf8');
    this.#decoder = new KeyDecoder();
    if (this.#input.isTTY) this.#input.setRawMode?.(true);
    this.#input.on('data', this.#read);
    this.#input.resume();
  }

  stop(): void {
    if (!this.#listening) return;
    this.#listening = false;
    clearTimeout(this.#timer);
    this.#input.off('data', this.#read);
    this.#input.pause();
    if (this.#input.isTTY) this.#input.setRawMode?.(false);
  }

  readonly #read = (chunk: Buffer): void => {
    clearTimeout(this.#timer);
    this.#tell(this.#decoder.feed(this.#utf8.write(chunk)));
  };

  #tell(heard: readonly Heard[]): void {
    for (const what of heard) {
      if (what.kind === 'key') this.#listener.key(what.key);
      else this.#listener.paste(what.text);
    }
    // A listener may have stopped us: what is unfinished then is dropped.
    const patience = this.#listening ? this.#decoder.patience : undefined;
    if (patience !== undefined) this.#timer = setTimeout(() => this.#tell(this.#decoder.settle()), patience);
  }
}
