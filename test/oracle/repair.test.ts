/**
 * Repair before real qemu-img: what we mend it finds clean, or leaked where data is kept; and no image loses more guest
 * bytes by ours than by `qemu-img check -r all`.
 */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { verdict } from '../../src/check/verdict.ts';
import { FileDevice } from '../../src/device/file.ts';
import type { Driver, Image } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { freedData, guestBytesLost, mended, opened } from '../check/repair-support.ts';
import { corruptorsOf } from '../fuzz/fuzz.ts';
import { recipe, spoilt } from '../support/corruptor.ts';
import { check, describeRun, describeWithQemu, identical, judged, quickFolder } from '../support/qemu.ts';
import { Random, seeds, withSeed } from '../support/random.ts';
import { samples } from '../support/samples.ts';

describeWithQemu('repair and qemu-img', () => {
  it('agree on the corrupt samples', () => {
    const folder = quickFolder();
    for (const { name, bytes, image } of samples(true)) {
      if (name.startsWith('corrupt/')) judge(folder, driverNamed(image.format), bytes, name);
    }
  });

  it.each(['qcow2', 'qed'] as const)('agree on spoilt %s images', (format) => {
    const folder = quickFolder();
    const bases = corruptorsOf(format);
    for (const seed of seeds(format === 'qcow2' ? 60 : 30)) {
      withSeed(seed, () => {
        const random = new Random(9_000_011 * seed);
        const corruptor = random.pick(bases);
        // Those need a second file, or a passphrase.
        if (/^(data-file|zero|aes|luks)\b/.test(corruptor.name)) return;
        const changes = corruptor.changes(random);
        const bytes = spoilt(corruptor.base, changes);
        if (!changes.some(({ says }) => says.includes('crypt_method')) && openedOrNot(corruptor.driver, bytes))
          judge(folder, corruptor.driver, bytes, recipe(corruptor.name, changes));
      });
    }
  });

  it('a lost L1 table: QEMU frees the guest data, we keep all of it', () => {
    const folder = quickFolder();
    const [plain] = samples().filter(({ name }) => name === 'plain.qcow2');
    const bytes = (plain?.bytes ?? new Uint8Array()).slice();
    bytes.fill(0, 0x3000, 0x3008);
    const before = opened(driverNamed('qcow2'), bytes);
    const path = join(folder, 'theirs.qcow2');
    writeFileSync(path, bytes);
    expect(check(path, 'qcow2', 'all').status).toBe(0);
    expect(freedData(before, read(driverNamed('qcow2'), path) as Image)).toBeGreaterThan(4096);
    const ours = mended(driverNamed('qcow2'), bytes, { what: 'all', freeData: false });
    expect(freedData(before, opened(driverNamed('qcow2'), ours.bytes))).toBe(0);
  });
});

/** QEMU's verdict on what we made of it, and what each of the two has lost. */
function judge(folder: string, driver: Driver, bytes: Uint8Array, told: string): void {
  const paths = { before: join(folder, 'before'), theirs: join(folder, 'theirs'), ours: join(folder, 'ours') };
  const safe = mended(driver, bytes, { what: 'safe', freeData: false });
  const all = mended(driver, bytes, { what: 'all', freeData: false });
  const format = driver.name;
  for (const [path, contents] of [
    [paths.before, bytes],
    [paths.theirs, bytes],
    [paths.ours, all.bytes],
  ] as const) {
    writeFileSync(path, contents);
  }
  const ours = verdict(all.left.report);
  const asked = check(paths.ours, format);
  if (ours === 'clean' || ours === 'leaks') {
    // QED's leaks count differently (docs/qemu-differences.md); what it must not find is corruption.
    const expected =
      format === 'qed' ? [0, 3] : [ours === 'clean' ? 0 : 3, ...(onlyBehindEnd(all.left.report) ? [0] : [])];
    expect(expected, `${told}\n${describeRun(asked.ran)}`).toContain(asked.status);
    judged();
  }
  check(paths.theirs, format, 'all');
  // A refcount block said to be there makes QEMU lengthen the file to it: exabytes, which nobody can look through.
  if (statSync(paths.theirs).size > 2 ** 40) return;
  const before = opened(driver, bytes);
  const image = opened(driver, all.bytes);
  const theirs = read(driver, paths.theirs);
  const lost = { ours: guestBytesLost(before, image), theirs: guestBytesLost(before, theirs) };
  expect(lost.ours, told).toBeLessThanOrEqual(lost.theirs);
  expect(guestBytesLost(before, opened(driver, safe.bytes)), told).toBe(0);
  if (theirs) expect(freedData(before, image), told).toBeLessThanOrEqual(freedData(before, theirs));
  // What QEMU could read before, it reads now.
  writeFileSync(paths.ours, safe.bytes);
  if (safe.before.findings.every(({ severity }) => severity !== 'corruption')) {
    expect(identical(paths.before, format, paths.ours, format), told).toBe(true);
  }
}

function onlyBehindEnd(report: ReturnType<typeof mended>['before']): boolean {
  return report.leaks === 0;
}

function read(driver: Driver, path: string): Image | undefined {
  const device = new FileDevice(path);
  onTestFinished(() => device.close());
  try {
    return driver.open(device, { name: path });
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

function openedOrNot(driver: Driver, bytes: Uint8Array): Image | undefined {
  try {
    return opened(driver, bytes);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
