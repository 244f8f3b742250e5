/** Keys that edit the line: Emacs' set, as shells have it. A table from keys to functions of the line's state. */
import { nextBoundary, previousBoundary } from './graphemes.ts';
import { chordOf, type Key } from './key.ts';
import { deleted, killed, type LineState, moveTo, replaced, typed, undone, yanked, yankedOlder } from './line-state.ts';
import { blankWordStart, wordEnd, wordStart } from './words.ts';

type Edit = (state: LineState) => LineState;

const toStart: Edit = (s) => moveTo(s, rowStart(s.text, s.cursor));
const toEnd: Edit = (s) => moveTo(s, rowEnd(s.text, s.cursor));
const left: Edit = (s) => moveTo(s, previousBoundary(s.text, s.cursor));
const right: Edit = (s) => moveTo(s, nextBoundary(s.text, s.cursor));
const wordLeft: Edit = (s) => moveTo(s, wordStart(s.text, s.cursor));
const wordRight: Edit = (s) => moveTo(s, wordEnd(s.text, s.cursor));
const backspace: Edit = (s) => deleted(s, previousBoundary(s.text, s.cursor), s.cursor);
const remove: Edit = (s) => deleted(s, s.cursor, nextBoundary(s.text, s.cursor));
const killWord: Edit = (s) => killed(s, s.cursor, wordEnd(s.text, s.cursor));
const killWordBack: Edit = (s) => killed(s, wordStart(s.text, s.cursor), s.cursor);

/** To the end of the line; at its end, the line end. */
const killToEnd: Edit = (s) => {
  const end = rowEnd(s.text, s.cursor);
  return killed(s, s.cursor, end === s.cursor ? Math.min(end + 1, s.text.length) : end);
};

const killToStart: Edit = (s) => {
  const start = rowStart(s.text, s.cursor);
  return killed(s, start === s.cursor ? Math.max(0, start - 1) : start, s.cursor);
};

/** The characters on both sides of the cursor change places; at the end, the last two. */
const transpose: Edit = (s) => {
  const middle = s.cursor === rowEnd(s.text, s.cursor) ? previousBoundary(s.text, s.cursor) : s.cursor;
  const from = previousBoundary(s.text, middle);
  const to = nextBoundary(s.text, middle);
  if (middle <= rowStart(s.text, s.cursor) || to === middle) return moveTo(s, s.cursor);
  return replaced(s, from, to, s.text.slice(middle, to) + s.text.slice(from, middle));
};

const EDITS: Readonly<Record<string, Edit>> = {
  'C-a': toStart,
  home: toStart,
  'C-e': toEnd,
  end: toEnd,
  'C-b': left,
  left,
  'C-f': right,
  right,
  'M-b': wordLeft,
  'C-left': wordLeft,
  'M-left': wordLeft,
  'M-f': wordRight,
  'C-right': wordRight,
  'M-right': wordRight,
  backspace,
  'S-backspace': backspace,
  'C-d': remove,
  delete: remove,
  'C-k': killToEnd,
  'C-u': killToStart,
  'C-w': (s) => killed(s, blankWordStart(s.text, s.cursor), s.cursor),
  'M-d': killWord,
  'C-delete': killWord,
  'M-backspace': killWordBack,
  'C-backspace': killWordBack,
  'C-y': yanked,
  'M-y': yankedOlder,
  'C-t': transpose,
  'C-_': undone,
  'M-return': (s) => replaced(s, s.cursor, s.cursor, '\n'),
};

/** The line after the key; undefined when it is no key of the editor's. */
export function edited(state: LineState, key: Key): LineState | undefined {
  if (key.name === 'text') return typed(state, key.text);
  const edit = EDITS[chordOf(key)];
  return edit?.(state);
}

/** Where the line that holds the cursor begins, in a text of several lines. */
export function rowStart(text: string, cursor: number): number {
  return cursor === 0 ? 0 : text.lastIndexOf('\n', cursor - 1) + 1;
}

export function rowEnd(text: string, cursor: number): number {
  const end = text.indexOf('\n', cursor);
  return end < 0 ? text.length : end;
}

/** The line above (-1) or below (1) with the cursor as many characters from its start; undefined at the edge. */
export function movedRow(state: LineState, by: -1 | 1): LineState | undefined {
  const { text, cursor } = state;
  const start = rowStart(text, cursor);
  const end = rowEnd(text, cursor);
  if (by < 0 ? start === 0 : end === text.length) return undefined;
  const target = by < 0 ? rowStart(text, start - 1) : end + 1;
  const last = rowEnd(text, target);
  let at = target;
  for (let from = start; from < cursor && at < last; from = nextBoundary(text, from)) at = nextBoundary(text, at);
  return moveTo(state, Math.min(at, last));
}
