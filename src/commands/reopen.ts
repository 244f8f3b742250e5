/** `reopen`: the same file once more, as it is now. */
import { ImageError } from '../errors.ts';
import { FOLLOW_POLICIES } from '../session/follow.ts';
import { debuggerCommand } from './command.ts';
import { left } from './crash.ts';
import { summaryOf } from './info.ts';
import { flag, flagWith, oneOf } from './params.ts';

export const reopen = debuggerCommand({
  name: 'reopen',
  group: 'image',
  place: 'prompt',
  summary: 'Open the same image again, as the file is now; refuses to lose steps',
  details:
    'For a file that another program has changed, and for another policy: --follow says from now on which files named ' +
    'in the image may be opened, so that a backing file is read through. All else is as it was opened before.',
  params: {},
  flags: {
    follow: flagWith(oneOf('POLICY', FOLLOW_POLICIES, 'which files named in the image may be opened'), undefined),
    force: flag('even if steps are not committed: they are lost'),
  },
  examples: [{ line: 'reopen', image: 'start.qcow2' }],
  run(host, { follow, force }) {
    if (host.isVisiting) return left(host);
    host.current();
    const { opened, uncommitted } = host;
    if (!opened) throw new Error('an image without the way it was opened');
    if (uncommitted > 0 && !force) {
      throw new ImageError({
        code: 'uncommitted-steps',
        what: `${uncommitted} steps are not committed and would be lost`,
        tryThis: 'commit, discard, or reopen --force',
      });
    }
    host.close();
    return summaryOf(host.open({ ...opened, ...(follow && { follow }) }));
  },
});
