/**
 * A sort in slices, for lists that may have millions of items: a merge sort, bottom up, that yields now and then.
 * Stable. Lists that are in order already cost one look.
 */
import type { Progress } from './progress.ts';

/** Items sorted in one go, and items merged between two reports of progress: one or two milliseconds each. */
const RUN = 4 * 1024;
const STEP = 16 * 1024;

/** The items by ascending `key`, in a list of their own. `what` names the work in its progress. */
export function* sorted<T>(
  items: readonly T[],
  key: (item: T) => number,
  what: string,
): Generator<Progress, readonly T[]> {
  const { length } = items;
  let from: T[] = [];
  let inOrder = true;
  for (let first = 0; first < length; first += RUN) {
    const run = items.slice(first, first + RUN).sort((a, b) => key(a) - key(b));
    inOrder &&= first === 0 || key(from[first - 1] as T) <= key(run[0] as T);
    for (const item of run) from.push(item);
    yield { what, done: from.length, total: length };
  }
  if (inOrder) return from;
  let to: T[] = [];
  for (let width = RUN; width < length; width *= 2) {
    to.length = 0;
    for (let first = 0; first < length; first += 2 * width) {
      const middle = Math.min(first + width, length);
      const end = Math.min(middle + width, length);
      let left = first;
      let right = middle;
      while (left < middle || right < end) {
        const takesLeft = right >= end || (left < middle && key(from[left] as T) <= key(from[right] as T));
        to.push(from[takesLeft ? left++ : right++] as T);
        if (to.length % STEP === 0) yield { what, done: to.length, total: length };
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
