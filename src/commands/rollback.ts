/** `rollback`: the bit-identical original, from the file that a commit kept. */
import { ImageError } from '../errors.ts';
import { changesSince, describeRollback, rollBack } from '../session/mend.ts';
import { debuggerCommand } from './command.ts';
import { refuseOpenFile } from './open-files.ts';
import { file, flag, optional } from './params.ts';
import type { Fact, View } from './view.ts';

export const rollback = debuggerCommand({
  name: 'rollback',
  group: 'session',
  place: 'files',
  summary: 'Undo a commit that kept a rollback file, bit for bit',
  details:
    'The result is the original bit for bit. Refused, with the reason, when the image was written since: the old ' +
    'format would not know those writes. --force goes on all the same. `rollback --info FILE` only shows what a rollback ' +
    'file or a journal holds, after checking all its checksums; with IMAGE and FILE also what changed since.',
  params: {
    image: file('IMAGE', 'the image; with --info it may be left out'),
    file: optional(file('FILE', 'the rollback file'), undefined),
  },
  flags: {
    force: flag('go on although the image was written since: those writes are lost or mixed in'),
    info: flag('only show what the rollback file, or a journal, holds'),
  },
  examples: [
    { line: 'convert-inplace qed; commit --rollback=old; close; rollback IMAGE old', image: 'start.qcow2' },
    { line: 'convert-inplace qed; commit --rollback=old; rollback --info old', image: 'start.qcow2' },
  ],
  *run(host, { image, file: path, force, info }) {
    if (info) return path === undefined ? describedView(image) : describedView(path, image);
    if (path === undefined) {
      throw new ImageError({
        code: 'no-rollback-file',
        what: 'the rollback file is missing: it is the one that `commit --rollback` was given',
        tryThis: 'rollback IMAGE FILE',
      });
    }
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

/** What each kind of record is, for people. */
const KIND_TEXT = {
  old: 'overwritten',
  new: 'overwritten',
  'old-header': 'header sector',
  'new-header': 'header sector',
  free: 'free space that was used',
  cut: 'cut off',
  fresh: 'appended (checksum only)',
} as const;

function describedView(path: string, image?: string): View {
  const known = describeRollback(path);
  const { newSize, ranges, rangeCount } = known;
  const facts: Fact[] = [
    { key: 'state', value: known.state },
    { key: 'checksums', value: 'right' },
    { key: 'label', label: 'what was done', value: known.label },
    { key: 'created', value: new Date(known.created * 1000).toISOString() },
    { key: 'inode', label: 'image, by device and inode', value: `${known.dev}:${known.ino}` },
    { key: 'old-size', label: 'file size before', value: known.oldSize, unit: 'size' },
    ...(newSize === undefined
      ? []
      : [{ key: 'new-size', label: 'file size after', value: newSize, unit: 'size' as const }]),
    { key: 'overwritten', value: known.overwrittenBytes, unit: 'size' },
    { key: 'appended', value: known.freshBytes, unit: 'size' },
    { key: 'cut-off', value: known.cutBytes, unit: 'size' },
    { key: 'bytes', label: 'size of the rollback file', value: known.bytes, unit: 'size' },
    ...(image === undefined ? [] : standFacts(changesSince(image, path))),
    ...(rangeCount > ranges.length
      ? [{ key: 'ranges', value: `${rangeCount}, the first ${ranges.length} are listed` }]
      : []),
  ];
  const table: View = {
    kind: 'table',
    columns: [
      { key: 'offset', label: 'Offset', unit: 'offset' },
      { key: 'length', label: 'Length', unit: 'size', align: 'right' },
      { key: 'what', label: 'What' },
    ],
    rows: ranges.map(({ offset, length, kind }) => [offset, length, KIND_TEXT[kind]]),
    empty: 'nothing is stored',
  };
  return {
    kind: 'parts',
    parts: [
      { key: 'rollback', view: { kind: 'facts', facts } },
      { key: 'stored', view: table },
    ],
  };
}

function standFacts(changes: readonly string[] | 'done'): Fact[] {
  if (changes === 'done') return [{ key: 'now', label: 'the image now', value: 'is the old one already' }];
  if (changes.length === 0) return [{ key: 'now', label: 'the image now', value: 'is as the commit left it' }];
  return [
    { key: 'now', label: 'the image now', value: 'changed since: a roll-back is refused' },
    { key: 'changes', value: changes },
  ];
}
