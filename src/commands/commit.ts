/** `commit`: the staged steps reach the file. */
import { commitSteps } from '../session/commit.ts';
import { labelOf } from '../session/plan.ts';
import { imageCommand } from './command.ts';
import { commitFacts } from './conversion-report.ts';
import { steps } from './moves.ts';
import { file, flag, flagWith } from './params.ts';
import type { Fact } from './view.ts';

export const commit = imageCommand({
  name: 'commit',
  group: 'session',
  place: 'steps',
  summary: 'Write every applied step to the file',
  details:
    'New parts are written where the old image claims nothing and made durable; what is overwritten is journalled ' +
    'beside the image first; the header is the last write. Whatever stops it, power loss included, the file is the ' +
    'old image, the new one, or recovered by `recover`. Refused when another program holds the file, or changed it. ' +
    'The fork you are on is written. The others end with it, since what they build on is then another image: refused ' +
    'while one of them has steps of its own, unless --drop-forks forgets them.',
  params: {},
  flags: {
    rollback: flagWith(file('FILE', 'keep what `rollback` needs to give back the original in FILE'), undefined),
    'drop-forks': flag('forget the steps of the other forks'),
  },
  examples: [{ line: 'open-target qed; setmap --all; copy-header; commit', image: 'start.qcow2' }],
  *run(session, { rollback, 'drop-forks': dropForks }) {
    const count = session.steps.filter((step) => step.applied).length;
    const dropped = session.forks.flatMap(({ name, isCurrent }) => (isCurrent ? [] : [name]));
    const result = yield* commitSteps(session, { rollback, dropForks, label: labelOf(session) });
    const facts: Fact[] = [
      { key: 'committed', value: steps(count), only: 'text' },
      { key: 'steps', value: count, only: 'json' },
      ...(dropped.length > 0 ? [{ key: 'forks-dropped', value: dropped.join(', ') }] : []),
      ...commitFacts(result),
    ];
    return { kind: 'facts', facts };
  },
});
