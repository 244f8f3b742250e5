/** Where the cursor goes on the cluster map, and which rows of its cells are shown (commands/grid.ts cuts the file into cells). */
import { cellOf, type Grid } from '../../commands/grid.ts';

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
