/**
 * Requests at work: those a command waits for, and those that were only started and go on by themselves. All run at
 * once to their end, unless a breakpoint suspends them, or another request that has to come first.
 *
 *  1. What a started request has to say is said when the program next waits: at the end of the next request that is
 *     waited for, at the prompt, at aio_flush, at the end.
 *  2. Who waits for a suspended request that nothing can resume waits for ever, as in QEMU.
 */
import type { Request, Suspension } from '../device/events.ts';
import { ImageError } from '../errors.ts';

interface Suspended {
  readonly at: Suspension;
  /** What still has to be resumed. */
  readonly tags: string[];
  readonly request: Request<unknown>;
  readonly done: (error: ImageError | undefined) => void;
}

export class Requests {
  readonly #wait: () => never;
  #ended: (() => void)[] = [];
  #suspended: Suspended[] = [];

  /** `waitForEver` is for what nothing can end. */
  constructor(waitForEver: () => never) {
    this.#wait = waitForEver;
  }

  /** Runs to the end. Throws what it throws. */
  run<T>(request: Request<T>): T {
    try {
      for (;;) {
        const step = request.next();
        if (step.done) return step.value;
        const { ready } = step.value;
        if (!ready) this.#wait();
        while (!ready()) if (!this.#wake()) this.#wait();
      }
    } finally {
      this.#wake();
      this.settle();
    }
  }

  /** Starts it; `done` is called when it has ended and the program next waits. */
  start(request: Request<unknown>, done: (error: ImageError | undefined) => void): void {
    this.#goOn(request, done);
    this.#wake();
  }

  /** Lets started requests that have ended say so. */
  settle(): void {
    while (this.#ended.length > 0) {
      const ended = this.#ended;
      this.#ended = [];
      for (const say of ended) say();
    }
  }

  /** Every started request has ended. */
  drain(): void {
    this.settle();
    if (this.#suspended.length > 0) this.#wait();
  }

  isSuspended(tag: string): boolean {
    return this.#suspended.some(({ at, tags }) => !at.ready && tags.includes(tag));
  }

  /** Waits until a request with this tag is suspended. */
  awaitSuspension(tag: string): void {
    if (!this.isSuspended(tag)) this.#wait();
  }

  /** Goes on with the request that was suspended last with this tag, or with all. False: there is none. */
  resume(tag: string, all: boolean, told: () => void): boolean {
    let any = false;
    for (;;) {
      const index = this.#suspended.findLastIndex(({ at, tags }) => !at.ready && tags.includes(tag));
      if (index < 0) return any;
      const { request, done, tags } = this.#suspended[index] as Suspended;
      any = true;
      told();
      tags.splice(tags.indexOf(tag), 1);
      if (tags.length === 0) {
        this.#suspended.splice(index, 1);
        this.#goOn(request, done);
        this.#wake();
      }
      if (!all) return true;
    }
  }

  /** Goes on with those that waited for another one and need not any more. */
  #wake(): boolean {
    let any = false;
    for (;;) {
      const index = this.#suspended.findIndex(({ at }) => at.ready?.());
      if (index < 0) return any;
      const [{ request, done }] = this.#suspended.splice(index, 1) as [Suspended];
      any = true;
      this.#goOn(request, done);
    }
  }

  #goOn(request: Request<unknown>, done: (error: ImageError | undefined) => void): void {
    try {
      const step = request.next();
      if (step.done) this.#ended.push(() => done(undefined));
      else {
        const at = step.value;
        this.#suspended.push({ at, tags: [at.tag, ...(at.also ?? [])], request, done });
      }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      this.#ended.push(() => done(error));
    }
  }
}
