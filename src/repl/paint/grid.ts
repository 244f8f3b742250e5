/**
 * The cluster map's geometry: which bytes of the file each cell of a grid stands for, and where the cursor goes.
 *
 *  1. Cells go row by row; cell n stands for bytes n * cellBytes up to the next cell, the last one up to the file's end.
 *  2. A cell stands for a whole number of units; two sides of one file in grids of one width and zoom have equal cells.
 */
import type { ClusterView } from '../../session/panels.ts';

export interface Grid {
  readonly columns: number;
  /** Rows of cells in the rectangle, and that there are. */
  readonly rows: number;
  readonly totalRows: number;
  readonly cells: number;
  /** Bytes. */
  readonly cellBytes: number;
  readonly size: number;
  /** As asked for, or the highest that makes a difference. */
  readonly zoom: number;
}

export type GridMove =
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'row-start'
  | 'row-end'
  | 'start'
  | 'end';

/** The grid for a rectangle of `columns` by `rows` cells; `zoom` 0 shows the whole file in it. */
export function gridOf(
  { size, unit }: Pick<ClusterView, 'size' | 'unit'>,
  columns: number,
  rows: number,
  zoom: number,
): Grid {
  const width = Math.max(1, columns);
  const units = Math.max(1, Math.ceil(size / unit));
  const whole = Math.ceil(units / (width * Math.max(1, rows)));
  const highest = Math.ceil(Math.log2(whole));
  const level = Math.min(Math.max(0, zoom), highest);
  const perCell = Math.max(1, Math.ceil(whole / 2 ** level));
  const cells = size > 0 ? Math.ceil(units / perCell) : 0;
  return {
    columns: width,
    rows: Math.max(0, rows),
    totalRows: Math.ceil(cells / width),
    cells,
    cellBytes: perCell * unit,
    size,
    zoom: level,
  };
}

/** The cell that shows a byte of the file; the last one for bytes past its end. */
export function cellOf(grid: Grid, offset: number): number {
  return Math.max(0, Math.min(grid.cells - 1, Math.floor(offset / grid.cellBytes)));
}

/** Bytes `from` .. `to` - 1 of a cell. */
export function rangeOf(grid: Grid, cell: number): { readonly from: number; readonly to: number } {
  const from = cell * grid.cellBytes;
  return { from, to: Math.min(grid.size, from + grid.cellBytes) };
}

/** The byte at the start of the cell at a place of the rectangle; undefined where there is none. */
export function offsetAt(grid: Grid, top: number, row: number, column: number): number | undefined {
  const cell = (top + row) * grid.columns + column;
  const inside = column >= 0 && column < grid.columns && row >= 0 && row < grid.rows;
  return inside && cell < grid.cells ? cell * grid.cellBytes : undefined;
}

/** The byte the cursor is on after a move. At a border it stays; within its cell it stays where it is. */
export function moveOnGrid(grid: Grid, offset: number, move: GridMove): number {
  if (grid.cells === 0) return offset;
  const cell = cellOf(grid, offset);
  const next = movedCell(grid, cell, move);
  return next === cell ? offset : next * grid.cellBytes;
}

function movedCell({ columns, rows, cells }: Grid, cell: number, move: GridMove): number {
  const column = cell % columns;
  const page = Math.max(1, rows - 1) * columns;
  const last = cells - 1;
  switch (move) {
    case 'left':
      return Math.max(0, cell - 1);
    case 'right':
      return Math.min(last, cell + 1);
    case 'up':
      return cell < columns ? cell : cell - columns;
    case 'down':
      return cell + columns > last ? cell : cell + columns;
    case 'page-up':
      return cell < page ? column : cell - page;
    case 'page-down':
      return cell + page > last ? lastInColumn(columns, last, column) : cell + page;
    case 'row-start':
      return cell - column;
    case 'row-end':
      return Math.min(last, cell - column + columns - 1);
    case 'start':
      return 0;
    case 'end':
      return last;
  }
}

function lastInColumn(columns: number, last: number, column: number): number {
  const cell = last - (last % columns) + column;
  return cell > last ? Math.max(column > last ? last : 0, cell - columns) : cell;
}

/** The row to show first so that a byte is seen; `top` as it is when it is seen already. */
export function topShowing(grid: Grid, offset: number, top: number): number {
  const line = Math.floor(cellOf(grid, offset) / grid.columns);
  const highest = Math.max(0, grid.totalRows - grid.rows);
  const wanted = line < top ? line : line >= top + grid.rows ? line - grid.rows + 1 : top;
  return Math.min(highest, Math.max(0, wanted));
}
