/**
 * Refcounts written one run at a time into the blocks there are, for all seven widths.
 *
 * Invariant: only the counters of the run change; those beside it in a byte stay.
 */

import { type Device, readBytes } from '../../../device/device.ts';
import { setCount } from '../counters.ts';
import { type Geometry, refcountBits } from '../geometry.ts';
import { isContested, type Patient } from './work.ts';

/** Sets the counters of `count` clusters from `first` to `value`; leaves out those whose block cannot be written. */
export function setCounters(device: Device, patient: Patient, first: number, count: number, value: number): void {
  const { g, table } = patient;
  const { refcountsPerBlock } = g;
  for (let at = first; at < first + count; ) {
    const block = Math.floor(at / refcountsPerBlock);
    const end = Math.min(first + count, (block + 1) * refcountsPerBlock);
    const offset = table.block(block);
    if (hasBlock(patient, block)) writeRun(device, g, offset, at % refcountsPerBlock, end - at, value, block);
    at = end;
  }
}

/** Whether block `block` stands inside the file, of whose last cluster a part may be missing, in a place of its own. */
export function hasBlock(patient: Patient, block: number): boolean {
  const { table, device } = patient;
  const offset = table.block(block);
  const isInside = offset !== 0 && table.readable(block) && offset < device.size;
  return isInside && !isContested(patient, offset);
}

function writeRun(
  device: Device,
  g: Geometry,
  block: number,
  index: number,
  count: number,
  value: number,
  number: number,
): void {
  const width = refcountBits(g);
  const start = Math.floor((index * width) / 8);
  const bytes = readBytes(device, block + start, Math.ceil(((index + count) * width) / 8) - start);
  const first = index - (start * 8) / width;
  for (let i = first; i < first + count; i++) setCount(bytes, g.refcountOrder, i, value);
  device.write(block + start, bytes, `refcount block ${number}`);
}
