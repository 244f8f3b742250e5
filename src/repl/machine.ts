/** What the screen needs of the machine around it. The program hands it over, so that tests can hand over another. */
import type { Outlet } from '../commands/outlet.ts';
import type { Style } from '../commands/style.ts';
import type { KeyInput } from './prompt/keys.ts';
import type { PastLines } from './prompt/recall.ts';
import type { Terminal } from './screen.ts';

export interface Machine {
  readonly input: KeyInput;
  readonly terminal: Terminal;
  /** How the transcript's text is coloured. */
  readonly style: Style;
  readonly history: PastLines;
  /** The user's pager; undefined: none is wanted. */
  readonly pager: string | undefined;
  /** Starts a program on the terminal, which was given back before. */
  pipe(program: string): Outlet;
  /** Runs a command of the user's on the terminal; answers its exit status. */
  shell(command: string): Promise<number>;
  /**
   * Calls `listener` whenever the terminal has had another size, even if it is the old one again by now: what it showed
   * may be gone. Answers what ends that.
   */
  onResize(listener: () => void): () => void;
  /** Stops this process as Ctrl-Z does, until it is continued. */
  suspend(): void;
  /** Calls `listener` when a signal asks the program to end: SIGTERM and its like. */
  onSignal(listener: (signal: string) => void): void;
  /** Calls `listener` with what nobody caught. */
  onFault(listener: (error: unknown) => void): void;
  /** Calls `listener` at the very end of the process, however it comes. */
  onExit(listener: () => void): void;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };

/** Exit status of a program that a signal ended: 128 and the signal's number. */
export function statusAfter(signal: string): number {
  return 128 + (SIGNAL_NUMBERS[signal] ?? 0);
}
