/** A diff as JSON, one change a line, written while it is found: nothing is gathered and none is left out. */
import type { Progress } from '../bytes/progress.ts';
import type { Change, FieldChange } from '../session/diff-change.ts';
import { jsonText } from './json-text.ts';
import type { Sink } from './sink.ts';
import type { DiffView } from './view.ts';

/** Characters gathered before they are written. */
const CHARACTERS = 64 * 1024;

export function* writeDiffJson({ diff, all, bytes }: DiffView, sink: Sink): Generator<Progress, void> {
  const { from, to, oldSize, newSize } = diff;
  const head = jsonText({ from, to, 'old-size': oldSize, 'new-size': newSize });
  let text = `${head.slice(0, -1)},"changes":[`;
  let count = 0;
  const write = (): void => {
    sink.text(text);
    text = '';
  };
  const work = diff.changes(
    (change) => {
      if (change.kind === 'size') return;
      const pair = bytes ? diff.bytes(change.offset, change.length) : undefined;
      const hexed = pair && { 'old-bytes': pair.old, 'new-bytes': pair.new };
      text += `${count++ === 0 ? '' : ','}\n${jsonText({ ...changeRecord(change), ...hexed })}`;
      if (text.length > CHARACTERS) write();
    },
    { all },
  );
  for (const progress of work) {
    if (text.length > CHARACTERS) write();
    yield progress;
  }
  text += count === 0 ? ']}\n' : '\n]}\n';
  write();
}

/** A change as JSON has it. */
export function changeRecord(change: Exclude<Change, { kind: 'size' }>): object {
  if (change.kind !== 'entries') return change;
  const { first, last, ...rest } = change;
  return { ...rest, first: field(first), last: field(last) };
}

function field({ name, offset, length, old, new: now }: FieldChange): FieldChange {
  return { name, offset, length, old, new: now };
}
