/** One command's changes on a StagedDevice: what it did, for showing, and what it replaced, for undo. */
import type { DeviceEvent } from './traced.ts';

/** At most this many events of one step are kept for showing; `eventCount` counts all. */
export const EVENTS_KEPT = 65_536;

/** One command's changes. */
export interface Step {
  readonly name: string;
  /** Writes, resizes and flushes in order; neighbouring writes with the same label are one. */
  readonly events: readonly DeviceEvent[];
  /** How many events there were, kept or not. */
  readonly eventCount: number;
  /** Bytes written in this step, counting what was written twice twice. */
  readonly bytes: number;
  /** Bytes: the device's size before and after. */
  readonly sizeBefore: number;
  readonly sizeAfter: number;
}

/** Bytes. */
export interface Extent {
  /** The device's size. */
  size: number;
  /** The least size it ever had: the base shows below this only. */
  baseLimit: number;
}

export class Layer implements Step {
  readonly name: string;
  readonly events: DeviceEvent[] = [];
  eventCount = 0;
  bytes = 0;
  sizeAfter: number;
  readonly sizeBefore: number;
  /** The other slot of each page touched: the one before while the step is applied, its own while it is undone. */
  readonly pages = new Map<number, number>();
  /** Likewise the other size and base limit. */
  other: Extent;

  constructor(name: string, before: Extent) {
    this.name = name;
    this.other = { ...before };
    this.sizeBefore = before.size;
    this.sizeAfter = before.size;
  }

  /** The event last recorded, while it is a write that may go on. */
  #run: { kind: 'write'; offset: number; length: number; what: string } | undefined;

  recordWrite(offset: number, length: number, what: string): void {
    this.bytes += length;
    const run = this.#run;
    if (run && run.offset + run.length === offset && run.what === what) {
      run.length += length;
      return;
    }
    const next = { kind: 'write' as const, offset, length, what };
    this.record(next);
    this.#run = next;
  }

  record(event: DeviceEvent): void {
    this.#run = undefined;
    this.eventCount++;
    if (this.events.length < EVENTS_KEPT) this.events.push(event);
  }
}
