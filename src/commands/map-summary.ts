/**
 * A map in a few numbers: how many extents and bytes of each kind, for screens that cannot hold the list, and for
 * ears that would not listen to it.
 */
import { EXTENT_KINDS, type ExtentKind } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Image } from '../drivers/driver.ts';
import { alone } from '../session/cluster-map.ts';
import { type Troubles, troublesIn } from '../session/troubles.ts';
import { extentsOf, mapBatches } from './map-walk.ts';
import type { MapView } from './view.ts';

export interface KindTotal {
  readonly kind: ExtentKind;
  extents: number;
  /** Guest bytes. */
  bytes: number;
}

export interface MapSummary {
  readonly from: number;
  readonly to: number;
  /** Only kinds that occur, in the order of EXTENT_KINDS. */
  readonly totals: readonly KindTotal[];
  readonly invalid: number;
  /** Of the file, where the summary is of a whole image. */
  readonly troubles?: Troubles;
}

/** Ranges of each sort that are listed. */
const RANGES = 1000;

export function* summarize(view: MapView): Generator<Progress, MapSummary> {
  const { chain, from, to } = view;
  const totals: KindTotal[] = EXTENT_KINDS.map((kind) => ({ kind, extents: 0, bytes: 0 }));
  if (to > from) {
    for (const batch of mapBatches(chain, from, to)) {
      let done = from;
      for (const { kind, guest, length } of extentsOf(batch)) {
        const total = totals[EXTENT_KINDS.indexOf(kind)] as KindTotal;
        total.extents++;
        total.bytes += length;
        done = guest + length;
      }
      yield { what: 'mapping', done: done - from, total: to - from, unit: 'bytes' };
    }
  }
  const invalid = totals.find(({ kind }) => kind === 'invalid')?.extents ?? 0;
  const known = { from, to, totals: totals.filter(({ extents }) => extents > 0), invalid };
  return view.owners ? { ...known, troubles: yield* troublesOf(view.owners) } : known;
}

function* troublesOf(image: Image): Generator<Progress, Troubles> {
  const regions = yield* image.ownership();
  return troublesIn(alone(regions), RANGES);
}

export function summaryJson({ from, to, totals, troubles }: MapSummary): Record<string, unknown> {
  const kinds = Object.fromEntries(totals.map(({ kind, ...rest }) => [kind, rest]));
  return { start: from, length: to - from, kinds, ...troubles };
}
