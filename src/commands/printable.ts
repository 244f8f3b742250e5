/**
 * Names and bytes from an image never reach the terminal as control characters: C0, DEL, C1, and the characters that
 * turn the direction of writing are shown as escapes. Text that is ours may contain line ends.
 */

/** C0, DEL, C1, line and paragraph separators, bidirectional marks, embeddings, overrides and isolates. */
export const DISTURBING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** One line: every disturbing character as `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(DISTURBING, escaped);
}

/** Several lines: as `printable`, but line ends stay. For sentences, which may list reasons line by line. */
export function printableLines(text: string): string {
  return text.replace(DISTURBING, (c) => (c === '\n' ? c : escaped(c)));
}

function escaped(c: string): string {
  const code = c.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
