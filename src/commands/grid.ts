/**
 * The cluster map's geometry: which bytes of the file each cell of a grid stands for, on the screen and in pictures.
 *
 *  1. Cells go row by row; cell n stands for bytes n * cellBytes up to the next cell, the last one up to the file's end.
 *  2. A cell stands for a whole number of units; two sides of one file in grids of one width and zoom have equal cells.
 */
import type { ClusterView } from '../session/panels.ts';

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
