/**
 * One line of `map --output=json`: which flags a kind of extent has, and the line as text. The order of keys, the
 * blanks and the missing filename are those of qemu-img 7.2.
 */
import {
  COMPRESSED,
  DATA,
  ENCRYPTED,
  INVALID,
  UNALLOCATED,
  UNALLOCATED_ALLOCATED,
  ZERO,
  ZERO_ALLOCATED,
} from '../bytes/extents.ts';
import { decimal64 } from '../bytes/size.ts';

/** The flags of a line, and whether it has an offset. Index: the code of the kind. */
export interface LineKind {
  readonly present: boolean;
  readonly zero: boolean;
  readonly data: boolean;
  readonly offset: boolean;
}

const present = { present: true, zero: false, data: true, offset: true };
export const LINE_KINDS: readonly LineKind[] = Object.assign([], {
  [UNALLOCATED]: { present: false, zero: true, data: false, offset: false },
  [DATA]: present,
  [ZERO]: { present: true, zero: true, data: false, offset: false },
  [ZERO_ALLOCATED]: { present: true, zero: true, data: false, offset: true },
  [UNALLOCATED_ALLOCATED]: { present: false, zero: true, data: false, offset: true },
  [COMPRESSED]: { ...present, offset: false },
  [ENCRYPTED]: { ...present, offset: false },
  [INVALID]: { present: true, zero: false, data: false, offset: false },
});

/** Different lines: those without an offset first. Compressed and encrypted clusters read the same here. */
export const LINES: readonly LineKind[] = [
  UNALLOCATED,
  ZERO,
  COMPRESSED,
  DATA,
  ZERO_ALLOCATED,
  UNALLOCATED_ALLOCATED,
].map((kind) => LINE_KINDS[kind] as LineKind);
export const FIRST_WITH_OFFSET = 3;
/** From a kind's code to the index in LINES; -1 for invalid, which never comes here. */
export const KIND_OF_LINE: readonly number[] = LINE_KINDS.map((kind) =>
  LINES.findIndex(
    (line) =>
      line.present === kind.present &&
      line.zero === kind.zero &&
      line.data === kind.data &&
      line.offset === kind.offset,
  ),
);

export function textLine(
  start: number,
  length: number,
  depth: number,
  line: LineKind,
  offset: number | undefined,
  extra: string,
): string {
  const where = line.offset ? `, "offset": ${decimal(offset ?? 0)}` : '';
  return `{ "start": ${decimal(start)}, "length": ${decimal(length)}${flagText(depth, line)}${where}${extra}}`;
}

export function flagText(depth: number, { present, zero, data }: LineKind): string {
  return `, "depth": ${depth}, "present": ${present}, "zero": ${zero}, "data": ${data}`;
}

/** Digits of a whole number, also above 2^53, where String() would round. */
export function decimal(value: number): string {
  return value <= Number.MAX_SAFE_INTEGER ? String(value) : decimal64(Math.floor(value / 2 ** 32), value % 2 ** 32);
}
