/**
 * Byte storage, the only thing drivers read and write: byte-addressed and synchronous. A layer is a function
 * (or class) from a Device to a Device, so stacks are built by composition: staged over file, faulty over memory.
 *
 * Invariants every implementation keeps (test/device/contract.ts runs them against each):
 *  1. A read past the end gives zero bytes; it never throws for that reason and never gives stale bytes.
 *  2. A write past the end grows the device; the gap reads as zeros.
 *  3. Shrinking and growing again never lets the old bytes show through.
 *  4. `flush` is a barrier: what was written before it is durable before anything written after it.
 */
import type { DeviceEvent, Suspension } from './events.ts';

export interface Device {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Fills `target` from `offset` (bytes). Past the end reads zero bytes. Throws ImageError on an I/O error. */
  read(offset: number, target: Uint8Array): void;
  /** Writes `bytes` at `offset`; `what` labels the write for people: 'l2 table 3', 'header'. */
  write(offset: number, bytes: Uint8Array, what?: string): void;
  resize(size: number): void;
  flush(): void;
  /** A request has come to `event` (events.ts); answers what it has to wait for. Absent: nobody listens. */
  event?(event: DeviceEvent): Suspension | undefined;
}

/** Reads `length` bytes at `offset` into a fresh array. Callers bound `length` by the format's limit first. */
export function readBytes(device: Device, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  device.read(offset, bytes);
  return bytes;
}
