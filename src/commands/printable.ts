/**
 * Names and bytes from an image never reach the terminal as control characters: C0, DEL, C1, and the characters that
 * turn the direction of writing are shown as escapes. Text that is ours may contain line ends.
 */

/**
 * C0, DEL, C1, line and paragraph separators, bidirectional marks, embeddings, overrides and isolates; and the letters
 * that join with whatever is written behind them (Grapheme_Cluster_Break=Prepend, a column wide), since a row's width
 * would then depend on its neighbour.
 */
export const DISTURBING =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\u0d4e\u{111c2}\u{111c3}\u{113d1}\u{1193f}\u{11941}\u{11a84}-\u{11a89}\u{11d46}\u{11f02}]/gu;

/** One line: every disturbing character as `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(DISTURBING, escaped);
}

/** Several lines: as `printable`, but line ends stay. For sentences, which may list reasons line by line. */
export function printableLines(text: string): string {
  return text.replace(DISTURBING, (c) => (c === '\n' ? c : escaped(c)));
}

function escaped(c: string): string {
  const code = c.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code > 0xffff) return `\\u{${hex}}`;
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
