/**
 * `convert-inplace`: the whole conversion. At the prompt one staged step like any other; as a subcommand straight to
 * the file, through the same commit, with nothing staged and flat memory.
 */
import type { Progress } from '../bytes/progress.ts';
import { mapAll, openTarget } from '../convert/convert.ts';
import type { TargetReport } from '../drivers/driver.ts';
import { convertFile } from '../session/commit.ts';
import { targetDriver, targetFormats } from '../session/formats.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { commitFacts, reportFacts } from './conversion-report.ts';
import { swapHeader } from './copy-header.ts';
import { refuseSecondTarget } from './open-target.ts';
import { file, flag, flagWith, options, text } from './params.ts';
import { planView } from './plan.ts';
import type { View } from './view.ts';

export const convertInPlace = imageCommand({
  name: 'convert-inplace',
  group: 'convert',
  place: 'image',
  summary: 'Convert the image in place: guest data is not moved',
  details:
    'The same as open-target, setmap --all, copy-header; as a subcommand it also commits. Refused, with every reason at ' +
    'once, when the target cannot represent what the image holds or the image does not check clean. The file is the ' +
    'old image until one sector is written at the very end. With --rollback, `platter rollback IMAGE FILE` gives back ' +
    'the original, bit for bit, until the image is written again.',
  params: { format: text('FORMAT', 'the format to become', targetFormats) },
  flags: {
    o: flagWith(options('options of the target, as `help open-target` lists them'), {}, 'o'),
    'dry-run': flag('only show what would be written, where and in which order', 'n'),
    rollback: flagWith(file('FILE', 'as a subcommand: keep what `rollback` needs in FILE'), undefined),
    yes: flag('as a subcommand: do not ask first', 'y'),
  },
  examples: [
    { line: 'convert-inplace qed', image: 'start.qcow2' },
    { line: 'convert-inplace qcow2 -o compat=0.10 --dry-run', image: 'plain.qed' },
  ],
  confirm: ({ 'dry-run': dry, yes, format }, image) =>
    dry || yes ? undefined : `Convert ${image} to ${String(format)} in place?`,
  *run(session, values, line) {
    if (values['dry-run']) return yield* dryRun(session, values.format, values.o);
    const before = session.image.format;
    const report = yield* stage(session, line, values.format, values.o);
    return { kind: 'facts', facts: reportFacts(before, session.image.format, report) };
  },
  *runOnce(session, values) {
    const { format, o, rollback } = values;
    if (values['dry-run']) return yield* dryRun(session, format, o);
    const before = session.image.format;
    const label = `convert-inplace ${format}`;
    const result = yield* convertFile(session, targetDriver(format), { options: o, rollback, label });
    return { kind: 'facts', facts: [...reportFacts(before, format, result.target), ...commitFacts(result)] };
  },
});

type Request = Readonly<Record<string, string>>;

function* stage(session: Session, line: string, format: string, o: Request): Generator<Progress, TargetReport> {
  refuseSecondTarget(session);
  return yield* session.step(line, function* (draft) {
    draft.target = yield* openTarget(draft.device, draft.image, targetDriver(format), o);
    yield* mapAll(draft.image, draft.target);
    return yield* swapHeader(draft, false);
  });
}

/** Stages the conversion apart from the steps there are, shows the plan, and forgets it. */
function* dryRun(session: Session, format: string, o: Request): Generator<Progress, View> {
  return yield* session.aside(function* () {
    yield* stage(session, `convert-inplace ${format}`, format, o);
    return yield* planView(session);
  });
}
