/** What commands work on: what is open, the requests under way, where words go. */
import { runRequest } from '../device/events.ts';
import { ImageError } from '../errors.ts';
import type { Flags } from './flags.ts';
import { PLAIN } from './flags.ts';
import { closeComplaints } from './format-words.ts';
import { Requests } from './requests.ts';
import type { Secrets } from './secrets.ts';
import type { Voice } from './voice.ts';
import type { Volume } from './volume.ts';

/** Kept from one request to the next at most, bytes. */
const SCRATCH = 8 * 1024 * 1024;

export class Shell {
  readonly voice: Voice;
  readonly requests: Requests;
  readonly secrets: Secrets = new Map();
  /** File names are option strings. */
  imageOptions = false;
  /** What `open` begins with. */
  readonly plain: Flags = PLAIN;
  leaving = false;
  #scratch = new Uint8Array(0);
  #volume: Volume | undefined;

  constructor(voice: Voice, waitForEver: () => never) {
    this.voice = voice;
    this.requests = new Requests(waitForEver);
  }

  /** Memory for one request that is waited for, of any contents: until the next one asks. `length`: bytes. */
  scratch(length: number): Uint8Array {
    if (length > SCRATCH) return new Uint8Array(length);
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(Math.min(SCRATCH, 2 * length));
    return this.#scratch.subarray(0, length);
  }

  get isOpen(): boolean {
    return this.#volume !== undefined;
  }

  /** What is open. Commands that need it run only when there is. */
  get volume(): Volume {
    if (!this.#volume) throw new Error('no image is open, and a command that needs one runs');
    return this.#volume;
  }

  take(volume: Volume): void {
    this.#volume = volume;
  }

  /** Ends what was started, and closes what is open. */
  close(): void {
    this.requests.drain();
    const volume = this.#volume;
    if (!volume) return;
    this.#volume = undefined;
    try {
      runRequest(volume.close());
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      for (const what of closeComplaints(volume.opened.format, error)) this.voice.complain(what);
    }
    for (const file of volume.opened.files) file.close();
  }
}
