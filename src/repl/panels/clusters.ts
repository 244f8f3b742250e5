/**
 * The map of the file, one cell for so many clusters: as the source sees it, as the target sees it, and what both make
 * of it together.
 */
import type { Grid } from '../../commands/grid.ts';
import { PaceKeeper, paceText } from '../../commands/progress-text.ts';
import type { Side } from '../../session/panels.ts';
import type { Desk } from '../desk.ts';
import {
  clusterGrid,
  clusterMapHead,
  clusterMapScroll,
  paintClusterMap,
  paintStackedMaps,
  stackedGrid,
  stackedMapsHead,
} from '../paint/cluster-map.ts';
import { frame, insideFrame } from '../paint/frame.ts';
import { type GridMove, moveOnGrid, topShowing } from '../paint/grid.ts';
import { paintLegend } from '../paint/legend.ts';
import { row } from '../paint/row.ts';
import type { ClusterMapView } from '../paint/views.ts';
import type { Key } from '../prompt/key.ts';
import { type Panel, strokeOf } from './panel.ts';
import { placeKey } from './place-keys.ts';

/** What the panel shows while there is a target; without one it is always the source. */
const SHOWS = ['both', 'shares', 'source', 'target'] as const;
type Shows = (typeof SHOWS)[number];

const MOVES: Readonly<Record<string, GridMove>> = {
  left: 'left',
  h: 'left',
  right: 'right',
  l: 'right',
  up: 'up',
  k: 'up',
  down: 'down',
  j: 'down',
  pageup: 'page-up',
  pagedown: 'page-down',
  home: 'row-start',
  end: 'row-end',
  g: 'start',
  G: 'end',
};

/** Rows that two stacked maps need at least, legend and headings included. */
const ROWS_OF_TWO = 9;
const MOST_ZOOM = 40;

export class ClustersPanel implements Panel {
  readonly name = 'clusters';
  readonly title = 'Clusters';
  readonly keys = [
    { keys: 'h j k l', does: 'move by cells (arrows too)' },
    { keys: 'PgUp PgDn g G', does: 'move by pages; start, end of the file' },
    { keys: 'Enter', does: 'follow the pointer here, or to the guest byte' },
    { keys: 'b f', does: 'back to before the jump, and forward again' },
    { keys: '+ -', does: 'a cell for fewer clusters, or more' },
    { keys: 'm', does: 'a cell shows the gravest in it, or what most of it is' },
    { keys: 'o', does: 'both maps, what they share, source only, target only' },
    { keys: 't', does: 'source or target' },
    { keys: '0-9', does: 'go to an offset of the file' },
  ];
  readonly #desk: Desk;
  #shows: Shows = 'both';
  #most = false;
  #zoom = 0;
  #top = 0;
  #grid: Grid | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  key(key: Key): boolean {
    const stroke = strokeOf(key);
    const move = MOVES[stroke];
    if (move) return this.#move(move);
    switch (stroke) {
      case '+':
      case '=':
        this.#zoom = Math.min(MOST_ZOOM, (this.#grid?.zoom ?? this.#zoom) + 1);
        break;
      case '-':
        this.#zoom = Math.max(0, (this.#grid?.zoom ?? this.#zoom) - 1);
        break;
      case 'm':
        this.#most = !this.#most;
        this.#desk.note = this.#most
          ? 'a cell shows what most of it is; overlaps and leaks always'
          : 'a cell shows the gravest in it';
        break;
      case 'o':
        this.#shows = SHOWS[(SHOWS.indexOf(this.#shows) + 1) % SHOWS.length] as Shows;
        break;
      default:
        return placeKey(this.#desk, stroke, 'host');
    }
    this.#desk.changed();
    return true;
  }

  #move(move: GridMove): boolean {
    const grid = this.#grid;
    const { clusters } = this.#desk.picture;
    if (grid && clusters && clusters.size > 0) this.#desk.toHost(moveOnGrid(grid, this.#desk.place.host ?? 0, move));
    return true;
  }

  paint(width: number, height: number): readonly string[] {
    const { picture, theme, place, focus, session, entry } = this.#desk;
    const { clusters } = picture;
    const focused = focus === this.name;
    const inner = insideFrame(width, height);
    if (!clusters?.source.complete || !session) {
      const { progress } = picture;
      const says = progress && session ? ` ${paceText(new PaceKeeper().add(progress, 0))}` : '';
      const rows = [row(inner.width, [[says, theme.ui.faint]], theme.glyphs.cut)];
      return frame({ number: 2, title: this.title, focused }, rows, width, height, theme);
    }
    const legendRows = inner.height >= 6 ? 2 : inner.height >= 4 ? 1 : 0;
    const mapRows = inner.height - legendRows;
    const shows = this.#showing(clusters.target !== undefined, inner.height);
    const view: ClusterMapView = {
      clusters,
      shows: shows === 'both' ? 'shares' : shows,
      clusterSize: session.image.clusterSize,
      zoom: this.#zoom,
      most: this.#most,
      top: this.#top,
      ...(place.host === undefined ? {} : { cursor: place.host }),
    };
    const gridOf = shows === 'both' ? stackedGrid : clusterGrid;
    const grid = gridOf(view, inner.width, mapRows);
    this.#grid = grid;
    if (place.host !== undefined) this.#top = topShowing(grid, place.host, this.#top);
    const placed = { ...view, top: this.#top };
    const paint = shows === 'both' ? paintStackedMaps : paintClusterMap;
    const head = (shows === 'both' ? stackedMapsHead : clusterMapHead)(placed, grid);
    const legend = paintLegend(
      { clusters, shows: shows === 'both' ? 'both' : view.shows, clusterSize: view.clusterSize },
      inner.width,
      legendRows,
      theme,
    );
    return frame(
      { ...head, number: 2, focused, notes: [...(focused && entry ? [entry.shown] : []), ...(head.notes ?? [])] },
      [...paint(placed, inner.width, mapRows, theme), ...legend],
      width,
      height,
      theme,
      clusterMapScroll(placed, grid),
    );
  }

  #showing(target: boolean, rows: number): Shows | Side {
    if (!target) return 'source';
    return this.#shows === 'both' && rows < ROWS_OF_TWO ? 'shares' : this.#shows;
  }
}
