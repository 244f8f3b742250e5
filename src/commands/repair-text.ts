/** Proposals, and what a repair came to, as a view: lines for a person, records for scripts. */
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { Repaired } from '../check/repair.ts';
import { verdictWords } from '../check/verdict.ts';
import type { Proposal, Repairs } from '../drivers/repair.ts';
import { Diff } from '../session/diff.ts';
import type { Change } from '../session/diff-change.ts';
import type { Session } from '../session/session.ts';
import { changeRecord } from './diff-json.ts';
import { changeLines, DIFF_LIMIT } from './diff-text.ts';
import { message, type PartsView, type View } from './view.ts';

/** Findings without a proposal, and proposals, that are shown to a person. */
const MOST_SHOWN = 200;

export function proposalsView(repairs: Repairs): View {
  const { proposals, unmended, report } = repairs;
  const lines = proposals.slice(0, MOST_SHOWN).flatMap((proposal, i) => proposalLines(proposal, i + 1));
  if (proposals.length > MOST_SHOWN) lines.push(`… and ${proposals.length - MOST_SHOWN} more proposals`);
  if (proposals.length === 0) lines.push('Nothing is to be repaired.');
  lines.push(...leftLines(repairs));
  if (proposals.length > 0) lines.push('', hintLine(proposals));
  return message(lines.join('\n'), {
    proposals: proposals.map((proposal, i) => ({ number: i + 1, ...proposalRecord(proposal) })),
    unmended: unmended.map(({ finding: { code, what, where }, why }) => ({ code, what, where, why })),
    verdict: verdictWords(report),
  });
}

/** What was done, and what a check says now. */
export function repairedView(session: Session, { done, left }: Repaired): PartsView {
  const { image, file } = session;
  const lines = done.map(({ change, findings }) => `${change}${findings > 1 ? ` (${findings} findings)` : ''}`);
  const open = left.proposals.length;
  if (done.length === 0)
    lines.push(open > 0 ? 'nothing: what is left is to be chosen by number' : 'nothing is to be repaired');
  if (open > 0) lines.push('', `left to choose from: ${open === 1 ? '1 proposal' : `${open} proposals`}. Try: repair`);
  const records = { done: done.map(proposalRecord), left: left.proposals.map(proposalRecord) };
  return {
    kind: 'parts',
    parts: [
      { key: 'repaired', title: 'Repaired', view: message(lines.join('\n'), records) },
      {
        key: 'check',
        title: 'Check now',
        view: { kind: 'check', filename: file.name, format: image.format, report: left.report },
      },
    ],
  };
}

/** What the steps after `before` changed, all of it now: nothing is looked at later. */
export function* changesBelow(session: Session, before: number, done: readonly Proposal[]): Generator<Progress, View> {
  const now = session.steps.filter(({ applied }) => applied).length;
  const changes: Change[] = [];
  let count = 0;
  yield* new Diff(session, before, now).changes((change) => {
    if (count++ < DIFF_LIMIT) changes.push(change);
  });
  const more = count - changes.length;
  const lines = [
    ...done.map(({ change }) => change),
    ...(done.length > 0 ? [''] : []),
    ...changes.flatMap(changeLines),
    ...(count === 0 ? ['nothing differs'] : []),
    ...(more > 0 ? [`… and ${more} more changes: stage it, then diff`] : []),
  ];
  return message(lines.join('\n'), {
    proposals: done.map(proposalRecord),
    changes: changes.map((change) => (change.kind === 'size' ? change : changeRecord(change))),
    'change-count': count,
  });
}

function proposalLines(proposal: Proposal, number: number): string[] {
  const { code, findings, places, change, loses, guestReads, isSafe, isPreferred, hint, isLast } = proposal;
  const count = findings > 1 ? ` x${findings}` : '';
  const paths = places.map((where) => where.path ?? hex(where.offset)).join(', ');
  const more = findings > places.length ? ', …' : '';
  const kind = isLast ? 'last' : isSafe ? 'safe' : isPreferred ? 'choose' : 'or';
  const rest = [
    guestReads && `the guest then reads ${guestReads}${guestText(proposal)}`,
    loses && `lost: ${loses}`,
    hint,
  ].filter((line) => typeof line === 'string');
  return [
    `${String(number).padStart(3)}  ${kind}  ${code}${count}  ${paths}${more}`,
    ...[change, ...rest].map((line) => `     ${line}`),
  ];
}

function guestText({ guest }: Proposal): string {
  const [first] = guest;
  if (!first) return '';
  const more = guest.length > 1 ? ` and ${guest.length - 1} more` : '';
  return ` (guest ${hex(first.offset)}, ${sizeText(first.length)}${more})`;
}

function leftLines({ unmended }: Repairs): string[] {
  if (unmended.length === 0) return [];
  const rows = unmended.slice(0, MOST_SHOWN).map(({ finding: { code, where }, why }) => {
    return `     ${code}  ${where.path ?? hex(where.offset)}: ${why}`;
  });
  const more = unmended.length > MOST_SHOWN ? [`     … and ${unmended.length - MOST_SHOWN} more`] : [];
  return ['', 'Nothing here mends:', ...rows, ...more];
}

function hintLine(proposals: readonly Proposal[]): string {
  const safe = proposals.some(({ isSafe }) => isSafe) ? ', repair --safe' : '';
  return `Nothing is changed yet. Try: repair 1 --preview, repair 1${safe}`;
}

function proposalRecord(proposal: Proposal): Record<string, unknown> {
  const { code, findings, places, change, loses, guestReads, isSafe, isPreferred, group, hint, guest } = proposal;
  const { freesData, isLast } = proposal;
  return {
    ...{ code, findings, places, change, loses, 'guest-reads': guestReads, safe: isSafe, preferred: isPreferred },
    ...{ group, hint, guest, 'frees-data': freesData, last: isLast },
  };
}
