/** Keys that mean the same in every panel whose cursor is on a place: follow it, go back and forward, turn sides, go to an offset. */
import type { Desk } from '../desk.ts';
import { follow } from '../follow.ts';
import { goTo } from '../go-to.ts';

/** Answers whether the stroke was one of them. `offsets`: what digits typed in this panel mean. */
export function placeKey(desk: Desk, stroke: string, offsets: 'guest' | 'host'): boolean {
  switch (stroke) {
    case 'return':
      return follow(desk);
    case 'b':
      if (!desk.back()) desk.note = 'no jump to take back';
      desk.changed();
      return true;
    case 'f':
      if (!desk.forward()) desk.note = 'nowhere to go forward to';
      desk.changed();
      return true;
    case 't':
      desk.turn();
      return true;
  }
  if (!/^[0-9]/.test(stroke)) return false;
  desk.ask(offsets === 'guest' ? 'go to guest' : 'go to', stroke, (text) => goTo(desk, offsets, text));
  return true;
}
