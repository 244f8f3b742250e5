/** Where a change has stopped: the instant, and what it has written so far, in order. */
import type { Stopped } from '../session/breakpoints.ts';
import { stoppedWords } from '../session/breakpoints.ts';
import type { Session } from '../session/session.ts';
import { message, type TableView, type View } from './view.ts';

/** Writes that are listed; of more, the last. */
const LISTED = 40;

export function stoppedView(session: Session, at: Stopped): View {
  const said = message(`${at.line}: ${stoppedWords(at)}, instant ${at.passed}; resume, step, or undo`, {
    stopped: true,
    event: at.event,
    ...(at.tag === undefined ? {} : { tag: at.tag }),
    instant: at.passed,
    line: at.line,
  });
  return {
    kind: 'parts',
    parts: [
      { key: 'stopped', view: said },
      { key: 'writes', view: writes(session) },
    ],
  };
}

/** What the last applied step wrote, as it labelled it. */
function writes(session: Session): TableView {
  const changes = session.steps.findLast(({ applied }) => applied)?.changes;
  const events = changes?.events ?? [];
  const left = (changes?.eventCount ?? 0) - LISTED;
  return {
    kind: 'table',
    columns: [
      { key: 'operation', label: 'So far' },
      { key: 'offset', label: 'Offset', unit: 'offset', align: 'right' },
      { key: 'length', label: 'Length', unit: 'size', align: 'right' },
      { key: 'what', label: 'What' },
    ],
    rows: events.slice(-LISTED).map((event) => {
      if (event.kind === 'write') return ['write', event.offset, event.length, event.what];
      if (event.kind === 'resize') return ['resize', undefined, event.size, undefined];
      return ['flush', undefined, undefined, undefined];
    }),
    empty: 'nothing is written yet',
    notes: left > 0 ? [`and ${left} before these`] : [],
  };
}
