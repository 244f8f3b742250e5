/** `close`: the image goes, unless steps would be lost. */
import { ImageError } from '../errors.ts';
import { debuggerCommand } from './command.ts';
import { left } from './crash.ts';
import { flag } from './params.ts';
import { NOTHING } from './view.ts';

export const close = debuggerCommand({
  name: 'close',
  aliases: ['c'],
  group: 'image',
  place: 'prompt',
  summary: 'Close the image; refuses to lose steps that are not committed',
  params: {},
  flags: { force: flag('close even if steps are not committed: they are lost') },
  examples: [{ line: 'close', image: 'start.qcow2' }],
  run(host, { force }) {
    if (host.isVisiting) return left(host);
    host.current();
    if (host.uncommitted > 0 && !force) {
      throw new ImageError({
        code: 'uncommitted-steps',
        what: `${host.uncommitted} steps are not committed and would be lost`,
        tryThis: 'commit, discard, or close --force',
      });
    }
    host.close();
    return NOTHING;
  },
});
