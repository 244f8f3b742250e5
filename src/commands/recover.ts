/** `recover`: what a crash left of a commit is finished, or taken back. */
import { recoverImage } from '../session/mend.ts';
import { debuggerCommand } from './command.ts';
import { refuseOpenFile } from './open-files.ts';
import { file, flag } from './params.ts';

export const recover = debuggerCommand({
  name: 'recover',
  group: 'session',
  place: 'files',
  summary: 'Finish or take back a commit that was interrupted',
  details:
    'An image with a journal beside it is not opened before this. The result is the old image or the new one, ' +
    'complete. Running it again does no harm.',
  params: { image: file('IMAGE', 'the image') },
  flags: { force: flag('go on although the image was written by another program since') },
  examples: [{ line: 'close; recover IMAGE', image: 'start.qcow2' }],
  *run(host, { image, force }) {
    refuseOpenFile(host, image);
    const { outcome, what, rollbackFile, notes } = yield* recoverImage(image, force);
    const now = outcome === 'none' ? [] : [{ key: 'image', label: 'the file is', value: `the ${outcome} image` }];
    return {
      kind: 'facts',
      facts: [
        { key: 'outcome', value: outcome, only: 'json' },
        { key: 'what', label: 'recovery', value: what },
        ...now,
        ...(rollbackFile === undefined ? [] : [{ key: 'rollback-file', value: rollbackFile }]),
        ...(notes.length > 0 ? [{ key: 'notes', value: notes }] : []),
      ],
    };
  },
});
