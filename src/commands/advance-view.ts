/** What step, next, until and finish answer: what each piece did, and what phase comes next. */
import { PHASE_TITLES } from '../session/phase-titles.ts';
import type { Advance, ShownPiece } from '../session/running-conversion.ts';
import { reportFacts } from './conversion-report.ts';
import { message, type Place, type View } from './view.ts';

export function advanceView({ pieces, shown, position, report }: Advance): View {
  const lines = shown.flatMap((piece) => [
    ...(piece.skipped > 0 ? [`and ${piece.skipped} more, up to`] : []),
    piece.text,
  ]);
  const { phase, from, to } = position;
  const last = shown.at(-1);
  if (last && phase !== last.phase && phase !== 'done') lines.push(`next phase: ${PHASE_TITLES[phase]}`);
  const data = {
    pieces,
    phase,
    did: shown.map(({ phase, text, guest, host, writes }) => ({ phase, text, guest, host, writes })),
  };
  const done = message(lines.join('\n'), data, placeOf(last));
  if (!report) return done;
  return {
    kind: 'parts',
    parts: [
      { key: 'steps', view: done },
      { key: 'conversion', view: { kind: 'facts', facts: reportFacts(from, to, report) } },
    ],
  };
}

/** The byte that was dealt with last. */
function placeOf(piece: ShownPiece | undefined): Place | undefined {
  if (piece?.guest) return { side: 'target', guest: piece.guest.offset };
  const host = piece?.writes.at(-1)?.offset;
  return host === undefined ? undefined : { side: 'target', host };
}
