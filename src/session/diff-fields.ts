/** Fields of a header, or of another structure that is no table of equal entries, that differ; and its bytes that no field names. */
import type { Field } from '../bytes/field.ts';
import { type Range, Ranges } from '../bytes/ranges.ts';
import type { TwoMoments } from './diff-bytes.ts';
import type { Change } from './diff-change.ts';
import { clip, type Piece } from './diff-pieces.ts';

/** Fields of the other format that are named one by one. */
const NAMED = 2;

/** What another format had in some bytes, where the format has changed. */
export type Formerly = (
  offset: number,
  length: number,
) => { readonly format: string; readonly fields: readonly Field[] };

/** Fields and bytes of `piece` in `parts` that differ, in order. `from`: where to begin (bytes). */
export function fieldChanges(
  piece: Piece,
  from: number,
  parts: readonly Range[],
  moments: TwoMoments,
  formerly: Formerly | undefined,
): Change[] {
  const changes: Change[] = [];
  const { side, region, to, moment } = piece;
  const among = Ranges.of(parts);
  const isTouched = (offset: number, length: number): boolean => among.overlapping(offset, length) !== undefined;
  let at = from;
  const unnamed = (end: number): void => {
    for (const part of clip(among, at, end)) {
      const differing = moments.hull(part);
      if (differing) changes.push({ kind: 'bytes', ...differing, role: region.role, inside: insideOf(piece) });
    }
  };
  if (from >= to) return changes;
  const last = parts.at(-1);
  const until = Math.min(to, last ? last.offset + last.length : from);
  for (const field of side.fields(region, from, until)) {
    // Of fields that claim the same bytes the first is told.
    if (field.offset < at) continue;
    const end = Math.min(field.offset + field.size, to);
    unnamed(field.offset);
    at = end;
    const length = end - field.offset;
    if (!isTouched(field.offset, length) || !moments.differs(field.offset, length)) continue;
    const pair = moments.at(field.offset, field.size);
    const other = moment === 'after' ? pair.before : pair.after;
    const former = formerly?.(field.offset, field.size);
    const text = former && former.fields.length > 0 ? formerText(former) : inItsTerms(piece, field, other);
    const texts = moment === 'after' ? { old: text, new: field.text } : { old: field.text, new: text };
    changes.push({ kind: 'field', name: `${side.prefix}${field.path}`, offset: field.offset, length, ...texts });
  }
  unnamed(until);
  return changes;
}

function inItsTerms({ side, region }: Piece, { path, offset }: Field, bytes: Uint8Array): string {
  const same = side.fieldsOver(region, offset, bytes).find((field) => field.path === path && field.offset === offset);
  return same?.text ?? `0x${Buffer.from(bytes).toString('hex')}`;
}

/** `qcow2 header.version 3`. */
function formerText({ format, fields }: ReturnType<Formerly>): string {
  const shown = fields.slice(0, NAMED).map(({ path, text }) => `${path} ${text}`);
  const more = fields.length - shown.length;
  return `${format} ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export function insideOf({ side, region }: Piece): string {
  return `${side.prefix}${region.label ?? region.role}`;
}
