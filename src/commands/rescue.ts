/** `rescue`: what is still there of an image whose header, tables or refcounts are gone, and how to get it back. */
import type { Progress } from '../bytes/progress.ts';
import { ImageError } from '../errors.ts';
import { type Findings, type Proposal, searchRescue, stageRescue, withNeeds } from '../session/rescue.ts';
import type { Session } from '../session/session.ts';
import { imageCommand } from './command.ts';
import { count, flag, flagWith, list, oneOf, optional } from './params.ts';
import { refuseTarget } from './set.ts';
import { message, type TableView, type View } from './view.ts';

/** Rows shown to a person; JSON has all. */
const SHOWN = 200;
const CONFIDENCES = ['high', 'any'] as const;

export const rescue = imageCommand({
  name: 'rescue',
  group: 'inspect',
  place: 'image',
  opensRefused: true,
  summary: 'Find what is left of an image whose header, tables or refcounts are gone',
  details:
    'Looks through the file for tables and data that nothing leads to any more, and says where each belongs, why, and ' +
    'how sure that is. `rescue N…` stages those proposals and what they build on, `rescue --all` all of high ' +
    'confidence, `rescue --all --confidence any` the likely ones too. They are one step: look at the result with map, ' +
    'check and explain, undo it, or commit. As a subcommand it only lists. A file that is not recognised any more is ' +
    'opened as raw bytes, and searched for images all the same.',
  params: { numbers: optional(list(count('N', 'a proposal, by its number in the list', 1)), []) },
  flags: {
    all: flag('stage every proposal of the confidence asked for'),
    confidence: flagWith(oneOf('HOW', CONFIDENCES, 'how sure a proposal must be: high, or any'), 'high' as const),
    'dry-run': flag('list only'),
  },
  examples: [{ line: 'rescue', image: 'start.qcow2' }],
  *run(session, { numbers, all, confidence, 'dry-run': dry }, line) {
    const findings = yield* searchRescue(session);
    if (dry || (!all && numbers.length === 0)) return listed(findings, confidence);
    refuseTarget(session, 'rescue');
    return yield* staged(session, findings, all ? everyOf(findings, confidence) : chosenOf(findings, numbers), line);
  },
  *runOnce(session, { numbers, all, confidence, 'dry-run': dry }) {
    if ((all || numbers.length > 0) && !dry) throw onlyLists(session);
    return listed(yield* searchRescue(session), confidence);
  },
});

function everyOf({ proposals }: Findings, confidence: 'high' | 'any'): number[] {
  const sure = proposals.map((_, i) => i).filter((i) => confidence === 'any' || proposals[i]?.confidence === 'high');
  const known = new Set(sure);
  // What builds on a guess is a guess.
  return sure.filter((i) => confidence === 'any' || proposals[i]?.needs.every((need) => known.has(need)));
}

function chosenOf({ proposals }: Findings, numbers: readonly number[]): number[] {
  const wrong = numbers.find((number) => number > proposals.length);
  if (wrong === undefined) return numbers.map((number) => number - 1);
  const there = proposals.length === 0 ? 'there is none' : `there are 1 to ${proposals.length}`;
  throw new ImageError({
    code: 'no-such-proposal',
    what: `there is no proposal ${wrong}: ${there}`,
    tryThis: 'rescue',
  });
}

function onlyLists({ file }: Session): ImageError {
  return new ImageError({
    code: 'nothing-staged',
    what: 'as a subcommand rescue only lists: what it stages would be gone with the program',
    tryThis: `platter -c 'rescue --all' -c commit ${file.name}`,
  });
}

function* staged(
  session: Session,
  findings: Findings,
  wanted: readonly number[],
  line: string,
): Generator<Progress, View> {
  const chosen = withNeeds(findings, wanted);
  if (chosen.length === 0) {
    return message('nothing of that confidence was found: nothing is staged', { staged: 0 });
  }
  yield* stageRescue(session, findings, chosen, line);
  const guesses = chosen.filter((i) => findings.proposals[i]?.confidence === 'low').length;
  const left = findings.proposals.length - chosen.length;
  const text = [
    `${chosen.length === 1 ? '1 proposal is' : `${chosen.length} proposals are`} staged`,
    ...(guesses > 0 ? [`${guesses} of them only likely`] : []),
    ...(left > 0 ? [`${left} left out`] : []),
  ].join(', ');
  return message(`${text}. Look: check, map, diff. Then commit, or undo.`, {
    staged: chosen.map((i) => i + 1),
    likely: guesses,
    left,
  });
}

function listed(findings: Findings, confidence: 'high' | 'any'): View {
  const { proposals, notes, format } = findings;
  const high = proposals.filter((one) => one.confidence === 'high').length;
  const table: TableView = {
    kind: 'table',
    columns: [
      { key: 'n', label: 'N', align: 'right' },
      { key: 'part', label: 'Part' },
      { key: 'confidence', label: 'Sure' },
      { key: 'what', label: 'What' },
      { key: 'guest', label: 'Guest', unit: 'offset', align: 'right' },
      { key: 'length', label: 'Length', unit: 'size', align: 'right' },
      { key: 'evidence', label: 'Evidence' },
    ],
    rows: proposals
      .slice(0, SHOWN)
      .map((one, i) => [i + 1, one.part, one.confidence, one.what, one.guest, one.length, reasons(one)]),
    empty: 'nothing is lost that could be found: every table leads where it should',
    notes: [
      ...(proposals.length > SHOWN ? [`and ${proposals.length - SHOWN} more`] : []),
      ...notes,
      ...(proposals.length > 0 ? [hint(high, proposals.length, confidence)] : []),
    ],
  };
  const facts: View = {
    kind: 'facts',
    facts: [
      { key: 'format', value: format, only: 'json' },
      { key: 'notes', value: notes, only: 'json' },
      {
        key: 'proposals',
        only: 'json',
        value: proposals.map((one, i) => [
          { key: 'n', value: i + 1 },
          { key: 'part', value: one.part },
          { key: 'what', value: one.what },
          ...(one.host === undefined ? [] : [{ key: 'host', value: one.host }]),
          ...(one.guest === undefined ? [] : [{ key: 'guest', value: one.guest }]),
          ...(one.length === undefined ? [] : [{ key: 'length', value: one.length }]),
          { key: 'confidence', value: one.confidence },
          { key: 'evidence', value: one.evidence },
          { key: 'alternatives', value: one.alternatives },
          { key: 'needs', value: one.needs.map((need) => need + 1) },
        ]),
      },
    ],
  };
  return {
    kind: 'parts',
    parts: [
      { key: 'list', view: table },
      { key: 'rescue', view: facts },
    ],
  };
}

function reasons({ evidence, alternatives }: Proposal): string {
  const other = alternatives.length === 0 ? [] : [`or ${alternatives.join(', ')}`];
  return [...evidence, ...other].join('; ');
}

function hint(high: number, all: number, confidence: 'high' | 'any'): string {
  if (high === all || confidence === 'any') return `rescue --all${high === all ? '' : ' --confidence any'} stages them`;
  return `rescue --all stages the ${high} of high confidence, rescue --all --confidence any all ${all}`;
}
