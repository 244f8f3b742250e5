/**
 * A sink at whose other end a program reads at its own pace: the program of `map | wc -l`, or a pager. The runner asks
 * for room between two pieces of work, so that a long listing takes no memory however slow its reader is, and ends
 * when nobody reads any more.
 *
 * The rooms that own processes and terminals (host/, the screen) make them; commands only write into them.
 */
import type { Sink } from './sink.ts';

export interface Outlet extends Sink {
  /** Undefined: it takes more at once. Otherwise resolves when it does, or when nobody reads any more. */
  room(): Promise<void> | undefined;
  /** Nobody reads any more: what is still to come need not be made. */
  readonly gone: boolean;
  /** Whether the reader shows colours. */
  readonly coloured: boolean;
  /** Another program may be drawing on the terminal: nothing else may be shown there. */
  readonly drawing: boolean;
  /**
   * No more comes: waits until the program has ended. Answers a sentence about how it ended, where there is something
   * to say. Throws ImageError `no-program` when it could not be started.
   */
  end(): Promise<string | undefined>;
}
