/**
 * Overlapping spans of a file as disjoint pieces with a multiplicity, so that bytes which a hostile image uses as a
 * table thousands of times are read once: the work is bounded by the file's size, whatever its tables claim.
 */

/** `times` uses of the bytes [offset, offset + length). */
export interface Span {
  readonly offset: number;
  readonly length: number;
  readonly times: number;
}

/**
 * Disjoint pieces in ascending order that cover exactly the spans' bytes below `end`; each piece is used `times` times
 * in all. At most twice as many pieces as spans.
 */
export function coverage(spans: Iterable<Span>, end: number): Span[] {
  const edges: { at: number; change: number }[] = [];
  for (const { offset, length, times } of spans) {
    if (offset >= end || length <= 0) continue;
    edges.push({ at: offset, change: times }, { at: Math.min(offset + length, end), change: -times });
  }
  edges.sort((a, b) => a.at - b.at);
  const pieces: Span[] = [];
  let times = 0;
  for (let i = 0; i < edges.length; i++) {
    const { at, change } = edges[i] as { at: number; change: number };
    times += change;
    const next = edges[i + 1];
    if (next && next.at > at && times > 0) pieces.push({ offset: at, length: next.at - at, times });
  }
  return pieces;
}
