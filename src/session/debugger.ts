/**
 * What the prompt holds: at most one image under edit, and how images are opened. Everything a command can reach
 * starts here.
 */
import { ImageError } from '../errors.ts';
import { readSecret } from '../host/secret.ts';
import type { TranscriptFile } from '../host/transcript-file.ts';
import type { Exploration } from './crash.ts';
import type { FollowPolicy } from './follow.ts';
import type { RunningLesson } from './lesson.ts';
import { Session, type SessionOptions } from './session.ts';

export interface OpenRequest {
  readonly path: string;
  /** Forces the format: no probing. */
  readonly format?: string;
  readonly follow?: FollowPolicy;
  /** The id of the secret that unlocks it. */
  readonly keySecret?: string;
  /** Opens an image that its driver refuses, as far as it has named fields. */
  readonly broken?: SessionOptions['broken'];
  /** Bytes of staged pages kept in memory. */
  readonly memoryLimit?: number;
}

export class Debugger {
  /** Set by `quit`; the one who reads lines looks at it. */
  quitting = false;
  /** The policy for images opened from now on. */
  readonly follow: FollowPolicy;
  /** The secret for images opened from now on. */
  readonly keySecret: string | undefined;
  readonly #secrets = new Map<string, Uint8Array>();
  /** The lesson that runs, if one does; the open image is then its own copy of a sample. */
  lesson: RunningLesson | undefined;
  /** Names of the lessons finished since the program started. */
  readonly lessonsDone = new Set<string>();
  /** Where the transcript goes, if it is kept. */
  transcript: TranscriptFile | undefined;
  /** What `crash` found last, of the open image. */
  #explored: Exploration | undefined;
  #session: Session | undefined;
  /** Another state of the file, looked at in its place. */
  #visited: Session | undefined;
  #opened: OpenRequest | undefined;

  /** `objects`: passphrases as `--object` gives them. Throws ImageError `bad-object` or `bad-secret`. */
  constructor(follow: FollowPolicy = 'none', objects: readonly string[] = [], keySecret?: string) {
    this.follow = follow;
    this.keySecret = keySecret;
    for (const object of objects) {
      const { id, bytes } = readSecret(object);
      this.#secrets.set(id, bytes);
    }
  }

  /** The image under edit, if one is open; while a crash is looked at, that. */
  get session(): Session | undefined {
    return this.#visited ?? this.#session;
  }

  /** Whether `session` is a state after a crash, and not the image under edit. */
  get isVisiting(): boolean {
    return this.#visited !== undefined;
  }

  /** Commands work on `session` until `leave`; the image under edit stays as it is. */
  visit(session: Session): void {
    this.leave();
    this.#visited = session;
  }

  /** Back to the image under edit. */
  leave(): void {
    this.#visited?.close();
    this.#visited = undefined;
  }

  /** The image under edit, whatever is looked at. Throws ImageError `no-image`. */
  underEdit(): Session {
    if (this.#session) return this.#session;
    throw new ImageError({ code: 'no-image', what: "no file open, try 'help open'" });
  }

  /** What `crash` found, while that is still what a commit would do. */
  get explored(): Exploration | undefined {
    if (this.#explored?.state !== this.#session?.state) this.explored = undefined;
    return this.#explored;
  }

  set explored(found: Exploration | undefined) {
    if (this.#explored === found) return;
    this.leave();
    this.#explored?.close();
    this.#explored = found;
  }

  /** How the image under edit was opened. */
  get opened(): OpenRequest | undefined {
    return this.#opened;
  }

  /** The image under edit. Throws ImageError `no-image` in qemu-io's words. */
  current(): Session {
    return this.#visited ?? this.underEdit();
  }

  /** Throws ImageError `already-open`, `log-is-image`, `no-such-secret`, or what opening throws. */
  open(request: OpenRequest): Session {
    const { path, format, follow = this.follow, broken, keySecret = this.keySecret, memoryLimit } = request;
    if (this.#session) throw new ImageError({ code: 'already-open', what: "file open already, try 'help close'" });
    const passphrase = keySecret === undefined ? undefined : this.#secret(keySecret);
    const session = Session.open(path, { format, follow, broken, passphrase, memoryLimit });
    if (this.transcript?.is(session.file.identity)) {
      session.close();
      const what = `the transcript is being written to ${path}: it is no image to work on`;
      throw new ImageError({ code: 'log-is-image', what, tryThis: 'log --off' });
    }
    this.#session = session;
    this.#opened = { path, format, follow, broken, keySecret, memoryLimit };
    return this.#session;
  }

  #secret(id: string): Uint8Array {
    const secret = this.#secrets.get(id);
    if (secret) return secret;
    const tryThis = `--object secret,id=${id},file=FILE`;
    throw new ImageError({ code: 'no-such-secret', what: `No secret with id '${id}'`, tryThis });
  }

  /** Closes the image; staged steps are gone. */
  close(): void {
    this.explored = undefined;
    this.#session?.close();
    this.#session = undefined;
    this.#opened = undefined;
  }

  /** The transcript is complete. Throws ImageError `log-failed`. */
  endTranscript(): void {
    const { transcript } = this;
    this.transcript = undefined;
    transcript?.close();
  }

  /** The end of the program: everything is closed, and what a lesson made is removed. */
  end(): void {
    this.close();
    this.lesson?.remove();
    this.lesson = undefined;
    try {
      this.endTranscript();
    } catch (error) {
      // There is nobody left to be told.
      if (!(error instanceof ImageError)) throw error;
    }
  }

  /** How many steps would be lost at the end of the program. Those of a lesson are practice: nothing would be lost. */
  get uncommitted(): number {
    if (this.lesson) return 0;
    return this.#session?.uncommitted ?? 0;
  }
}
