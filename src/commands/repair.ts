/** `repair`: what could be done about what `check` finds, what of it is chosen as a step, and that step before it is one. */
import type { Progress } from '../bytes/progress.ts';
import type { Choice } from '../check/repair.ts';
import { ImageError } from '../errors.ts';
import { commitSteps } from '../session/commit.ts';
import { examine, stageRepair } from '../session/repair.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { commitFacts } from './conversion-report.ts';
import { file, flag, flagWith, optional, type Param } from './params.ts';
import { changesBelow, proposalsView, repairedView } from './repair-text.ts';
import { refuseTarget } from './set.ts';
import type { View } from './view.ts';

type Chosen = 'all' | readonly number[];

export const repair = imageCommand({
  name: 'repair',
  group: 'inspect',
  place: 'image',
  opensRefused: true,
  summary: 'Say what could be mended, what that would change and lose, and mend what is chosen',
  details:
    'Without anything: proposals for what `check` finds, numbered, each with its change, what would be lost by it, and ' +
    'whether it is safe: a safe one changes no byte that the guest reads, and loses nothing that could still be found. ' +
    '`repair 2,5` does some of them, --safe all that are safe, `repair all` the first of each finding that is not safe too; ' +
    'each as one step, which `diff` names and `undo` takes back. --preview shows that diff and stages nothing. As a subcommand ' +
    'it also commits, unless with --dry-run.\n' +
    'Clusters that nothing refers to and that hold more than zeros are all that is left of something: they are freed ' +
    'only by their number, or with --free-data. New tables and copies go to the end of the file.',
  params: { what: optional(proposals('N[,M]|all', 'numbers of proposals, as `repair` lists them'), undefined) },
  flags: {
    safe: flag('do all that loses nothing'),
    preview: flag('only show which fields would change', 'p'),
    'dry-run': flag('the same as --preview', 'n'),
    'free-data': flag('also free leaked clusters that hold more than zeros'),
    rollback: flagWith(file('FILE', 'as a subcommand: keep what `rollback` needs in FILE'), undefined),
    yes: flag('as a subcommand: do not ask first', 'y'),
  },
  examples: [
    { line: 'repair', image: 'corrupt/leaked.qcow2' },
    { line: 'repair --safe; check', image: 'corrupt/referenced-but-free.qcow2' },
    { line: 'repair 1 --preview', image: 'corrupt/l2-entry-invalid.qed' },
  ],
  confirm: ({ what, safe, preview, 'dry-run': dry, yes }, image) =>
    yes || preview || dry || !(safe || what) ? undefined : `Repair ${image} in place?`,
  *run(session, values, line) {
    const choice = choiceOf(values);
    if (!choice) return proposalsView(yield* examine(session));
    if (values.preview || values['dry-run']) return yield* preview(session, choice);
    return yield* staged(session, line, choice);
  },
  *runOnce(session, values) {
    const choice = choiceOf(values);
    if (!choice) return proposalsView(yield* examine(session));
    if (values.preview || values['dry-run']) return yield* preview(session, choice);
    const repaired = yield* staged(session, 'repair', choice);
    if (session.steps.length === 0) return repaired;
    const result = yield* commitSteps(session, { rollback: values.rollback, label: 'repair' });
    return {
      kind: 'parts',
      parts: [...repaired.parts, { key: 'commit', view: { kind: 'facts', facts: commitFacts(result) } }],
    };
  },
});

interface Values {
  readonly what: Chosen | undefined;
  readonly safe: boolean;
  readonly preview: boolean;
  readonly 'dry-run': boolean;
  readonly 'free-data': boolean;
}

/** Undefined: nothing is chosen. Throws ImageError `bad-choice` where two things are. */
function choiceOf({ what, safe, preview, 'free-data': freeData, ...rest }: Values): Choice | undefined {
  if (safe && what !== undefined) {
    throw new ImageError({ code: 'bad-choice', what: 'repair takes --safe or what to repair, not both' });
  }
  const looks = preview || rest['dry-run'];
  if (what === undefined && !safe && !looks && !freeData) return undefined;
  return { what: what ?? 'safe', freeData };
}

function* staged(session: Session, line: string, choice: Choice) {
  refuseTarget(session, 'repair');
  return repairedView(session, yield* stageRepair(session, line, choice));
}

/** The step on a branch of its own that is forgotten. */
function* preview(session: Session, choice: Choice): Generator<Progress, View> {
  refuseTarget(session, 'repair');
  return yield* session.aside(function* () {
    const before = session.steps.filter(({ applied }) => applied).length;
    const { done } = yield* stageRepair(session, 'repair --preview', choice, false);
    return yield* changesBelow(session, before, done);
  });
}

/** `2`, `1,3`, `all`. */
function proposals(placeholder: string, doc: string): Param<Chosen> {
  return {
    ...{ placeholder, doc, completes: 'proposal' },
    choices: () => ['all'],
    parse(word) {
      if (word === 'all') return 'all';
      if (/^\d{1,9}(,\d{1,9})*$/.test(word)) return word.split(',').map(Number);
      throw new ImageError({
        code: 'bad-number',
        what: `'${word}' is not a list of proposals: expected numbers with commas between, or all`,
        tryThis: 'repair',
      });
    },
  };
}
