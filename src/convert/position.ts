/**
 * How far a conversion that is taken piece by piece has come: plain data, beside the target's state all there is to go
 * on with it after undo, redo or a dropped step.
 *
 * Invariants:
 *  1. A position is never changed, only replaced: two steps may share one.
 *  2. Phases come in the order of PHASES; which of them there are, the target says.
 */
import { DATA, type ExtentColumns, UNALLOCATED, UNALLOCATED_ALLOCATED } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { BuildPhase, ConversionTarget, Image } from '../drivers/driver.ts';

export type PhaseName = 'relocate' | 'l2' | BuildPhase | 'verify' | 'header';

/** All there can be, in their order. */
export const PHASES: readonly PhaseName[] = ['relocate', 'l2', 'l1', 'refcount', 'verify', 'header'];

export interface ConversionPosition {
  /** Formats. */
  readonly from: string;
  readonly to: string;
  /** The phases that this conversion has, in order. */
  readonly phases: readonly PhaseName[];
  readonly phase: PhaseName | 'done';
  /** Where the phase goes on: a guest byte in `l2` and `verify`, the number of a piece in the others. */
  readonly at: number;
  /** L2 tables that the conversion fills; and, in `l2` and `verify`, how many of them are behind `at`. */
  readonly tables: number;
  readonly tablesDone: number;
  /** Pieces of the refcounts, once they are built. */
  readonly refcounts?: number;
}

export function* startOf(source: Image, target: ConversionTarget): Generator<Progress, ConversionPosition> {
  const phases = PHASES.filter((phase) => phase !== 'relocate' && (isOwn(phase) || target.phases.includes(phase)));
  const tables = yield* countTables(source, target, 0, source.size);
  const begun = { from: source.format, to: target.format, phases, tables, tablesDone: 0, at: 0 };
  return { ...begun, phase: tables === 0 ? (phases[1] as PhaseName) : 'l2' };
}

/** Phases that are the conversion's, whatever the target. */
function isOwn(phase: PhaseName): phase is Exclude<PhaseName, BuildPhase> {
  return phase !== 'l1' && phase !== 'refcount';
}

/** The first moment of the phase behind the one at hand. */
export function nextPhase(position: ConversionPosition): ConversionPosition {
  const { phases, phase } = position;
  const next = phases[phases.indexOf(phase as PhaseName) + 1] ?? 'done';
  return { ...position, phase: next, at: 0, tablesDone: 0 };
}

/**
 * After a step that was not the conversion's: what was verified may have changed, so that is done again; and where the
 * target is gone the conversion is too.
 */
export function afterOther(
  position: ConversionPosition | undefined,
  target: ConversionTarget | undefined,
): ConversionPosition | undefined {
  if (!position) return undefined;
  // Either it was complete and a target was opened anew, or it was not and the target is gone.
  if ((position.phase === 'done') === (target !== undefined)) return undefined;
  if (position.phase === 'done') return position;
  const isBehind = position.phase === 'verify' ? position.at > 0 : position.phase === 'header';
  return isBehind ? { ...position, phase: 'verify', at: 0, tablesDone: 0 } : position;
}

/** How many tables the source's runs between two guest bytes need: one look over its mapping. */
export function* countTables(
  source: Image,
  target: ConversionTarget,
  from: number,
  to: number,
): Generator<Progress, number> {
  const span = target.tableSpan;
  let count = 0;
  let last = -1;
  const add = (start: number, end: number): void => {
    const first = Math.max(Math.floor(Math.max(start, from) / span), last + 1);
    last = Math.max(last, Math.ceil(Math.min(end, to) / span) - 1);
    count += Math.max(last - first + 1, 0);
  };
  for (const batch of source.mappings(from, to, 'mapped')) {
    const { kind, guest, length, unit } = batch;
    for (let i = 0; i < batch.count; i++) {
      const code = kind[i] as number;
      if (code === UNALLOCATED || code === UNALLOCATED_ALLOCATED) continue;
      const start = (guest[i] as number) * unit;
      if (code === DATA) add(start, start + (length[i] as number) * unit);
      else for (const part of target.parts(batch.at(i))) add(part.guest, part.guest + part.length);
    }
    yield { what: 'counting tables', done: endOf(batch), total: source.size, unit: 'bytes' };
  }
  return count;
}

function endOf({ count, guest, length, unit }: ExtentColumns): number {
  return count === 0 ? 0 : ((guest[count - 1] as number) + (length[count - 1] as number)) * unit;
}
