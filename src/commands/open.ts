/** `open`: an image comes under edit. */

import { FOLLOW_POLICIES } from '../session/follow.ts';
import { FORMAT_NAMES } from '../session/formats.ts';
import { debuggerCommand } from './command.ts';
import { summaryOf } from './info.ts';
import { file, flag, flagWith, oneOf, text } from './params.ts';

export const open = debuggerCommand({
  name: 'open',
  aliases: ['o'],
  group: 'image',
  place: 'prompt',
  summary: 'Open an image; nothing in it changes before commit',
  details:
    'The format is found by the first bytes of the file, or given with -f. Names of other files inside the image ' +
    '(backing file, data file) are shown, and opened only with --follow: `same-dir` opens plain names in the ' +
    "image's own folder, `any` opens any local path. Protocols and devices are never followed. With --broken an image " +
    'that is refused is opened all the same: the fields of its header can be shown and set, bytes shown and searched, ' +
    'and as soon as a step makes it an image that opens, everything works on it.',
  params: { file: file('FILE', 'the image') },
  flags: {
    format: flagWith(
      text('FORMAT', 'the format of the image: no probing', () => FORMAT_NAMES),
      undefined,
      'f',
    ),
    broken: flag('open an image that is refused, as far as its header can be read: to look at and mend'),
    follow: flagWith(oneOf('POLICY', FOLLOW_POLICIES, 'which files named in the image may be opened'), undefined),
    'key-secret': flagWith(text('NAME', 'the id of the secret (--object) that unlocks an encrypted image'), undefined),
  },
  examples: [
    { line: 'open sample-images/start.qcow2' },
    { line: 'open -f raw sample-images/plain.qcow2' },
    { line: 'open --broken sample-images/refused/cluster-bits-range.qcow2; print header.cluster_bits' },
  ],
  run(host, { file: path, format, broken, follow, 'key-secret': keySecret }) {
    return summaryOf(host.open({ path, format, broken, follow, keySecret }));
  },
});
