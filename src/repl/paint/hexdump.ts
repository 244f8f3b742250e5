/**
 * Bytes of the file in hexadecimal, with their fields. No mark is colour alone: the current field stands in brackets,
 * a star stands before bytes that a step changed, with the old ones below, and the fields of a line are named beside it.
 *
 * A line is: offset, one column before each byte for marks, the bytes, their characters, names of fields.
 */
import type { Field } from '../../bytes/field.ts';
import type { Theme } from '../theme.ts';
import { cutTo, fitTo } from './fit.ts';
import { offsetDigits } from './sizes.ts';
import type { Paint } from './styles.ts';
import type { InspectorView } from './views.ts';

export interface HexShape {
  readonly perLine: 16 | 8 | 4;
  readonly digits: number;
  /** The column of characters is shown; how many columns are left for names. */
  readonly text: boolean;
  readonly names: number;
}

/** Names of fields in fewer columns say nothing. */
const NAMES_MIN = 8;

/** What fits: 16 bytes a line with names, without; 8 or 4 with, without; 4 and no characters. `end`: the highest offset shown. */
export function hexShape(end: number, width: number): HexShape {
  const digits = Math.max(6, offsetDigits(end));
  const hexWidth = (perLine: number): number => digits + 1 + perLine * 3 + 1;
  const all = (perLine: number): number => hexWidth(perLine) + 1 + perLine;
  for (const perLine of [16, 8, 4] as const) {
    const names = width - all(perLine) - 2;
    if (names >= NAMES_MIN) return { perLine, digits, text: true, names };
    if (names >= -2) return { perLine, digits, text: true, names: 0 };
  }
  return { perLine: 4, digits, text: false, names: 0 };
}

export interface HexLines {
  readonly rows: readonly string[];
  /** Index of the row that shows a byte of the file. */
  rowOf(offset: number): number;
}

export function hexLines(view: InspectorView, width: number, theme: Theme): HexLines {
  const { offset, bytes } = view.inspection;
  const shape = hexShape(offset + bytes.length, width);
  const painter = new Painter(view, shape, theme);
  const rows: string[] = [];
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at += shape.perLine) {
    starts.push(rows.length);
    rows.push(painter.line(at, width));
    const was = painter.was(at, width);
    if (was !== undefined) rows.push(was);
  }
  return { rows, rowOf: (byte) => starts[Math.floor((byte - offset) / shape.perLine)] ?? 0 };
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

class Painter {
  readonly #view: InspectorView;
  readonly #shape: HexShape;
  readonly #theme: Theme;
  /** For each byte shown: index of its field plus one, 0 for none. */
  readonly #owner: Uint16Array;
  readonly #current: number;

  constructor(view: InspectorView, shape: HexShape, theme: Theme) {
    this.#view = view;
    this.#shape = shape;
    this.#theme = theme;
    const { offset, bytes, fields, current } = view.inspection;
    this.#owner = new Uint16Array(bytes.length);
    for (const [i, field] of fields.entries()) {
      const from = Math.max(0, field.offset - offset);
      this.#owner.fill(i + 1, Math.min(bytes.length, from), Math.max(0, field.offset + field.size - offset));
    }
    this.#current = current ? fields.findIndex(({ path }) => path === current.path) + 1 : 0;
  }

  line(at: number, width: number): string {
    const { offset, bytes } = this.#view.inspection;
    const { perLine, digits, text, names } = this.#shape;
    const { ui } = this.#theme;
    let out = `${ui.faint((offset + at).toString(16).padStart(digits, '0'))} `;
    let characters = '';
    // Neighbours that look alike are styled together: half the bytes of a frame were the styles of zeros.
    let run = '';
    let style = ui.plain;
    for (let i = at; i < at + perLine; i++) {
      const mark = this.#mark(i, at);
      const inside = i < bytes.length;
      const paint = inside ? this.#paint(i) : ui.plain;
      const text = inside ? (HEX[bytes[i] as number] as string) : '  ';
      if (paint === style && mark === ' ' && paint !== ui.selected && paint !== ui.changed) {
        run += ` ${text}`;
      } else {
        out += style(run) + mark;
        run = text;
        style = paint;
      }
      characters += inside ? this.#inPlace(i, this.#character(bytes[i] as number), paint) : ' ';
    }
    out += style(run);
    out += this.#inCurrent(at + perLine - 1) ? ui.key(']') : ' ';
    if (text) out += ` ${characters}`;
    if (names > 0) out += `  ${this.#names(at, names)}`;
    return fitRow(out, this.#columns(), width);
  }

  /** The bytes as they are on disk, below those that a step changed; undefined where it changed none. */
  was(at: number, width: number): string | undefined {
    const { before, bytes } = this.#view.inspection;
    if (!before) return undefined;
    const { perLine, digits, text, names } = this.#shape;
    const { ui } = this.#theme;
    let out = '';
    let characters = '';
    let any = false;
    for (let i = at; i < at + perLine; i++) {
      const changed = this.#changed(i);
      any ||= changed;
      out += ` ${changed && i < before.length ? (HEX[before[i] as number] as string) : changed ? '--' : '  '}`;
      characters += changed && i < before.length ? this.#character(before[i] as number) : ' ';
    }
    if (!any || at >= bytes.length) return undefined;
    out = ui.faint(`${'was'.padStart(digits)} ${out} ${text ? ` ${characters}` : ''}`);
    if (names > 0)
      out += `  ${ui.faint(fitTo(this.#theme.text(this.#view.changedBy ?? ''), names, this.#theme.glyphs.cut))}`;
    return fitRow(out, this.#columns(), width);
  }

  #columns(): number {
    const { perLine, digits, text, names } = this.#shape;
    return digits + 1 + perLine * 3 + 1 + (text ? 1 + perLine : 0) + (names > 0 ? 2 + names : 0);
  }

  #changed(i: number): boolean {
    const { before, bytes } = this.#view.inspection;
    return before !== undefined && i < bytes.length && before[i] !== bytes[i];
  }

  #inCurrent(i: number): boolean {
    return this.#current > 0 && this.#owner[i] === this.#current;
  }

  /** The column before byte `i`: a bracket where the current field begins or has ended, or a star before a change. */
  #mark(i: number, lineStart: number): string {
    const { ui } = this.#theme;
    const before = i > lineStart && this.#inCurrent(i - 1);
    if (this.#inCurrent(i) && !before) return ui.key('[');
    if (before && !this.#inCurrent(i)) return ui.key(']');
    return this.#changed(i) && (i === lineStart || !this.#changed(i - 1)) ? ui.changed('*') : ' ';
  }

  #paint(i: number): Paint {
    const { ui } = this.#theme;
    if (this.#view.inspection.offset + i === this.#view.at) return ui.selected;
    if (this.#changed(i)) return ui.changed;
    const owner = this.#owner[i] as number;
    if (owner === 0) return this.#view.inspection.bytes[i] === 0 ? ui.faint : ui.plain;
    if (owner === this.#current) return ui.key;
    // Neighbouring fields differ in colour; which is which the names tell.
    return owner % 2 === 0 ? ui.even : ui.odd;
  }

  #inPlace(i: number, character: string, paint: Paint): string {
    return this.#view.inspection.offset + i === this.#view.at || this.#changed(i) ? paint(character) : character;
  }

  #character(byte: number): string {
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : this.#theme.glyphs.hole;
  }

  /** Fields that begin in the line, by the last part of their path; the one that goes on when none begins. */
  #names(at: number, width: number): string {
    const { fields, offset } = this.#view.inspection;
    const end = Math.min(this.#owner.length, at + this.#shape.perLine);
    const parts: string[] = [];
    // A line names its first field in full; one that goes on from the line before is not named again.
    let before = at > 0 ? (this.#owner[at - 1] ?? 0) : 0;
    for (let i = at; i < end; i++) {
      const owner = this.#owner[i] as number;
      if (owner !== before && owner > 0) {
        parts.push(nameAfter(parts.length > 0 ? fields[before - 1] : undefined, fields[owner - 1] as Field));
      }
      before = owner;
    }
    // Fields of less than a byte share it: each is named.
    for (const [i, field] of fields.entries()) {
      const place = field.offset - offset;
      const covered = place >= at && place < end && this.#owner[place] !== i + 1;
      if (covered) parts.push(shortName(field));
    }
    return fitTo(cutTo(this.#theme.text(parts.join(', ')), width, this.#theme.glyphs.cut), width);
  }
}

/** An entry right after another of the same table: `[17]`, not `l2[0][17]` again. */
function nameAfter(before: Field | undefined, field: Field): string {
  const bracket = field.path.lastIndexOf('[');
  const same = bracket > 0 && before !== field && before?.path.startsWith(field.path.slice(0, bracket + 1));
  return same ? field.path.slice(bracket) : shortName(field);
}

/** `header.cluster_bits`: `cluster_bits`; `l2[0][16]` stays. */
function shortName({ path }: Field): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** A row known to have `columns` columns, made `width` wide. */
function fitRow(text: string, columns: number, width: number): string {
  if (columns === width) return text;
  return columns < width ? text + ' '.repeat(width - columns) : fitTo(text, width);
}
