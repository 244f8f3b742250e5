/**
 * The line being edited, as a value: text, cursor, what can be undone, what was killed. Nothing here is changed in
 * place; the functions answer a new state. The text may have several lines, after a paste.
 *
 * Invariants:
 *  1. The cursor is on a boundary of characters, 0 to the text's length.
 *  2. Undo after undo ends at the empty line, whatever was done.
 *  3. The text never has more than LINE_LIMIT characters: what does not fit is not inserted.
 */
import { boundaryFrom } from './graphemes.ts';

/** UTF-16 units. */
export const LINE_LIMIT = 65_536;

/** Killed texts kept for ^Y and M-y. */
const RING = 32;

/** One change: at `at`, `removed` became `inserted`. A list towards the past. */
interface Change {
  readonly at: number;
  readonly removed: string;
  readonly inserted: string;
  /** The cursor before it. */
  readonly cursor: number;
  readonly before: Change | undefined;
}

/** What the last key was, as far as the next one wants to know. */
type Last =
  | { readonly kind: 'other' }
  | { readonly kind: 'typed' }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'killed' }
  /** A yank: where it stands, and which of the killed texts it is. */
  | { readonly kind: 'yanked'; readonly from: number; readonly to: number; readonly index: number };

export interface LineState {
  readonly text: string;
  /** UTF-16 index. */
  readonly cursor: number;
  readonly changes: Change | undefined;
  /** Newest first. */
  readonly killed: readonly string[];
  readonly last: Last;
}

const OTHER: Last = { kind: 'other' };

export const EMPTY_LINE: LineState = { text: '', cursor: 0, changes: undefined, killed: [], last: OTHER };

/** An empty line that remembers what was killed in this one. */
export function nextLine(state: LineState): LineState {
  return { ...EMPTY_LINE, killed: state.killed };
}

export function moveTo(state: LineState, cursor: number): LineState {
  return { ...state, cursor, last: OTHER };
}

/** A part of the text replaced; the cursor goes behind what is inserted. */
export function replaced(state: LineState, from: number, to: number, inserted: string, last: Last = OTHER): LineState {
  const room = LINE_LIMIT - (state.text.length - (to - from));
  const fits = inserted.length > room ? inserted.slice(0, wholeCharacters(inserted, Math.max(0, room))) : inserted;
  const removed = state.text.slice(from, to);
  if (fits === '' && removed === '') return { ...state, last };
  const text = state.text.slice(0, from) + fits + state.text.slice(to);
  const change: Change = { at: from, removed, inserted: fits, cursor: state.cursor, before: state.changes };
  // What is inserted may join with what follows it to one character.
  return { ...state, text, cursor: boundaryFrom(text, from + fits.length), changes: change, last };
}

function wholeCharacters(text: string, length: number): number {
  const code = text.charCodeAt(length - 1);
  return code >= 0xd800 && code < 0xdc00 ? length - 1 : length;
}

/** Typed text; a run of typing is undone at once. */
export function typed(state: LineState, text: string): LineState {
  const next = replaced(state, state.cursor, state.cursor, text, { kind: 'typed' });
  return state.last.kind === 'typed' ? joined(state, next) : next;
}

/** A deletion with Delete or Backspace; a run of them is undone at once. */
export function deleted(state: LineState, from: number, to: number): LineState {
  const next = replaced(state, from, to, '', { kind: 'deleted' });
  return state.last.kind === 'deleted' ? joined(state, next) : next;
}

/** The last two changes as one, where they touch. */
function joined(state: LineState, next: LineState): LineState {
  const first = state.changes;
  const second = next.changes;
  if (!first || !second || second === first) return next;
  const rest = { cursor: first.cursor, before: first.before };
  if (second.removed === '' && second.at === first.at + first.inserted.length) {
    return {
      ...next,
      changes: { ...rest, at: first.at, removed: first.removed, inserted: first.inserted + second.inserted },
    };
  }
  if (first.inserted !== '' || second.inserted !== '') return next;
  if (second.at === first.at) {
    return { ...next, changes: { ...rest, at: first.at, removed: first.removed + second.removed, inserted: '' } };
  }
  if (second.at + second.removed.length === first.at) {
    return { ...next, changes: { ...rest, at: second.at, removed: second.removed + first.removed, inserted: '' } };
  }
  return next;
}

export function undone(state: LineState): LineState {
  const change = state.changes;
  if (!change) return { ...state, last: OTHER };
  const { at, removed, inserted, cursor, before } = change;
  const text = state.text.slice(0, at) + removed + state.text.slice(at + inserted.length);
  return { ...state, text, cursor, changes: before, last: OTHER };
}

/** A deletion that ^Y gives back; one kill after another makes one text. */
export function killed(state: LineState, from: number, to: number): LineState {
  if (from === to) return { ...state, last: state.last.kind === 'killed' ? state.last : OTHER };
  const text = state.text.slice(from, to);
  const [newest = '', ...older] = state.killed;
  const ring =
    state.last.kind === 'killed'
      ? [from < state.cursor ? text + newest : newest + text, ...older]
      : [text, ...state.killed].slice(0, RING);
  return { ...replaced(state, from, to, '', { kind: 'killed' }), killed: ring };
}

export function yanked(state: LineState): LineState {
  const [newest] = state.killed;
  if (newest === undefined) return { ...state, last: OTHER };
  return yankedAt(state, state.cursor, state.cursor, 0);
}

/** After a yank: the text killed before that one in its place. */
export function yankedOlder(state: LineState): LineState {
  const { last } = state;
  if (last.kind !== 'yanked' || state.killed.length === 0) return state;
  return yankedAt(state, last.from, last.to, (last.index + 1) % state.killed.length);
}

function yankedAt(state: LineState, from: number, to: number, index: number): LineState {
  const next = replaced(state, from, to, state.killed[index] as string);
  const inserted = next.text.length - (state.text.length - (to - from));
  return { ...next, last: { kind: 'yanked', from, to: from + inserted, index } };
}
