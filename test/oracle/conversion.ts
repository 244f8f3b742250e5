/** One in-place conversion as the program does it, and what real QEMU must say about its result. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { type ConversionResult, convertInPlace } from '../../src/convert/convert.ts';
import { FileDevice } from '../../src/device/file.ts';
import type { TargetRequest } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { check, describeRun, identical, io, judged } from '../support/qemu.ts';
import type { Random } from '../support/random.ts';
import type { RandomImage } from '../support/random-image.ts';
import { falseQedLeaks } from './qed-leaks.ts';

export type Format = 'qcow2' | 'qed';

export interface Conversion {
  readonly path: string;
  readonly from: Format;
  readonly to: Format;
  readonly options?: TargetRequest;
  /** Keep what rollback needs in this file. */
  readonly rollback?: string;
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Holes stay holes: images are mostly holes. */
export function copySparse(from: string, to: string): void {
  execFileSync('cp', ['--sparse=always', from, to]);
}

/** Through the library, in this process. Throws what Platter throws. */
export function convert({ path, from, to, options, rollback }: Conversion): ConversionResult {
  const device = new FileDevice(path, 'read-write');
  try {
    const image = driverNamed(from).open(device, { name: path });
    return runToEnd(convertInPlace(device, image, driverNamed(to), { options, rollback }));
  } finally {
    device.close();
  }
}

/**
 * The converted file checks clean (QED: but for the leaks that were reported), and holds what the original holds;
 * `original` is a copy from before. `leaked`: bytes, as reported.
 */
export function expectGood(path: string, format: Format, original: string, from: Format, leaked: number): void {
  const checked = check(path, format);
  const context = describeRun(checked.ran);
  if (format === 'qcow2') {
    expect(checked.verdict, context).toBe('clean');
    expect(leaked, 'a qcow2 target leaks nothing').toBe(0);
  } else {
    expect(['clean', 'leaks'], context).toContain(checked.verdict);
    const clusterSize = readFileSync(path).readUInt32LE(4);
    expect(((checked.counters?.leaks ?? 0) - falseQedLeaks(path)) * clusterSize, context).toBe(leaked);
  }
  expect(identical(path, format, original, from), 'guest contents').toBe(true);
  judged();
}

/** A later writer finds a healthy image: the same writes on it and on a copy of the original give the same contents. */
export function expectWritable(
  path: string,
  format: Format,
  image: RandomImage,
  original: string,
  random: Random,
): void {
  const from = image.format;
  const [later, twin] = [`${path}.later`, `${path}.twin`];
  copySparse(path, later);
  copySparse(original, twin);
  const size = diskSize(original, from);
  // QEMU 7.2 fills the rest of a QED zero cluster from the backing file when a part of it is written, instead of with
  // zeros. So over a backing file only whole clusters are written.
  const unit = image.backing ? Math.max(image.clusterSize, clusterSizeOf(path, format)) : 512;
  const commands = Array.from({ length: 6 }, () => {
    const at = random.int(0, Math.max(0, Math.ceil(size / unit) - 1)) * unit;
    const length = Math.min(Math.ceil((random.int(1, 300) * 512) / unit) * unit, size - at);
    return `write -q -P ${random.int(1, 255)} ${at} ${length}`;
  });
  const leaksBefore = check(later, format).counters?.leaks ?? 0;
  io(later, format, commands);
  io(twin, from, commands);
  const checked = check(later, format);
  expect(checked.counters?.corruptions ?? 0, describeRun(checked.ran)).toBe(0);
  const grown = format === 'qed' ? falseQedLeaks(later) - falseQedLeaks(path) : 0;
  expect((checked.counters?.leaks ?? 0) - leaksBefore, `later leaks\n${describeRun(checked.ran)}`).toBe(grown);
  expect(identical(later, format, twin, from), `contents after ${commands.join('; ')}`).toBe(true);
}

function clusterSizeOf(path: string, format: Format): number {
  const head = readFileSync(path).subarray(0, 64);
  return format === 'qed' ? head.readUInt32LE(4) : 2 ** head.readUInt32BE(20);
}

function diskSize(path: string, format: Format): number {
  const head = readFileSync(path).subarray(0, 64);
  return Number(format === 'qed' ? head.readBigUInt64LE(48) : head.readBigUInt64BE(24));
}
