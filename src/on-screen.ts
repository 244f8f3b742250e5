/**
 * The program on a terminal that can show the screen: gives src/repl what it needs of the machine. Loaded, and the
 * screen with it, only then.
 */
import { isatty } from 'node:tty';
import type { Settings } from './commands/argv.ts';
import type { Front } from './commands/run.ts';
import { History, historyPath } from './host/history.ts';
import { pagerOf } from './host/pager.ts';
import type { Capability } from './repl/capability.ts';
import { runScreen } from './repl/start.tsx';
import type { Debugger } from './session/debugger.ts';

export interface OnScreen {
  readonly host: Debugger;
  readonly settings: Settings;
  readonly capability: Capability;
  readonly style: Front['style'];
  readonly programs: Required<Pick<Front, 'pipe' | 'shell'>>;
  /** Opens the image named on the command line; throws ImageError. */
  readonly open: (() => void) | undefined;
  readonly greeting: () => Promise<string>;
}

/** Runs until the user leaves; answers the exit status. */
export async function onScreen(options: OnScreen): Promise<number> {
  const { host, settings, capability, style, programs, open, greeting } = options;
  const { status, signal } = await runScreen({
    host,
    look: capability,
    open,
    greeting,
    machine: {
      input: process.stdin,
      terminal: process.stdout,
      // The transcript breaks lines itself, anew at each width.
      style: { ...style, columns: Number.POSITIVE_INFINITY },
      history: new History(historyPath()),
      pager: settings.pager ? pagerOf(process.env) : undefined,
      pipe: programs.pipe,
      shell: programs.shell,
      suspend() {
        process.kill(process.pid, 'SIGTSTP');
        // While others had the terminal, changes of its size were told to them.
        process.kill(process.pid, 'SIGWINCH');
      },
      // Node's own event does not tell of a size that is back where it was.
      onResize(listener) {
        process.on('SIGWINCH', listener);
        return () => process.off('SIGWINCH', listener);
      },
      onSignal(listener) {
        for (const signal of SIGNALS) process.on(signal, () => listener(signal));
        // A terminal that has gone away is seen by its input's end too, and sooner.
        for (const end of ['end', 'error']) process.stdin.on(end, () => listener('SIGHUP'));
      },
      onFault(listener) {
        process.on('uncaughtException', listener);
        process.on('unhandledRejection', listener);
      },
      onExit: (listener) => process.on('exit', listener),
    },
  }).catch((error: unknown) => {
    // Nothing can be read or written without a terminal, and that is no bug.
    if (!isatty(0)) hangUp(host);
    throw error;
  });
  if (signal === 'SIGHUP' || !isatty(0)) hangUp(host);
  if (signal === undefined) return status;
  // Asked to end by a signal: a command that runs is not waited for.
  host.end();
  process.exit(status);
}

/**
 * The terminal goes away, or has gone. At a usual end node would set its modes, and abort where it cannot: so the
 * program ends as one does that does not know the signal.
 */
function hangUp(host: Debugger): void {
  host.end();
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const;
