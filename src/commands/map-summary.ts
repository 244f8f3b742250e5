/**
 * A map in a few numbers: how many extents and bytes of each kind, for screens that cannot hold the list, and for
 * ears that would not listen to it.
 */
import { EXTENT_KINDS, type ExtentKind } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
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
}

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
  return { from, to, totals: totals.filter(({ extents }) => extents > 0), invalid };
}

export function summaryJson({ from, to, totals }: MapSummary): Record<string, unknown> {
  return { start: from, length: to - from, kinds: Object.fromEntries(totals.map(({ kind, ...rest }) => [kind, rest])) };
}
