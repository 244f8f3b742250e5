/**
 * The extent table: a window over rows, each a guest run with its kind and where it lies in the file. Columns are as
 * wide as the image's offsets need; where the panel is narrow the length goes first, then the kind's word, then the
 * host.
 */
import type { ExtentRow } from '../../session/panels.ts';
import type { Theme } from '../theme.ts';
import { CHANGED } from '../theme.ts';
import { cutTo, fitRight, fitTo, widthOf } from './fit.ts';
import type { FrameHead, Scroll } from './frame.ts';
import { block, type Part, row, solidRow } from './row.ts';
import { bytesText, offsetDigits, offsetText, sizeWithin } from './sizes.ts';
import type { ExtentTableView } from './views.ts';

/** Widths in columns; 0: the column is not shown. */
interface Columns {
  readonly guestDigits: number;
  readonly hostDigits: number;
  readonly length: number;
  readonly word: number;
  readonly host: number;
  /** What is left at the right, for how long a stream is or what is wrong. */
  readonly note: number;
}

/** Words for kinds: all fit `zero, allocated`; `unallocated`; `compressed` and a cut. */
const WORDS = [15, 11, 10] as const;
const GAP = '  ';
/** Any length fits when it is rounded: `≈357.3M`. */
const LENGTH_MIN = 7;
/** A note of fewer columns says nothing. */
const NOTE_MIN = 6;

/** Rows of extents in a body `height` high: the first row is the heading where there is room. */
export function extentRowsVisible(height: number): number {
  return height >= 3 ? height - 1 : Math.max(0, height);
}

export function extentTableHead({ rows, side, order, cursor, walked, filter }: ExtentTableView): FrameHead {
  const notes: string[] = [];
  if (!rows.complete) notes.push(walked === undefined ? 'walking' : `walking ${Math.floor(walked * 100)} %`);
  if (filter) notes.push(`/ ${filter}`);
  if (order.sort === 'host') notes.push('sorted by host');
  if (rows.hostIsElsewhere) notes.push('host: data file');
  return { title: 'Extents', detail: `${side}  ${cursor + 1}/${rows.count}`, notes };
}

export function extentTableScroll({ rows, top }: ExtentTableView, height: number): Scroll {
  return { top, visible: extentRowsVisible(height), total: rows.count };
}

export function paintExtentTable(view: ExtentTableView, width: number, height: number, theme: Theme): string[] {
  const columns = columnsFor(view, width);
  const { rows, top, cursor } = view;
  const visible = extentRowsVisible(height);
  const out: string[] = [];
  if (visible < height) out.push(heading(columns, width, theme));
  if (rows.count === 0) {
    const says = rows.complete ? (view.filter ? 'no such extents' : 'nothing is mapped') : 'walking the tables';
    out.push(row(width, [[`  ${says}`, theme.ui.faint]], theme.glyphs.cut));
  }
  const end = Math.min(rows.count, top + visible);
  for (let i = Math.max(0, top); i < end; i++) out.push(extentLine(rows.at(i), i === cursor, columns, width, theme));
  return block(out, width, height);
}

function columnsFor({ guestSize, fileSize }: ExtentTableView, width: number): Columns {
  const guestDigits = Math.max(4, offsetDigits(guestSize));
  const hostDigits = Math.max(4, offsetDigits(fileSize));
  const length = Math.min(10, Math.max(LENGTH_MIN, String(Math.ceil(guestSize / 1024)).length + 1));
  // The pointer before the guest offset, the star after everything.
  const guest = guestDigits + 4;
  const host = hostDigits + 2;
  const base = guest + 1;
  const glyph = GAP.length + 1;
  const all = (word: number, size = length): number => base + GAP.length + size + glyph + 1 + word + GAP.length + host;
  const columns = { guestDigits, hostDigits, length, word: 0, host, note: 0 };
  for (const word of WORDS) {
    if (all(word) <= width) {
      const rest = width - all(word) - GAP.length;
      return { ...columns, word, note: rest >= NOTE_MIN ? rest : 0 };
    }
  }
  // Long lengths are rounded before they go.
  for (const word of [11, 10]) {
    if (all(word, LENGTH_MIN) <= width) return { ...columns, length: LENGTH_MIN, word };
  }
  for (const word of [11, 10]) {
    if (all(word, -GAP.length) <= width) return { ...columns, length: 0, word };
  }
  if (base + glyph + GAP.length + host <= width) return { ...columns, length: 0 };
  return { ...columns, length: 0, host: 0 };
}

function heading(columns: Columns, width: number, theme: Theme): string {
  const cells = ['  ', fitTo('guest', columns.guestDigits + 2)];
  if (columns.length > 0) cells.push(GAP, fitRight('length', columns.length));
  cells.push(GAP);
  if (columns.word > 0) cells.push(fitTo('kind', columns.word + 2));
  else cells.push(' ');
  if (columns.host > 0) cells.push(GAP, 'host');
  return row(width, [[cells.join(''), theme.ui.heading]], theme.glyphs.cut);
}

function extentLine(extent: ExtentRow, here: boolean, columns: Columns, width: number, theme: Theme): string {
  const { glyphs, ui } = theme;
  const swatch = theme.kinds[extent.kind];
  const paint = swatch.states[extent.changed ? CHANGED : 0] ?? swatch.paint;
  const plain = extent.changed ? ui.changed : ui.plain;
  const parts: Part[] = [here ? `${glyphs.pointer} ` : '  ', [offsetText(extent.guest, columns.guestDigits), plain]];
  if (columns.length > 0) {
    parts.push(GAP, [fitRight(sizeWithin(extent.length, columns.length, glyphs.about), columns.length), plain]);
  }
  parts.push(GAP, [extent.changed ? swatch.changedGlyph : swatch.glyph, paint]);
  if (columns.word > 0) {
    const word = cutTo(swatch.name, columns.word, glyphs.cut);
    parts.push(' ', [word, swatch.word], ' '.repeat(columns.word - widthOf(word)));
  }
  if (columns.host > 0) {
    const known = extent.host !== undefined;
    const text = known ? offsetText(extent.host, columns.hostDigits) : glyphs.dash;
    parts.push(GAP, [text, known ? plain : ui.faint]);
    if (!known) parts.push(' '.repeat(columns.host - 1));
  }
  parts.push(extent.changed ? '*' : ' ');
  const note = columns.note > 0 ? noteOf(extent, theme) : '';
  if (note !== '') parts.push(' ', [cutTo(note, columns.note + 1, glyphs.cut), extent.fault ? ui.bad : ui.faint]);
  return here ? solidRow(width, parts, ui.selected, glyphs.cut) : row(width, parts, glyphs.cut);
}

function noteOf({ fault, hostLength }: ExtentRow, theme: Theme): string {
  if (fault !== undefined) return theme.text(fault);
  return hostLength === undefined ? '' : `in ${bytesText(hostLength)}`;
}
