/** What an exported picture shows, whatever the file's format: titles, maps, tables, all bounded. */
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import type { Image } from '../drivers/driver.ts';
import { ClusterMap } from '../session/cluster-map.ts';
import { extentTotals } from '../session/extent-totals.ts';
import { sceneOf } from '../session/scene.ts';
import type { Session } from '../session/session.ts';
import { type Troubles, troublesIn } from '../session/troubles.ts';
import { type MapPicture, type MapSide, mapCells, scaleText } from './map-cells.ts';
import { extentsOf, mapBatches } from './map-walk.ts';
import { KIND_LOOKS, type Look } from './palette.ts';
import { printable } from './printable.ts';
import { troubleText } from './status-facts.ts';

export interface SheetRow {
  readonly guest: string;
  readonly length: string;
  readonly host: string;
  readonly look: Look;
}

export interface SheetMap {
  readonly title: string;
  /** `1 cell = 4 clusters`. */
  readonly scale: string;
  readonly grid: MapPicture;
}

export interface SheetTable {
  readonly title: string;
  readonly rows: readonly SheetRow[];
  /** Rows that are left out. */
  readonly more: number;
}

export interface Sheet {
  readonly title: string;
  readonly subtitle: string;
  /** What is wrong with the file, in words. */
  readonly notes: readonly string[];
  readonly maps: readonly SheetMap[];
  readonly tables: readonly SheetTable[];
}

export interface SheetSize {
  /** Cells. */
  readonly width: number;
  readonly height: number;
  /** Rows of each table. */
  readonly rows: number;
}

export function* sheetOf(session: Session, size: SheetSize): Generator<Progress, Sheet> {
  const { source, target } = sceneOf(session);
  const clusters = new ClusterMap(source, target);
  yield* clusters.build();
  const mapOf = (side: MapSide, title: string, clusterSize: number): SheetMap => {
    const grid = mapCells(clusters, side, size.width, size.height);
    return { title, grid, scale: scaleText(grid, clusters.unit, clusterSize) };
  };
  const tables = [yield* tableOf(source, target ? `Extents as ${source.format} has them` : 'Extents', size.rows)];
  if (target) tables.push(yield* tableOf(target, `Extents as ${target.format} has them`, size.rows));
  return {
    title: printable(session.file.name.slice(session.file.name.lastIndexOf('/') + 1)),
    subtitle: subtitleOf(source, target),
    notes: notesOf(troublesIn(clusters.stretches(), 100)),
    maps: target
      ? [
          mapOf('both', `The file, ${source.format} and ${target.format} together`, 0),
          mapOf('source', `As ${source.format} sees it`, source.clusterSize),
          mapOf('target', `As ${target.format} sees it`, target.clusterSize),
        ]
      : [mapOf('source', 'The file', source.clusterSize)],
    tables,
  };
}

function subtitleOf(source: Image, target: Image | undefined): string {
  return [
    target ? `${source.format} on its way to ${target.format}` : source.format,
    `disk of ${sizeText(source.size)}`,
    `file of ${sizeText(source.device.size)}`,
    ...(source.clusterSize > 0 ? [`clusters of ${sizeText(source.clusterSize)}`] : []),
  ].join(', ');
}

function notesOf({ leaked, overlap }: Troubles): string[] {
  return [
    ...(leaked.count > 0 ? [`leaked: ${troubleText(leaked)}`] : []),
    ...(overlap.count > 0 ? [`overlap: ${troubleText(overlap)}`] : []),
  ];
}

/** The first rows that `map` lists, without unallocated ones, and how many there are beside them. */
function* tableOf(image: Image, name: string, limit: number): Generator<Progress, SheetTable> {
  const title = image.dataDevice === image.device ? name : `${name}; host offsets are of the data file`;
  const totals = yield* extentTotals(image);
  const count = totals.reduce((sum, { kind, extents }) => (kind === 'unallocated' ? sum : sum + extents), 0);
  const rows: SheetRow[] = [];
  for (const batch of mapBatches([image], 0, image.size)) {
    for (const { kind, guest, length, host } of extentsOf(batch)) {
      if (rows.length >= limit) break;
      if (kind === 'unallocated') continue;
      const place = host === undefined ? '-' : hex(host);
      rows.push({ guest: hex(guest), length: sizeText(length), host: place, look: KIND_LOOKS[kind] });
    }
    if (rows.length >= limit) break;
    yield { what: 'mapping', done: rows.length, total: Math.min(count, limit) };
  }
  return { title, rows, more: count - rows.length };
}
