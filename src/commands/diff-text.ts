/** A diff as lines for a person, written while it is found; at most so many changes, the rest counted. */
import { hexLine } from '../bytes/hexdump.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { BytesChange, Change, FieldChange } from '../session/diff-change.ts';
import { ROLE_LOOKS } from './palette.ts';
import { printable } from './printable.ts';
import type { Sink } from './sink.ts';
import type { Style } from './style.ts';
import type { DiffView } from './view.ts';

/** Changes shown unless all are asked for, and lines of bytes of one of them. */
export const DIFF_LIMIT = 64;
const BYTE_LINES = 8;
const HEX_LINE = 16;
/** Lines gathered before they are written. */
const LINES = 256;

export function* writeDiffText(view: DiffView, sink: Sink, style: Style): Generator<Progress, void> {
  const { diff, all, bytes, title } = view;
  const limit = all ? Number.POSITIVE_INFINITY : DIFF_LIMIT;
  let lines = [style.heading(printable(title))];
  let count = 0;
  const write = (): void => {
    sink.text(lines.map((line) => `${line}\n`).join(''));
    lines = [];
  };
  const work = diff.changes(
    (change) => {
      if (count++ >= limit) return;
      lines.push(...changeLines(change).map(printable));
      if (bytes && change.kind !== 'size') lines.push(...byteLines(view, change, style));
    },
    { all },
  );
  for (const progress of work) {
    if (lines.length > LINES) write();
    yield progress;
  }
  if (count === 0) lines.push('nothing differs');
  if (count > limit) lines.push(`… and ${count - limit} more changes: --all lists them`);
  write();
}

/** The first line says it; those below are indented. */
export function changeLines(change: Change): string[] {
  switch (change.kind) {
    case 'size':
      return [`file size: ${sizeText(change.old)} -> ${sizeText(change.new)}`];
    case 'field':
      return [fieldLine(change)];
    case 'entries': {
      const { name, count, span, first, last } = change;
      return [`${name}: ${count === span ? count : `${count} of ${span}`} entries`, indented(first), indented(last)];
    }
    case 'table': {
      const { name, state, offset, set, entries } = change;
      const what = state === 'new' ? 'new table' : 'table gone';
      return [`${name}: ${what} at ${hex(offset)}, ${set} of ${entries} entries set`];
    }
    case 'bytes':
      return [bytesText(change)];
  }
}

function fieldLine({ name, old, new: now }: FieldChange): string {
  return `${name}: ${old} -> ${now}`;
}

function indented(field: FieldChange): string {
  return `    ${fieldLine(field)}`;
}

/** `data at 0x5000, guest 0x40000: 4096 bytes`. */
function bytesText({ offset, length, role, inside, guest }: BytesChange): string {
  const owner =
    inside === undefined ? (role ? ROLE_LOOKS[role].name : 'outside the tables') : `unnamed bytes of ${inside}`;
  const at = guest === undefined ? hex(offset) : `${hex(offset)}, guest ${hex(guest)}`;
  return `${owner} at ${at}: ${length === 1 ? '1 byte' : `${length} bytes`}`;
}

/** Lines of the file in which something differs, old above new. */
function byteLines({ diff, all }: DiffView, change: Exclude<Change, { kind: 'size' }>, style: Style): string[] {
  const lines: string[] = [];
  const end = change.offset + change.length;
  let left = 0;
  for (let at = change.offset; at < end; ) {
    const stop = Math.min(at - (at % HEX_LINE) + HEX_LINE, end);
    const { old, new: now } = diff.bytes(at, stop - at);
    if (!Buffer.from(old).equals(now)) {
      if (lines.length >= 2 * BYTE_LINES && !all) left++;
      else lines.push(...pairLines(at, old, now, style));
    }
    at = stop;
  }
  return left > 0 ? [...lines, `    … and ${left} more lines that differ`] : lines;
}

function pairLines(offset: number, old: Uint8Array, now: Uint8Array, style: Style): string[] {
  const start = offset - (offset % HEX_LINE);
  const place = `0x${start.toString(16).padStart(8, '0')}`;
  const [before, after] = [old, now].map((bytes) => hexLine(bytes, offset - start).hex.trimEnd()) as [string, string];
  return [`    ${style.faint(place)} - ${before}`, `    ${' '.repeat(place.length)} + ${after}`];
}
