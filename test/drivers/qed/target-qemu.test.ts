/** Conversion targets judged by real QEMU: the same contents, no corruption, and exactly the leaks that were reported. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type { Driver, TargetRequest } from '../../../src/drivers/driver.ts';
import { qcow2Driver } from '../../../src/drivers/qcow2/driver.ts';
import { qedDriver } from '../../../src/drivers/qed/driver.ts';
import { qemuBogusLeaks } from '../../../src/drivers/qed/geometry.ts';
import { check, describeRun, describeWithQemu, identical, io, judged, suiteFolder } from '../../support/qemu.ts';
import { Random, seeds, withSeed } from '../../support/random.ts';
import { randomImage } from '../../support/random-image.ts';
import { expectContract, rowsOf } from '../contract.ts';
import { convert, normalised } from './target-support.ts';

const DRIVERS: Readonly<Record<'qcow2' | 'qed', Driver>> = { qcow2: qcow2Driver, qed: qedDriver };

describeWithQemu('qed targets', () => {
  const folder = suiteFolder();

  function convertOne(seed: number, format: 'qcow2' | 'qed', smaller: boolean): void {
    const random = new Random(seed);
    const made = randomImage(seed, { format, folder, convertible: true });
    const path = join(folder, `converted-${seed}.qed`);
    copyFileSync(made.path, path);
    const device = new MemoryDevice(readFileSync(path));
    const source = DRIVERS[format].open(device, { name: path });
    const before = normalised(rowsOf(source));
    const request: TargetRequest = smaller
      ? { cluster_size: String(Math.max(4096, Math.min(source.unit, 65536) / random.pick([1, 2, 4]))) }
      : {};
    const { report } = convert(source, device, request);
    writeFileSync(path, device.bytes());

    const image = expectContract(qedDriver, device, {}, seed);
    expect(normalised(rowsOf(image))).toEqual(before);
    const judge = check(path, 'qed');
    const leaks = report.leakedBytes / image.clusterSize + qemuBogusLeaks(image.clusterSize, device.size);
    expect(judge.verdict, describeRun(judge.ran)).toBe(leaks > 0 ? 'leaks' : 'clean');
    expect(judge.counters?.leaks ?? 0).toBe(leaks);
    expect(identical(made.path, made.format, path, 'qed'), made.description).toBe(true);

    const at = random.int(0, Math.floor((made.size - 1) / 512)) * 512;
    io(path, 'qed', [`write -q -P 0xee ${at} 512`, `read -P 0xee ${at} 512`]);
    expect(check(path, 'qed').counters?.corruptions ?? 0).toBe(0);
    judged();
  }

  it('qed to qed with other clusters and tables', () => {
    for (const seed of seeds(25)) withSeed(seed, () => convertOne(seed, 'qed', true));
  });

  it('qcow2 to qed', () => {
    for (const seed of seeds(25)) withSeed(seed, () => convertOne(seed, 'qcow2', false));
  });

  it('qcow2 to qed with smaller clusters', () => {
    for (const seed of seeds(15)) withSeed(seed, () => convertOne(seed + 1000, 'qcow2', true));
  });
});
