/**
 * The inspector: what lies at a byte of the file. A hexdump with each named field set off from the next, the old bytes
 * below what a step changed, and the field under the cursor spelled out. hexdump.ts draws the bytes.
 */
import { hex } from '../../bytes/size.ts';
import type { Inspection } from '../../session/panels.ts';
import type { Theme } from '../theme.ts';
import type { FrameHead } from './frame.ts';
import { hexLines, hexShape } from './hexdump.ts';
import { block, type Part, row } from './row.ts';
import { exactSize } from './sizes.ts';
import type { InspectorView } from './views.ts';

export function inspectorHead({ inspection, at }: InspectorView): FrameHead {
  const { side, current } = inspection;
  return { title: 'Inspect', detail: `${side} ${hex(at)}`, notes: current ? [current.path] : [] };
}

/** Bytes that a body of this size shows: how many of `Inspection.bytes` are worth asking for. A multiple of 16. */
export function inspectorBytes(fileSize: number, width: number, height: number): number {
  const { perLine } = hexShape(fileSize, width);
  return Math.max(16, Math.ceil((perLine * Math.max(1, height - 1)) / 16) * 16);
}

export function paintInspector(view: InspectorView, width: number, height: number, theme: Theme): string[] {
  const { inspection, at } = view;
  const about = aboutRows(inspection, width, theme);
  const lines = hexLines(view, width, theme);
  // The bytes get half of the height at least, and what they do not need goes to the words.
  const forBytes = Math.min(lines.rows.length, Math.max(Math.ceil(height / 2), height - 1 - about.length));
  const region = regionRow(inspection, width, theme);
  if (height < 3)
    return block(
      height === 1 ? lines.rows.slice(lines.rowOf(at)) : [region, ...lines.rows.slice(lines.rowOf(at))],
      width,
      height,
    );
  const top = Math.max(0, Math.min(lines.rowOf(at) - Math.floor(forBytes / 2), lines.rows.length - forBytes));
  return block([region, ...lines.rows.slice(top, top + forBytes), ...about], width, height);
}

/** `L2 table  l2 table 0  0x4000..0x4fff`. */
function regionRow({ region }: Inspection, width: number, theme: Theme): string {
  if (!region)
    return row(width, [[' walking the tables: the owner is not known yet', theme.ui.faint]], theme.glyphs.cut);
  const swatch = theme.roles[region.role];
  const parts: Part[] = [[swatch.glyph, swatch.paint], ' ', [swatch.name, theme.ui.heading]];
  if (region.label) parts.push(`  ${theme.text(region.label)}`);
  parts.push(`  ${hex(region.offset)}..${hex(region.offset + region.length - 1)}  ${exactSize(region.length)}`);
  return row(width, parts, theme.glyphs.cut);
}

/** The field under the cursor, its parts, and the guest byte stored here. */
function aboutRows({ current, guest }: Inspection, width: number, theme: Theme): string[] {
  const { ui, glyphs } = theme;
  const line = (...parts: Part[]): string => row(width, parts, glyphs.cut);
  const rows: string[] = [];
  if (current) {
    rows.push(line([theme.text(current.path), ui.key], ` = ${theme.text(current.text)}`));
    for (const { name, text, doc } of current.parts ?? []) {
      const says = doc ? `  ${theme.text(doc)}` : '';
      rows.push(line('  ', [theme.text(name), ui.heading], ` ${theme.text(text)}`, [says, ui.faint]));
    }
    if (current.points !== undefined) rows.push(line(`  ${glyphs.arrow} ${hex(current.points)}`));
    if (current.guest) {
      const { offset, length } = current.guest;
      rows.push(line(`  guest ${hex(offset)}..${hex(offset + length - 1)}  ${exactSize(length)}`));
    }
    if (current.doc) rows.push(line([`  ${theme.text(current.doc)}`, ui.faint]));
  }
  if (guest !== undefined) rows.push(line(`guest ${hex(guest)}`));
  return rows;
}
