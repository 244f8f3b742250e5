/** `copy-header`: bdrv_copy_header; the format changes, staged. */
import type { Progress } from '../bytes/progress.ts';
import { checkComplete, copyHeader as copyHeaderOf } from '../convert/convert.ts';
import type { ConversionTarget, TargetReport } from '../drivers/driver.ts';
import type { Draft } from '../session/draft.ts';
import { imageCommand } from './command.ts';
import { reportFacts } from './conversion-report.ts';
import { flag } from './params.ts';
import { openedTarget } from './setmap.ts';

export const copyHeader = imageCommand({
  name: 'copy-header',
  group: 'convert',
  place: 'steps',
  summary: "Write the target's header: the moment the format changes",
  details:
    'Refused while anything that the source maps is not mapped by the target; --force leaves it out. The change is ' +
    'staged like every other: `undo` takes it back, `commit` writes it.',
  params: {},
  flags: { force: flag('go on although something is not mapped: the guest loses it') },
  examples: [{ line: 'open-target qed; setmap --all; copy-header', image: 'start.qcow2' }],
  *run(session, { force }, line) {
    openedTarget(session, 'copy-header');
    const before = session.image.format;
    const report = yield* session.step(line, (draft) => swapHeader(draft, force));
    return { kind: 'facts', facts: reportFacts(before, session.image.format, report) };
  },
});

/** Finishes the draft's target and gives the image its format. */
export function* swapHeader(draft: Draft, force: boolean): Generator<Progress, TargetReport> {
  const target = draft.target as ConversionTarget;
  if (!force) yield* checkComplete(draft.image, target);
  const report = yield* copyHeaderOf(target);
  draft.device.resize(report.fileSize);
  draft.format = target.format;
  draft.target = undefined;
  draft.converted = true;
  return report;
}
