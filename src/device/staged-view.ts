/**
 * A staged device as it was, or would be, with some number of the branch's steps applied, without undoing any: a
 * step knows the slot each of its pages had before, so the slot of that moment is found along the steps in between.
 *
 * Invariants:
 *  1. Read only, and no page is copied.
 *  2. It reads what the device would read after `goTo`; a property test holds one to the other.
 *  3. It is good until a step begins or anything is undone, redone, switched or dropped: read later, it throws.
 */
import { Ranges } from '../bytes/ranges.ts';
import type { Device } from './device.ts';
import type { PageReader } from './page-reader.ts';
import { PAGE } from './page-store.ts';
import type { Extent, Layer } from './step.ts';

/** No slot: the page is as in the base. */
const NONE = -1;

/** A staged device as the view sees it. */
export interface StagedNow {
  readonly name: string;
  /** All steps of the branch, and how many of them are applied. */
  readonly layers: readonly Layer[];
  readonly applied: number;
  readonly slots: ReadonlyMap<number, number>;
  readonly extent: Extent;
  readonly reader: PageReader;
  /** Whether nothing has happened to the device since. */
  isCurrent(): boolean;
}

export function stagedView(now: StagedNow, count: number): Device {
  const { name, layers, reader, isCurrent } = now;
  const extent = { ...extentAt(now, count) };
  const slotOf = slotsAt(now, count);
  const readOnly = (): never => {
    throw new Error(`${name} with ${count} of ${layers.length} steps is a view; writing to it is a bug`);
  };
  return {
    name,
    size: extent.size,
    read(offset, target) {
      if (!isCurrent()) throw new Error(`a view of ${name} is read after the steps have changed`);
      reader.read(slotOf, extent, offset, target);
    },
    write: readOnly,
    resize: readOnly,
    flush: readOnly,
  };
}

/** Where the device may differ between two moments: whole pages, clipped to the larger size. */
export function rangesBetween(now: StagedNow, a: number, b: number): Ranges {
  const [from, to] = [Math.min(a, b), Math.max(a, b)];
  const [before, after] = [extentAt(now, from), extentAt(now, to)];
  const end = Math.max(before.size, after.size);
  const pages = new Set<number>();
  for (const { pages: touched } of now.layers.slice(from, to)) for (const page of touched.keys()) pages.add(page);
  const ranges = new Ranges();
  for (const page of Float64Array.from(pages).sort()) ranges.add(page * PAGE, Math.min(PAGE, end - page * PAGE));
  // Of the base, only less is shown from one step to the next.
  ranges.add(after.baseLimit, Math.min(before.baseLimit, before.size) - after.baseLimit);
  return ranges;
}

function extentAt({ layers, applied, extent }: StagedNow, count: number): Extent {
  if (count === applied) return extent;
  // While a step is applied it keeps the extent before it, while it is undone its own.
  return (layers[count < applied ? count : count - 1] as Layer).other;
}

function slotsAt({ layers, applied, slots }: StagedNow, count: number): (page: number) => number | undefined {
  // The step nearest to that moment decides: applied ones keep what was before, undone ones what they made.
  const between = count < applied ? layers.slice(count, applied) : layers.slice(applied, count).reverse();
  return (page) => {
    for (const { pages } of between) {
      const slot = pages.get(page);
      if (slot !== undefined) return slot === NONE ? undefined : slot;
    }
    return slots.get(page);
  };
}
