/** A hexdump as lines for a person: no mark is colour alone, the names of owners, fields and gaps stand beside it. */
import { HEX_LINE, hexLine } from '../bytes/hexdump.ts';
import { ROLE_LOOKS } from './palette.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';
import type { DumpSpan, HexdumpView } from './view.ts';

type Line = HexdumpView['lines'][number];

/** Fields of a line that are named one by one; of more, the first and the last. */
const NAMED = 3;

/** `0x00004000  80 00 … |....P.| l2 table 0: l2[0][0], l2[0][1]`; the owner where it changes. */
export function hexdumpLines({ lines }: HexdumpView, style: Style): string[] {
  const last = lines.at(-1)?.offset ?? 0;
  const width = Math.max(8, last.toString(16).length);
  let before: string | undefined;
  let parity = 0;
  return lines.map((line) => {
    const { offset, owner } = line;
    const owns = owner === before ? '' : printable(owner);
    before = owner;
    const note = [owns, printable(namesOf(line))].filter(Boolean).join(': ');
    const place = style.faint(`0x${(offset - (offset % HEX_LINE)).toString(16).padStart(width, '0')}`);
    // A field that goes on from the line before keeps its look.
    const marked = line.spans.map((span, i) => {
      const starts = i > 0 || span.offset > line.offset || !goesOn(lines, line);
      if (span.fields.length > 0 && starts) parity ^= 1;
      return { ...span, isOdd: parity === 1 };
    });
    const { hex, text } = painted(line, marked, style);
    return `${place}  ${hex}  |${text}|  ${note}`.trimEnd();
  });
}

/** Whether the first field of the line began in the line before. */
function goesOn(lines: readonly Line[], line: Line): boolean {
  const earlier = lines[lines.indexOf(line) - 1]?.spans.at(-1);
  const path = line.spans[0]?.fields[0];
  return path !== undefined && earlier?.fields.at(-1) === path;
}

/** `header.magic, version, 4 bytes unnamed`. */
function namesOf({ spans }: Line): string {
  const names = spans.flatMap(({ fields, gap, length }) =>
    gap ? [`${length === 1 ? '1 byte' : `${length} bytes`} in no field`] : fields,
  );
  const isField = (name: string): boolean => !name.includes(' ');
  // What stands before the dot is said once.
  const shown = names.map((name, i) => {
    const dot = name.lastIndexOf('.') + 1;
    const earlier = names.slice(0, i).findLast(isField);
    return dot > 0 && isField(name) && earlier?.startsWith(name.slice(0, dot)) ? name.slice(dot) : name;
  });
  if (names.length <= NAMED) return shown.join(', ');
  const last = names.findLastIndex(isField);
  const rest = names.slice(last + 1);
  return [`${names[0]} .. ${names[last]}`, ...rest].join(', ');
}

type Marked = DumpSpan & { readonly isOdd: boolean };

/** Neighbours of one stretch are styled together, the blanks between them too. */
function painted(line: Line, spans: readonly Marked[], style: Style): { readonly hex: string; readonly text: string } {
  const skip = line.offset % HEX_LINE;
  const plain = hexLine(line.bytes, skip);
  const column = (place: number): number => place * 3 + (place >= HEX_LINE / 2 ? 1 : 0);
  let hex = '';
  let text = '';
  let at = 0;
  let from = 0;
  for (const span of spans) {
    const first = span.offset - line.offset + skip;
    const end = first + span.length;
    const look = (part: string): string => spanStyle(span, style)(part);
    hex += plain.hex.slice(at, column(first)) + look(plain.hex.slice(column(first), column(end - 1) + 2));
    text += plain.text.slice(from, first) + look(plain.text.slice(first, end));
    at = column(end - 1) + 2;
    from = end;
  }
  hex += plain.hex.slice(at);
  const room = ' '.repeat(Math.max(0, HEX_LINE - Math.max(from, plain.text.length)));
  return { hex, text: text + plain.text.slice(from) + room };
}

function spanStyle({ role, fields, gap, isOdd }: Marked, style: Style): (text: string) => string {
  if (gap) return style.faint;
  const look = ROLE_LOOKS[role];
  return (text) => {
    const coloured = style.look(text, look);
    return fields.length > 0 && isOdd ? style.underline(coloured) : coloured;
  };
}
