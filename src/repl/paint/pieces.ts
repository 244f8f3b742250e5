/**
 * Styled text in pieces that can be measured and cut: style sequences, runs of characters one column wide, and single
 * clusters of anything else (wide characters, combined ones). What every function that fits text is built on.
 *
 *  1. Widths sum up to what string-width says of the whole.
 *  2. Of escape sequences only styles (SGR) pass; every other control character comes out as `?`.
 *  3. Time is linear: Intl.Segmenter is quadratic on Node 20, so it sees short stretches only.
 */
import stringWidth from 'string-width';

/** `sgr`: a style sequence, no columns. `run`: as many columns as characters. `cluster`: not to be cut. */
export type PieceKind = 'sgr' | 'run' | 'cluster';

/** Characters that are one column wide and never join with what follows, but for a mark. */
const ONE =
  '\\x20-\\x7e\\u00a1-\\u00a8\\u00aa-\\u00ac\\u00af-\\u02ff\\u2010-\\u2027\\u2030-\\u203b' +
  '\\u2500-\\u25a9\\u25ac-\\u25b5\\u25b7-\\u25bf\\u25c1-\\u25fa';
const RUN = new RegExp(`[${ONE}]+`, 'y');
const ALL_ONE = new RegExp(`^[${ONE}]*$`);
const SGR = /\x1b\[(?:\d{1,3}(?:[;:]\d{0,3})*)?m/y;
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
const OTHER = new RegExp(`[^${ONE}\\x00-\\x1f\\x7f-\\x9f]+`, 'y');
const ASCII = /^[\x20-\x7e]*$/;

/** Code units given to the segmenter at once; no cluster that a terminal draws as one is longer. */
const STRETCH = 128;
const segmenter = new Intl.Segmenter();

/** Columns of each lone code unit, as it is asked for; -1: not yet. */
const UNIT_WIDTHS = new Int8Array(0x10000).fill(-1);

function clusterWidth(cluster: string): number {
  if (cluster.length > 1) return stringWidth(cluster);
  const code = cluster.charCodeAt(0);
  if (UNIT_WIDTHS[code] === -1) UNIT_WIDTHS[code] = stringWidth(cluster);
  return UNIT_WIDTHS[code] as number;
}

/** Every character of `text` is one column wide and can be cut off from the next. */
export function isPlainRun(text: string): boolean {
  return ASCII.test(text) || ALL_ONE.test(text);
}

/** Calls `visit` for each piece in order, until it answers false. */
export function eachPiece(
  text: string,
  // biome-ignore lint/suspicious/noConfusingVoidType: a visitor that goes to the end has nothing to answer
  visit: (piece: string, width: number, kind: PieceKind) => boolean | void,
): void {
  // A glyph alone is the commonest text of all, and the segmenter is slow to start.
  if (text.length === 1 && !CONTROL.test(text)) {
    visit(text, clusterWidth(text), 'cluster');
    return;
  }
  let at = 0;
  while (at < text.length) {
    RUN.lastIndex = at;
    const run = RUN.exec(text);
    if (run) {
      const end = at + run[0].length;
      // The last character belongs to what follows it when that may be a mark.
      const joins = end < text.length && !CONTROL.test(text.charAt(end));
      const own = joins ? run[0].slice(0, -1) : run[0];
      if (own !== '' && visit(own, own.length, 'run') === false) return;
      at += own.length;
      if (!joins) continue;
    } else if (CONTROL.test(text.charAt(at))) {
      SGR.lastIndex = at;
      const sgr = SGR.exec(text);
      if ((sgr ? visit(sgr[0], 0, 'sgr') : visit('?', 1, 'run')) === false) return;
      at += sgr ? sgr[0].length : 1;
      continue;
    }
    const next = clusters(text, at, visit);
    if (next < 0) return;
    at = next;
  }
}

/** Visits the clusters from `at` up to the next simple stretch; answers where that begins, or -1 when stopped. */
function clusters(text: string, at: number, visit: Parameters<typeof eachPiece>[1]): number {
  RUN.lastIndex = at;
  OTHER.lastIndex = RUN.test(text) ? at + 1 : at;
  let end = OTHER.test(text) ? OTHER.lastIndex : at + 1;
  // A few characters join with the simple one after them.
  RUN.lastIndex = end;
  const guest = RUN.test(text);
  if (guest) end++;
  while (at < end) {
    const stretch = text.slice(at, Math.min(end, at + STRETCH));
    const whole = at + stretch.length === end;
    let taken = 0;
    for (const { segment, index } of segmenter.segment(stretch)) {
      const last = index + segment.length === stretch.length;
      if (last && whole && guest && segment.length === 1) return end - 1;
      // The last of an unfinished stretch may go on: it is seen again with what follows.
      if (last && !whole && index > 0) break;
      if (visit(segment, clusterWidth(segment), 'cluster') === false) return -1;
      taken = index + segment.length;
    }
    at += taken;
  }
  return end;
}
