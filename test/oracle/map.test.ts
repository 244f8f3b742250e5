/** `map` against `qemu-img map`: on random images of every kind and on the samples, by three doors. */
import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileDevice } from '../../src/device/file.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { platter } from '../support/platter.ts';
import { describeWithQemu, info, judged, type MapRow, map, testFolder } from '../support/qemu.ts';
import { pieces, seeds, withSeed } from '../support/random.ts';
import { randomImage } from '../support/random-image.ts';
import { ourRuns, ourRunsOneByOne, qemuRuns } from './mapping.ts';

const SAMPLES = resolve(import.meta.dirname, '../../sample-images');
/** QEMU cannot map these without a secret, or looks for their data file in the current folder. */
const UNREADABLE_BY_QEMU = new Set(['aes.qcow2', 'data-file.qcow2']);
/** Every so many random images one goes through the program itself as well. */
const THROUGH_THE_PROGRAM = 25;

function compare(path: string, format: string, hasBacking: boolean, why: string): void {
  const expected = qemuRuns(map(path, format), hasBacking);
  const device = new FileDevice(path);
  try {
    const image = driverNamed(format).open(device, { name: path, openExternal: (file) => new FileDevice(file) });
    expect(ourRuns(image, hasBacking), why).toEqual(expected);
    expect(ourRunsOneByOne(image, hasBacking), `getMapping; ${why}`).toEqual(expected);
  } finally {
    device.close();
  }
  judged();
}

function compareProgram(path: string, format: string, hasBacking: boolean): void {
  const ran = platter(['map', '-f', format, '--output=json', path]);
  expect(ran.status, ran.stderr).toBe(0);
  const ours = JSON.parse(ran.stdout) as MapRow[];
  expect(qemuRuns(ours, hasBacking)).toEqual(qemuRuns(map(path, format), hasBacking));
}

describeWithQemu('map equals qemu-img map', () => {
  for (const format of ['qcow2', 'qed'] as const) {
    describe(`random ${format} images`, () => {
      it.each(pieces(seeds(200), 25).map((piece) => [piece[0], piece] as const))('from seed %i', (_first, piece) => {
        const folder = testFolder();
        for (const seed of piece) {
          withSeed(seed, () => {
            const image = randomImage(seed, { format, folder });
            compare(image.path, format, image.backing !== undefined, image.description);
            if (seed % THROUGH_THE_PROGRAM === 1) compareProgram(image.path, format, image.backing !== undefined);
          });
        }
      });
    });
  }

  const samples = readdirSync(SAMPLES).filter((name) => /\.(qcow2|qed)$/.test(name) && !UNREADABLE_BY_QEMU.has(name));
  it.each(samples)('sample %s', (name) => {
    const path = join(SAMPLES, name);
    const format = basename(name).split('.')[1] as string;
    const hasBacking = info(path, format)['backing-filename'] !== undefined;
    compare(path, format, hasBacking, name);
    compareProgram(path, format, hasBacking);
  });
});
