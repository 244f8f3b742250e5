/** Runs a command for its value alone: nothing of it is shown. */
import type { Progress } from '../../bytes/progress.ts';
import { ImageError } from '../../errors.ts';
import type { Debugger } from '../../session/debugger.ts';
import { MemorySink, type Sink } from '../sink.ts';
import { writeJson } from '../to-json.ts';
import type { View } from '../view.ts';
import type { Parsed } from './allowed.ts';

/** A value that grades is a page, not a listing of a large disk. Characters. */
const LONGEST_VALUE = 4 * 1024 * 1024;

export function* viewOf(host: Debugger, { command, values, text }: Parsed): Generator<Progress, View> {
  const work = command.run(host, values, text);
  return 'next' in work ? yield* work : work;
}

/** The command's value as `--output=json` gives it; undefined when the command is refused. */
export function* jsonOf(host: Debugger, parsed: Parsed): Generator<Progress, unknown> {
  const sink = new BoundedSink();
  try {
    yield* writeJson(yield* viewOf(host, parsed), sink);
  } catch (error) {
    if (error instanceof ImageError && error.code !== TOO_LONG) return undefined;
    throw error;
  }
  return JSON.parse(sink.toString());
}

const TOO_LONG = 'lesson-value-too-long';

class BoundedSink implements Sink {
  readonly #memory = new MemorySink();
  #length = 0;

  bytes(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#memory.bytes(bytes);
  }

  text(text: string): void {
    this.#grow(text.length);
    this.#memory.text(text);
  }

  toString(): string {
    return this.#memory.toString();
  }

  #grow(by: number): void {
    this.#length += by;
    if (this.#length <= LONGEST_VALUE) return;
    throw new ImageError({ code: TOO_LONG, what: 'a command that grades this lesson answers more than 4 MiB' });
  }
}
