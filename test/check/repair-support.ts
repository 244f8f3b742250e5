/**
 * What holds of every repair of a broken image, whatever is wrong with it: run on bytes in memory, judged by a check
 * of our own, by the guest's bytes before and after, and by what was free and leaked.
 */
import { runToEnd } from '../../src/bytes/progress.ts';
import { Ranges } from '../../src/bytes/ranges.ts';
import { type Choice, type Repaired, repair } from '../../src/check/repair.ts';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Driver, Image } from '../../src/drivers/driver.ts';
import type { CheckReport } from '../../src/drivers/finding.ts';
import { readGuest } from '../../src/drivers/guest-io.ts';
import type { Proposal, RepairDriver } from '../../src/drivers/repair.ts';
import { ImageError } from '../../src/errors.ts';

export interface Mended extends Repaired {
  readonly bytes: Uint8Array;
  readonly before: CheckReport;
}

/** The image repaired, in memory. Throws what repair throws. */
export function mended(driver: Driver, bytes: Uint8Array, choice: Choice): Mended {
  const device = new MemoryDevice(bytes.slice(), 'image');
  const context = { name: 'image' };
  const repairs = driver.repair as RepairDriver;
  const before = runToEnd(repairs.examine(device, context)).report;
  const repaired = runToEnd(repair(repairs, device, context, choice));
  return { ...repaired, before, bytes: readBytes(device, 0, device.size) };
}

export function opened(driver: Driver, bytes: Uint8Array): Image {
  return driver.open(new MemoryDevice(bytes, 'image'), { name: 'image' });
}

/** Guest bytes of clusters, by number; undefined where they cannot be read. At most so many clusters are looked at. */
export function guestClusters(image: Image, most = 4096): Map<number, Uint8Array | undefined> {
  const unit = image.unit || 65_536;
  const found = new Map<number, Uint8Array | undefined>();
  for (const batch of image.mappings()) {
    for (let i = 0; i < batch.count; i++) {
      const run = batch.at(i);
      if (run.kind === 'unallocated') continue;
      for (let at = run.guest; at < run.guest + run.length && found.size < most; at += unit) {
        found.set(at, bytesOf(image, at, Math.min(unit, image.size - at)));
      }
    }
  }
  return found;
}

/** Undefined where they cannot be read: with what kind of trouble is for `check` to say. */
function bytesOf(image: Image, at: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  try {
    readGuest(image, at, bytes);
    return bytes;
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/** The guest bytes that could be read before and are others now, or cannot be read, outside of what the proposals name. */
export function guestChanges(before: Image, after: Image, done: readonly Proposal[]): string[] {
  const named = Ranges.of(done.flatMap(({ guest }) => guest));
  const changes: string[] = [];
  for (const [at, bytes] of guestClusters(before)) {
    if (bytes === undefined || named.covers(at, bytes.length)) continue;
    const now = bytesOf(after, at, bytes.length);
    if (now === undefined) changes.push(`guest 0x${at.toString(16)} cannot be read any more`);
    else if (!Buffer.from(bytes).equals(now)) changes.push(`guest 0x${at.toString(16)} reads otherwise`);
  }
  return changes;
}

/** Bytes other than zero that nothing referred to and that were kept from use, and are free afterwards. */
export function freedData(before: Image, after: Image): number {
  const free = Ranges.of([...after.regions()].filter(({ role }) => role === 'free'));
  const leaked = [...before.regions()].filter(({ role }) => role === 'leaked');
  let found = 0;
  for (const { offset, length } of leaked) {
    for (let at = offset; at < offset + length; at += 512) {
      const count = Math.min(512, offset + length - at);
      const isGone = at >= after.device.size || free.covers(at, count);
      if (isGone) for (const byte of readBytes(before.device, at, count)) if (byte !== 0) found++;
    }
  }
  return found;
}

/** Guest bytes that could be read before and cannot, or are others now. */
export function guestBytesLost(before: Image, after: Image | undefined): number {
  let lost = 0;
  for (const [at, bytes] of guestClusters(before)) {
    if (bytes === undefined) continue;
    const now = after && bytesOf(after, at, bytes.length);
    if (!now) lost += bytes.length;
    else for (let i = 0; i < bytes.length; i++) if (bytes[i] !== now[i]) lost++;
  }
  return lost;
}
