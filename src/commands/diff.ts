/** `diff`: what steps changed, field by field. */
import { ImageError } from '../errors.ts';
import { Diff } from '../session/diff.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { DIFF_LIMIT } from './diff-text.ts';
import { flag, optional, type Param } from './params.ts';
import type { DiffView } from './view.ts';

/** Two moments, or the one step between. */
interface Between {
  readonly from: number;
  readonly to: number;
}

export const diff = imageCommand({
  name: 'diff',
  group: 'session',
  place: 'steps',
  summary: 'Show what steps changed: fields, old and new, and guest data',
  details:
    'Without a STEP: the file on disk against the image as it is now. `diff 3`: what step 3 changed, undone or not. ' +
    '`diff 1..3`: from after step 1 to after step 3; 0 is the file on disk. Every byte that differs has a name: a field, as `print` ' +
    'and `set` call it (those of an open target begin with `target`), guest data, or whatever else owns it. ' +
    'Neighbouring entries of a table are one line, with the first and the last; a table that is new is one line too. ' +
    `More than ${DIFF_LIMIT} changes are counted; JSON has all of them.`,
  params: { steps: optional(between('STEP|A..B', 'a step, or two with what lies between'), undefined) },
  flags: {
    bytes: flag('with the bytes of every change, old (-) and new (+)'),
    all: flag('every field on a line of its own, and no end after some'),
  },
  examples: [
    { line: 'open-target qed; setmap 0 0x5000 16k; diff', image: 'start.qcow2' },
    { line: 'set l2[0][0].copied 0; diff 1 --bytes', image: 'start.qcow2' },
    { line: 'open-target qed; setmap --all; copy-header; diff 2..3', image: 'start.qcow2' },
  ],
  run(session, { steps, bytes, all }) {
    const { from, to } = steps ?? { from: 0, to: session.steps.filter(({ applied }) => applied).length };
    const view: DiffView = {
      kind: 'diff',
      diff: new Diff(session, from, to),
      title: from === to ? momentText(session, to) : `${momentText(session, from)} -> ${momentText(session, to)}`,
      ...{ all, bytes },
    };
    return view;
  },
});

function momentText({ steps }: Session, step: number): string {
  return step === 0 ? 'the file on disk' : `step ${step}, ${steps[step - 1]?.line ?? ''}`;
}

function between(placeholder: string, doc: string): Param<Between> {
  return {
    ...{ placeholder, doc, completes: 'step' },
    choices: () => [],
    parse(word) {
      const match = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(word);
      const [from, to] = [Number(match?.[1]), match?.[2] === undefined ? undefined : Number(match[2])];
      if (match && to !== undefined) return { from, to };
      if (match && from > 0) return { from: from - 1, to: from };
      throw new ImageError({
        code: 'bad-step',
        what: match ? 'step 0 is the file on disk: it changed nothing' : `'${word}' is not a step, nor two as A..B`,
        tryThis: 'diff, diff 3, or diff 1..3',
      });
    },
  };
}
