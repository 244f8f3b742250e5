/** An exported picture as plain text. */
import { hex } from '../bytes/size.ts';
import type { Sheet, SheetMap, SheetTable } from './export-sheet.ts';
import { looksIn } from './map-cells.ts';
import type { Look } from './palette.ts';

export function sheetText(sheet: Sheet, ascii: boolean): string {
  const lines = [sheet.title, sheet.subtitle, ...sheet.notes];
  for (const map of sheet.maps) lines.push('', ...mapLines(map, ascii));
  for (const table of sheet.tables) lines.push('', ...tableLines(table, ascii));
  return `${lines.join('\n')}\n`;
}

function glyph(look: Look, ascii: boolean): string {
  return ascii ? look.ascii : look.glyph;
}

function mapLines({ title, scale, grid }: SheetMap, ascii: boolean): string[] {
  const { cells, columns, cellBytes } = grid;
  const count = Math.ceil(cells.length / columns);
  const labelWidth = hex(Math.max(count - 1, 0) * columns * cellBytes).length;
  const rows = Array.from({ length: count }, (_, row) => {
    const line = cells.slice(row * columns, (row + 1) * columns).map((look) => glyph(look, ascii));
    return `${hex(row * columns * cellBytes).padEnd(labelWidth)}  ${line.join('')}`;
  });
  const legend = looksIn(cells).map((look) => `${glyph(look, ascii)} ${look.name}`);
  return [`${title}  (${scale})`, ...rows, legend.join('  ')];
}

function tableLines({ title, rows, more }: SheetTable, ascii: boolean): string[] {
  const all = [{ guest: 'Guest', length: 'Length', host: 'Host' }, ...rows];
  const width = (key: 'guest' | 'length' | 'host'): number => Math.max(...all.map((row) => row[key].length));
  const [guests, lengths, hosts] = [width('guest'), width('length'), width('host')];
  const line = (row: { guest: string; length: string; host: string }, kind: string): string =>
    `${row.guest.padEnd(guests)}  ${row.length.padStart(lengths)}  ${row.host.padEnd(hosts)}  ${kind}`;
  return [
    title,
    ...(rows.length === 0 ? [] : [line(all[0] as (typeof all)[number], 'Kind')]),
    ...rows.map((row) => line(row, `${glyph(row.look, ascii)} ${row.look.name}`)),
    ...(rows.length === 0 && more === 0 ? ['nothing is mapped'] : []),
    ...(more > 0 ? [`… and ${more} more`] : []),
  ];
}
