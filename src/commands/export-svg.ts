/**
 * An exported picture as SVG: one rectangle for each run of equal cells, its glyph where that is more than a fill, so
 * that colour never stands alone.
 *
 * Invariants:
 *  1. Well-formed whatever names hold: text is escaped, and what XML cannot hold is replaced.
 *  2. Nothing is fetched and nothing runs: no scripts, no links, no fonts but the viewer's own.
 */
import { hex } from '../bytes/size.ts';
import type { Sheet, SheetMap, SheetTable } from './export-sheet.ts';
import { looksIn, type MapPicture } from './map-cells.ts';
import type { Look } from './palette.ts';

/** Pixels. */
const MARGIN = 28;
const LINE = 20;
/** A swatch of the legend and the tables. */
const SWATCH = 12;
/** Few cells are drawn large, in short rows; a power of two keeps the offsets of rows round. */
const FEW = { cells: 512, columns: 32, size: 20 } as const;
const SMALL_CELL = 11;
const LABEL = 92;
const PANEL = 14;
const LEAST_WIDTH = 640;
const LEGEND_COLUMN = 150;
const BACKGROUND = '#14171c';
const SURFACE = '#1d2128';
const FREE_FILL = '#2a2f38';
const TEXT = '#d8dce3';
const FAINT = '#8b93a1';
const BAD = '#ee6644';

export function sheetSvg(sheet: Sheet): string {
  const widest = Math.max(...sheet.maps.map(({ grid }) => drawingOf(grid).columns * drawingOf(grid).size));
  const inner = Math.max(widest + LABEL + 2 * PANEL, LEAST_WIDTH);
  const width = inner + 2 * MARGIN;
  const parts: string[] = [];
  let y = MARGIN + 16;
  parts.push(text(MARGIN, y, sheet.title, { size: 19, weight: 600 }));
  y += LINE + 2;
  parts.push(text(MARGIN, y, sheet.subtitle, { fill: FAINT }));
  for (const note of sheet.notes) {
    y += LINE;
    parts.push(text(MARGIN, y, `! ${note}`, { fill: BAD }));
  }
  y += LINE;
  for (const map of sheet.maps) {
    const drawn = mapPart(map, y, inner);
    parts.push(drawn.svg);
    y += drawn.height + PANEL;
  }
  for (const table of sheet.tables) {
    const drawn = tablePart(table, y, inner);
    parts.push(drawn.svg);
    y += drawn.height + PANEL;
  }
  const height = y + MARGIN - PANEL;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13">`,
    `<title>${escaped(`${sheet.title}: ${sheet.subtitle}`)}</title>`,
    `<rect width="${width}" height="${height}" fill="${BACKGROUND}"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

interface Part {
  readonly svg: string;
  /** Pixels. */
  readonly height: number;
}

interface Drawing {
  readonly columns: number;
  /** Pixels from one cell to the next. */
  readonly size: number;
}

function drawingOf({ cells, columns }: MapPicture): Drawing {
  if (cells.length <= FEW.cells) return { columns: Math.min(columns, FEW.columns), size: FEW.size };
  return { columns, size: SMALL_CELL };
}

function mapPart({ title, scale, grid }: SheetMap, top: number, width: number): Part {
  const { cells, cellBytes } = grid;
  const { columns, size } = drawingOf(grid);
  const rows = Math.ceil(cells.length / columns);
  const left = MARGIN + PANEL;
  const first = top + PANEL + LINE + 8;
  const body: string[] = [
    text(left, top + PANEL + 11, title, { weight: 600 }),
    text(MARGIN + width - PANEL, top + PANEL + 11, scale, { fill: FAINT, anchor: 'end' }),
  ];
  // Small rows have a label each second or third time only.
  const labelled = Math.ceil(13 / size);
  for (let row = 0; row < rows; row++) {
    const line = cells.slice(row * columns, (row + 1) * columns);
    const y = first + row * size;
    if (row % labelled === 0) {
      const offset = hex(row * columns * cellBytes);
      body.push(text(left, y + size / 2 + 4, offset, { fill: FAINT, size: 11 }));
    }
    for (let from = 0; from < line.length; ) {
      const look = line[from] as Look;
      let to = from + 1;
      while (to < line.length && line[to] === look) to++;
      body.push(run(look, left + LABEL + from * size, y, to - from, size));
      from = to;
    }
  }
  body.push(gaps(left + LABEL, first, Math.min(columns, cells.length), rows, size));
  const legend = looksIn(cells);
  const perLine = Math.max(Math.floor((width - 2 * PANEL) / LEGEND_COLUMN), 1);
  const legendTop = first + rows * size + 14;
  for (const [i, look] of legend.entries()) {
    const x = left + (i % perLine) * LEGEND_COLUMN;
    const y = legendTop + Math.floor(i / perLine) * LINE;
    body.push(run(look, x, y, 1, SWATCH), text(x + SWATCH + 8, y + 10, look.name, { fill: FAINT, size: 12 }));
  }
  const height = legendTop + Math.max(Math.ceil(legend.length / perLine), 1) * LINE - top + PANEL - 6;
  return { svg: panel(top, width, height, body), height };
}

/** Lines in the panel's colour that part the cells of a grid. */
function gaps(x: number, y: number, columns: number, rows: number, size: number): string {
  const across = Array.from({ length: columns - 1 }, (_, i) => `M${x + (i + 1) * size - 0.5} ${y}v${rows * size}`);
  const down = Array.from({ length: rows - 1 }, (_, i) => `M${x} ${y + (i + 1) * size - 0.5}h${columns * size}`);
  return `<path d="${[...across, ...down].join('')}" stroke="${SURFACE}" stroke-width="1" fill="none"/>`;
}

function tablePart({ title, rows, more }: SheetTable, top: number, width: number): Part {
  const left = MARGIN + PANEL;
  const columns = [left + 20, left + 190, left + 320, left + 470] as const;
  let y = top + PANEL + 11;
  const body = [text(left, y, title, { weight: 600 })];
  y += LINE + 4;
  if (rows.length > 0) {
    const heads = ['Guest', 'Host', 'Kind'].map((head, i) =>
      text(columns[([0, 2, 3] as const)[i] as 0 | 2 | 3], y, head, { fill: FAINT, size: 12 }),
    );
    body.push(...heads, text(columns[1] + 100, y, 'Length', { fill: FAINT, size: 12, anchor: 'end' }));
    y += LINE;
  }
  for (const { guest, length, host, look } of rows) {
    body.push(
      run(look, left, y - 10, 1, SWATCH),
      text(columns[0], y, guest),
      text(columns[1] + 100, y, length, { anchor: 'end' }),
      text(columns[2], y, host),
      text(columns[3], y, look.name, { fill: FAINT }),
    );
    y += LINE;
  }
  if (more > 0) body.push(text(columns[0], y, `… and ${more} more`, { fill: FAINT }));
  else if (rows.length === 0) body.push(text(left, y, 'nothing is mapped', { fill: FAINT }));
  else y -= LINE;
  const height = y - top + PANEL;
  return { svg: panel(top, width, height, body), height };
}

function panel(top: number, width: number, height: number, body: readonly string[]): string {
  const frame = `<rect x="${MARGIN}" y="${top}" width="${width}" height="${height}" rx="8" fill="${SURFACE}"/>`;
  return [frame, ...body].join('\n');
}

/** Fills that say all: data is a full cell, free an empty one. Everything else has its glyph written on it. */
const FILLS = '█·';

function run(look: Look, x: number, y: number, cells: number, size: number): string {
  const [r, g, b] = look.rgb;
  const colour = look.glyph === '·' ? FREE_FILL : `#${((r << 16) | (g << 8) | b).toString(16).padStart(6, '0')}`;
  const rect = `<rect x="${x}" y="${y}" width="${cells * size}" height="${size}" fill="${colour}"/>`;
  if (FILLS.includes(look.glyph)) return rect;
  const ink = r * 0.299 + g * 0.587 + b * 0.114 > 140 ? BACKGROUND : '#ffffff';
  const letter = Math.min(Math.round(size * 0.8), 13);
  // A letter is about 0.6 of its size wide. Viewers differ on lists of positions, so each letter has its own.
  const indent = (size - letter * 0.6) / 2;
  const baseline = (y + size / 2 + letter * 0.36).toFixed(1);
  const letters = Array.from({ length: cells }, (_, i) => {
    return `<text x="${(x + i * size + indent).toFixed(1)}" y="${baseline}">${escaped(look.ascii)}</text>`;
  });
  return `${rect}<g font-size="${letter}" font-weight="600" fill="${ink}">${letters.join('')}</g>`;
}

interface TextStyle {
  readonly size?: number;
  readonly weight?: number;
  readonly fill?: string;
  readonly anchor?: 'end';
}

function text(x: number, y: number, words: string, { size, weight, fill = TEXT, anchor }: TextStyle = {}): string {
  const attributes = [
    `x="${x}" y="${y}" fill="${fill}" xml:space="preserve"`,
    ...(size === undefined ? [] : [`font-size="${size}"`]),
    ...(weight === undefined ? [] : [`font-weight="${weight}"`]),
    ...(anchor === undefined ? [] : [`text-anchor="${anchor}"`]),
  ];
  return `<text ${attributes.join(' ')}>${escaped(words)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also what XML cannot hold at all: controls, half a surrogate pair, two noncharacters. */
function escaped(words: string): string {
  return words
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
    .replace(/[&<>"']/g, (c) => ENTITIES[c] as string);
}
