/**
 * The VM state: guest data behind the disk, at the first L1 entry that the disk does not need. It is written and read as
 * guest data is.
 */
import { fire, type Request } from '../../../device/events.ts';
import { vmStateOffset } from '../geometry.ts';
import { ioFailure } from './complaints.ts';
import { readGuest } from './read.ts';
import type { WriteState } from './state.ts';
import { writeGuest } from './write.ts';

function placeOf(w: WriteState, offset: number, length: number): number {
  const start = vmStateOffset(w.g) + offset;
  if (start + length >= 2 ** 63) throw ioFailure('the VM state would end behind the last byte there can be');
  return start;
}

/** `offset`: bytes of the VM state. */
export function* readVmState(w: WriteState, offset: number, target: Uint8Array): Request {
  yield* fire(w.device, 'vmstate_load');
  yield* readGuest(w, placeOf(w, offset, target.length), target);
}

/** The same, changed. The L1 table grows as far as that takes. */
export function* writeVmState(w: WriteState, offset: number, bytes: Uint8Array): Request {
  yield* fire(w.device, 'vmstate_save');
  yield* writeGuest(w, placeOf(w, offset, bytes.length), bytes);
}
