/**
 * The cluster map: every byte of the file in a grid of cells, coloured by who owns it. For one side, for what both
 * sides make of it together, or for both one above the other at the same scale, so that a column compares.
 */
import { cellOf, type Grid, gridOf } from '../../commands/grid.ts';
import type { ClusterSide, ClusterView } from '../../session/panels.ts';
import { CHANGED, CURSOR, type Swatch, type Theme } from '../theme.ts';
import type { FrameHead, Scroll } from './frame.ts';
import { block, row } from './row.ts';
import { exactSize } from './sizes.ts';
import type { ClusterMapView } from './views.ts';

/** Of the grid that `paintClusterMap` paints into a body of this size: for the cursor and for scrolling. */
export function clusterGrid({ clusters, zoom }: ClusterMapView, width: number, height: number): Grid {
  return gridOf(clusters, width, height, zoom);
}

/** Of each of the two grids that `paintStackedMaps` paints. */
export function stackedGrid({ clusters, zoom }: ClusterMapView, width: number, height: number): Grid {
  return gridOf(clusters, width, stackedRows(height), zoom);
}

/** Two headings, two grids. */
function stackedRows(height: number): number {
  return Math.max(0, Math.floor((height - 2) / 2));
}

export function clusterMapScroll(view: ClusterMapView, grid: Grid): Scroll {
  return { top: view.top, visible: grid.rows, total: grid.totalRows };
}

/** The title says what a cell stands for: without that the map means nothing. */
export function clusterMapHead(view: ClusterMapView, grid: Grid): FrameHead {
  const { clusters, shows } = view;
  const side = shows === 'shares' ? undefined : sideOf(clusters, shows);
  const title = shows === 'shares' ? 'Clusters  both' : `Clusters  ${shows}${side ? ` ${side.format}` : ''}`;
  const notes: string[] = [];
  if (!complete(clusters)) notes.push('walking');
  if (view.note) notes.push(view.note);
  const detail = cellText(grid, view.clusterSize) + (view.most ? ', its most' : '');
  return { title, detail, notes };
}

/** For the frame around `paintStackedMaps`. */
export function stackedMapsHead(view: ClusterMapView, grid: Grid): FrameHead {
  return { ...clusterMapHead({ ...view, shows: 'shares' }, grid), title: 'Clusters' };
}

/** `1 cell = 4 clusters`. */
export function cellText({ cellBytes }: Grid, clusterSize: number): string {
  const clusters = clusterSize > 0 ? cellBytes / clusterSize : 0;
  if (clusters === 1) return '1 cell = 1 cluster';
  return `1 cell = ${clusters > 1 && Number.isInteger(clusters) ? `${clusters} clusters` : exactSize(cellBytes)}`;
}

export function paintClusterMap(view: ClusterMapView, width: number, height: number, theme: Theme): string[] {
  const { clusters, shows } = view;
  const grid = clusterGrid(view, width, height);
  if (shows === 'shares') return paintGrid(view, grid, shareCells(clusters, theme, mostOf(view, grid)));
  const side = sideOf(clusters, shows);
  if (side) return paintGrid(view, grid, sideCells(side, theme, mostOf(view, grid)));
  return block([row(width, [[`no ${shows} is open`, theme.ui.faint]], theme.glyphs.cut)], width, height);
}

/** Source above, target below, each under a heading. Without a target: as `paintClusterMap` of the source. */
export function paintStackedMaps(view: ClusterMapView, width: number, height: number, theme: Theme): string[] {
  const { clusters } = view;
  const grid = stackedGrid(view, width, height);
  if (!clusters.target || grid.rows === 0) return paintClusterMap({ ...view, shows: 'source' }, width, height, theme);
  const rows: string[] = [];
  for (const [name, side] of [
    ['source', clusters.source],
    ['target', clusters.target],
  ] as const) {
    const walking = side.complete ? '' : '  walking';
    rows.push(row(width, [[`${name} ${theme.text(side.format)}`, theme.ui.heading], walking], theme.glyphs.cut));
    rows.push(...paintGrid(view, grid, sideCells(side, theme, mostOf(view, grid))));
  }
  return block(rows, width, height);
}

/** A cell for one unit or less is that unit. */
function mostOf({ most, clusters }: ClusterMapView, { cellBytes }: Grid): number {
  return most && cellBytes > clusters.unit ? cellBytes : 0;
}

function sideOf(clusters: ClusterView, shows: 'source' | 'target'): ClusterSide | undefined {
  return shows === 'source' ? clusters.source : clusters.target;
}

function complete({ source, target }: ClusterView): boolean {
  return source.complete && (target?.complete ?? true);
}

/** What a cell of the file looks like, and whether it changed. `most`: bytes of a cell that shows the most of it; or 0. */
interface CellSource {
  swatch(cell: number, from: number, to: number): Swatch;
  /** Of the stretch `swatch` was asked for last. */
  changed: boolean;
}

function sideCells(side: ClusterSide, theme: Theme, most: number): CellSource {
  return {
    changed: false,
    swatch(at, from, to) {
      const cell = most > 0 ? side.most(at, most) : side.cell(from, to);
      this.changed = cell.changed;
      return theme.roles[cell.role];
    },
  };
}

function shareCells(clusters: ClusterView, theme: Theme, most: number): CellSource {
  const { source, target } = clusters;
  return {
    changed: false,
    swatch(at, from, to) {
      this.changed = source.cell(from, to).changed || (target?.cell(from, to).changed ?? false);
      return theme.shares[most > 0 ? clusters.mostShare(at, most) : clusters.share(from, to)];
    },
  };
}

/** Exactly `grid.rows` rows of `grid.columns` cells; neighbours that look alike share one pair of sequences. */
function paintGrid(view: ClusterMapView, grid: Grid, cells: CellSource): string[] {
  const cursor = view.cursor === undefined ? -1 : cellOf(grid, view.cursor);
  const rows: string[] = [];
  for (let r = 0; r < grid.rows; r++) {
    const first = (view.top + r) * grid.columns;
    rows.push(paintCells(grid, first, Math.min(grid.cells, first + grid.columns), cursor, cells));
  }
  return rows;
}

function paintCells(grid: Grid, first: number, end: number, cursor: number, cells: CellSource): string {
  const { cellBytes, size } = grid;
  let out = '';
  let close = '';
  let swatchBefore: Swatch | undefined;
  let stateBefore = -1;
  for (let cell = first; cell < end; cell++) {
    const from = cell * cellBytes;
    const swatch = cells.swatch(cell, from, Math.min(size, from + cellBytes));
    const state = (cells.changed ? CHANGED : 0) | (cell === cursor ? CURSOR : 0);
    if (swatch !== swatchBefore || state !== stateBefore) {
      const paint = swatch.states[state] ?? swatch.paint;
      out += close + paint.open;
      close = paint.close;
      swatchBefore = swatch;
      stateBefore = state;
    }
    if ((state & CURSOR) !== 0) out += swatch.cursorGlyph;
    else out += (state & CHANGED) === 0 ? swatch.glyph : swatch.changedGlyph;
  }
  out += close;
  const missing = grid.columns - Math.max(0, end - first);
  return missing > 0 ? out + ' '.repeat(missing) : out;
}
