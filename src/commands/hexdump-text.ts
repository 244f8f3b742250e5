/** A hexdump as lines for a person. */
import { HEX_LINE, hexLine } from '../bytes/hexdump.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';
import type { HexdumpView } from './view.ts';

/** Fields of a line that are named one by one; of more, the first and the last. */
const NAMED = 3;

/** `0x00004000  80 00 … |....P.| l2 table 0: l2[0][0], l2[0][1]`; the owner where it changes. */
export function hexdumpLines({ lines }: HexdumpView, style: Style): string[] {
  const last = lines.at(-1)?.offset ?? 0;
  const width = Math.max(8, last.toString(16).length);
  let before: string | undefined;
  return lines.map(({ offset, bytes, owner, fields }) => {
    const { hex, text } = hexLine(bytes, offset % HEX_LINE);
    const owns = owner === before ? '' : printable(owner);
    before = owner;
    const note = [owns, fieldsText(fields)].filter(Boolean).join(': ');
    const place = style.faint(`0x${(offset - (offset % HEX_LINE)).toString(16).padStart(width, '0')}`);
    return `${place}  ${hex}  |${text.padEnd(HEX_LINE)}|  ${note}`.trimEnd();
  });
}

function fieldsText(fields: readonly string[]): string {
  // What stands before the dot is said once.
  const shown = fields.map((path, i) => {
    const dot = path.lastIndexOf('.') + 1;
    return i > 0 && dot > 0 && fields[i - 1]?.startsWith(path.slice(0, dot)) ? path.slice(dot) : path;
  });
  if (fields.length <= NAMED) return shown.join(', ');
  return `${fields[0]} .. ${fields.at(-1)}`;
}
