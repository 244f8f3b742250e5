/** `rollback`: the bit-identical original, from the file that a commit kept. */
import { describeRollback, rollBack } from '../session/mend.ts';
import { debuggerCommand } from './command.ts';
import { refuseOpenFile } from './open-files.ts';
import { file, flag } from './params.ts';
import type { View } from './view.ts';

export const rollback = debuggerCommand({
  name: 'rollback',
  group: 'session',
  place: 'files',
  summary: 'Undo a commit that kept a rollback file, bit for bit',
  details:
    'The result is the original bit for bit. Refused, with the reason, when the image was written since: the old ' +
    'format would not know those writes. --force goes on all the same. --info only shows what the file says.',
  params: { image: file('IMAGE', 'the image'), file: file('FILE', 'the rollback file') },
  flags: {
    force: flag('go on although the image was written since: those writes are lost or mixed in'),
    info: flag('only show what the rollback file holds'),
  },
  examples: [{ line: 'convert-inplace qed; commit --rollback=old; close; rollback IMAGE old', image: 'start.qcow2' }],
  *run(host, { image, file: path, force, info }) {
    if (info) return describedView(path);
    refuseOpenFile(host, image);
    const { size, notes } = yield* rollBack(image, path, force);
    return {
      kind: 'facts',
      facts: [
        { key: 'rolled-back', label: 'rolled back', value: image },
        { key: 'file-size', value: size, unit: 'size' },
        ...(notes.length > 0 ? [{ key: 'notes', value: notes }] : []),
      ],
    };
  },
});

function describedView(path: string): View {
  const known = describeRollback(path);
  const { newSize } = known;
  return {
    kind: 'facts',
    facts: [
      { key: 'state', value: known.state },
      { key: 'label', label: 'what was done', value: known.label },
      { key: 'created', value: new Date(known.created * 1000).toISOString() },
      { key: 'inode', label: 'image, by device and inode', value: `${known.dev}:${known.ino}` },
      { key: 'old-size', label: 'file size before', value: known.oldSize, unit: 'size' },
      ...(newSize === undefined
        ? []
        : [{ key: 'new-size', label: 'file size after', value: newSize, unit: 'size' as const }]),
      { key: 'overwritten', value: known.overwrittenBytes, unit: 'size' },
      { key: 'cut-off', value: known.cutBytes, unit: 'size' },
      { key: 'bytes', label: 'size of the rollback file', value: known.bytes, unit: 'size' },
    ],
  };
}
