/** How a range of zeros is cut into what a format can take at once: as QEMU's block layer cuts it. */
import type { Range } from '../bytes/ranges.ts';

/** `from` .. `to` - 1 (bytes): what comes before the first whole unit, the whole units, and what is left. */
export function* zeroPieces(from: number, to: number, unit: number): Generator<Range> {
  let at = from;
  const head = at % unit;
  if (head > 0 && at < to) {
    const length = Math.min(unit - head, to - at);
    yield { offset: at, length };
    at += length;
  }
  const whole = to - at - ((to - at) % unit);
  if (whole > 0) yield { offset: at, length: whole };
  at += Math.max(whole, 0);
  if (at < to) yield { offset: at, length: to - at };
}
