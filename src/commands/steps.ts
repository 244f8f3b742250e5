/** `steps`: what was done since the image was opened. */
import { sizeText } from '../bytes/size.ts';
import { stoppedAt, stoppedWords } from '../session/breakpoints.ts';
import type { Session } from '../session/session.ts';
import { changesOfStep, learn } from '../session/step-changes.ts';
import { imageCommand } from './command.ts';

export const steps = imageCommand({
  name: 'steps',
  group: 'session',
  place: 'steps',
  summary: 'List the steps taken, undone ones too',
  details:
    'Of the fork you are on; `forks` lists the others. Below the list: what all steps of all forks hold so that they ' +
    'can be undone and redone. Fields are those the step changed, where counting them is quick; `diff STEP` shows them. What does not fit in memory lies in a temporary file without a name.',
  params: {},
  flags: {},
  examples: [
    { line: 'open-target qed; undo; steps', image: 'start.qcow2' },
    { line: 'open-target qed; fork by-hand; steps', image: 'start.qcow2' },
  ],
  *run(session) {
    yield* learn(session);
    return {
      kind: 'table',
      columns: [
        { key: 'number', label: 'Step', align: 'right' },
        { key: 'state', label: 'State' },
        { key: 'writes', label: 'Writes', align: 'right' },
        { key: 'bytes', label: 'Bytes', unit: 'size', align: 'right' },
        { key: 'fields', label: 'Fields', align: 'right' },
        { key: 'line', label: 'Command' },
      ],
      rows: session.steps.map(({ number, line, applied, changes }) => [
        number,
        applied ? 'staged' : 'undone',
        changes.eventCount,
        changes.bytes,
        changesOfStep(changes)?.fields,
        line,
      ]),
      empty: 'no steps: the image is as it is in the file',
      notes: [...stoppedNote(session), ...forkNote(session), ...heldNote(session)],
    };
  },
});

function stoppedNote(session: Session): string[] {
  const at = stoppedAt(session);
  return at ? [`'${at.line}' has ${stoppedWords(at)}, and is not done: resume, step, or undo`] : [];
}

function forkNote({ forks }: Session): string[] {
  if (forks.length === 1) return [];
  const here = forks.find(({ isCurrent }) => isCurrent);
  return [`fork ${here?.name}; also there: ${forks.flatMap((one) => (one.isCurrent ? [] : [one.name])).join(', ')}`];
}

function heldNote({ staged }: Session): string[] {
  return staged && staged.stagedBytes > 0 ? [`held to undo and redo: ${heldText(staged)}`] : [];
}

/** `48 KiB in memory, of at most 64 MiB`; `64 MiB in memory, 16 MiB in a temporary file`. */
export function heldText({ stagedBytes, spilledBytes, memoryLimit }: NonNullable<Session['staged']>): string {
  const kept = sizeText(stagedBytes - spilledBytes);
  if (spilledBytes > 0) return `${kept} in memory, ${sizeText(spilledBytes)} in a temporary file`;
  return `${kept} in memory, of at most ${sizeText(memoryLimit)}`;
}
