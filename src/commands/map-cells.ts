/**
 * A cluster map as a grid of cells, for pictures of it: a cell stands for as many clusters as it must for all to fit,
 * and shows the gravest of them.
 */
import { sizeText } from '../bytes/size.ts';
import type { ClusterView, Side } from '../session/panels.ts';
import { gridOf } from './grid.ts';
import { type Look, ROLE_LOOKS, SHARE_LOOKS } from './palette.ts';

/** One side's owners, or what both make of the file. */
export type MapSide = Side | 'both';

export interface MapPicture {
  readonly columns: number;
  /** In reading order; the last row may be short. */
  readonly cells: readonly Look[];
  /** Bytes of the file that a cell stands for. */
  readonly cellBytes: number;
  /** Clusters (units of the map) that a cell stands for. */
  readonly cellUnits: number;
}

/** At most `width` times `height` cells. */
export function mapCells(view: ClusterView, side: MapSide, width: number, height: number): MapPicture {
  const { size, unit } = view;
  const { cells: count, cellBytes } = gridOf({ size, unit }, width, height, 0);
  const shown = side === 'target' ? view.target : view.source;
  const lookAt = (from: number, to: number): Look => {
    if (side === 'both' || !shown) return SHARE_LOOKS[view.share(from, to)];
    return ROLE_LOOKS[shown.cell(from, to).role];
  };
  const cells = Array.from({ length: count }, (_, i) => lookAt(i * cellBytes, Math.min((i + 1) * cellBytes, size)));
  return { columns: width, cells, cellBytes, cellUnits: cellBytes / unit };
}

/** `1 cell = 4 clusters, 256 KiB`. */
export function scaleText({ cellUnits, cellBytes }: MapPicture, unit: number, clusterSize: number): string {
  const clusters = clusterSize > 0 ? (cellUnits * unit) / clusterSize : 0;
  if (clusters < 1 || !Number.isInteger(clusters)) return `1 cell = ${sizeText(cellBytes)}`;
  return `1 cell = ${clusters} ${clusters === 1 ? 'cluster' : 'clusters'}, ${sizeText(cellBytes)}`;
}

/** What a legend lists: each look that occurs, once, the gravest first. */
export function looksIn(cells: readonly Look[]): Look[] {
  return [...new Set(cells)].sort((a, b) => a.weight - b.weight);
}
