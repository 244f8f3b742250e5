/** Opening anew what is open, with other options: read-only or not, other cache modes, the format's own options. */
import { runRequest } from '../device/events.ts';
import { type Dict, Refused } from './dict.ts';
import type { Flags } from './flags.ts';
import type { Shell } from './shell.ts';

export function reopen(shell: Shell, dict: Dict, flags: Flags): boolean {
  shell.requests.drain();
  const { volume, voice } = shell;
  try {
    runRequest(volume.flush());
    const { opened } = volume;
    // What -s writes to has no file to open anew.
    volume.opened = opened.reopen?.(dict, flags) ?? { ...opened, flags };
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    voice.complain(error.message);
    return false;
  }
}
