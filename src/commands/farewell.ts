/**
 * Leaving with steps that are not committed: the first time it is said what would be lost, the second time the user
 * means it. Whatever is typed in between makes it the first time again. For prompts where a person sits, not scripts.
 */
import type { Debugger } from '../session/debugger.ts';

export type WayOut = 'Ctrl-D' | 'quit';

export class Farewell {
  #asked = false;

  /** The sentence to show instead of leaving; undefined: leave. */
  question({ uncommitted }: Debugger, way: WayOut): string | undefined {
    if (uncommitted === 0 || this.#asked) return undefined;
    this.#asked = true;
    const steps = uncommitted === 1 ? '1 step is' : `${uncommitted} steps are`;
    const them = uncommitted === 1 ? 'it' : 'them';
    const again = way === 'quit' ? '`quit` again' : `${way} again`;
    return `${steps} not committed. ${again} leaves ${them}, \`commit\` writes ${them}`;
  }

  /** Something else was typed. */
  stays(): void {
    this.#asked = false;
  }
}
