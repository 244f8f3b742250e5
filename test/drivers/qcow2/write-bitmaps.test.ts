/** Persistent dirty bitmaps of images that are written to: bit for bit as real qemu-io leaves them on a twin. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readBytes } from '../../../src/device/device.ts';
import { runRequest } from '../../../src/device/events.ts';
import { FileDevice } from '../../../src/device/file.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import { HeaderV3 } from '../../../src/drivers/qcow2/layout.ts';
import { check, create, describeWithQemu, info, io, qemuImg, run, suiteFolder } from '../../support/qemu.ts';
import { pieces, Random, seeds, withSeed } from '../../support/random.ts';
import { type Deed, expectTwins, openOurs, type Twins, twinsOf } from './twins.ts';

/** The bits of every bitmap, each as the numbers of those that are set. */
function bitsOf(path: string): Record<string, number[]> {
  const device = new FileDevice(path);
  const image = Qcow2Image.open(device, { name: path });
  const all: Record<string, number[]> = {};
  for (const { name, tableOffset, tableEntries, granularity } of image.bitmaps) {
    const bits: number[] = [];
    const table = new DataView(readBytes(device, tableOffset, tableEntries * 8).buffer);
    for (let i = 0; i < tableEntries; i++) {
      const [hi, lo] = [table.getUint32(i * 8), table.getUint32(i * 8 + 4)];
      const offset = hi * 2 ** 32 + (lo & ~1);
      const bytes =
        offset > 0
          ? readBytes(device, offset, image.clusterSize)
          : new Uint8Array(image.clusterSize).fill((lo & 1) === 1 ? 255 : 0);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const at = i * image.clusterSize * 8 + bit;
        if (at * granularity < image.size && (((bytes[bit >> 3] as number) >> (bit & 7)) & 1) === 1) bits.push(at);
      }
    }
    all[name] = bits;
  }
  device.close();
  return all;
}

const bitmapsOf = (path: string): unknown => info(path, 'qcow2')['format-specific']?.data['bitmaps'];

function expectSameBitmaps(twins: Twins): void {
  expect(bitsOf(twins.ours)).toEqual(bitsOf(twins.theirs));
  expect(bitmapsOf(twins.ours)).toEqual(bitmapsOf(twins.theirs));
}

describeWithQemu('dirty bitmaps', () => {
  const folder = suiteFolder();
  const KIB = 1024;

  function make(name: string, clusterSize: number, size: number, granularity: number): string {
    const path = join(folder, `${name}.qcow2`);
    create(path, 'qcow2', size, { options: { cluster_size: clusterSize } });
    qemuImg('bitmap', '--add', '-g', String(granularity), path, 'on');
    io(path, 'qcow2', [`write 0 ${size >> 2}`]);
    qemuImg('bitmap', '--add', '-g', String(granularity * 2), path, 'second');
    qemuImg('bitmap', '--disable', path, 'second');
    qemuImg('bitmap', '--merge', 'on', path, 'second');
    return path;
  }

  function deeds(random: Random, first: number, cluster: number): Deed[] {
    let size = first;
    const range = (): { at: number; length: number } => {
      const at = random.int(0, size - 1);
      return { at, length: Math.min(size - at, random.pick([1, 512, 3000, 4 * cluster, random.int(1, size)])) };
    };
    return Array.from({ length: random.int(3, 9) }, (): Deed => {
      switch (random.int(0, 6)) {
        case 0:
          size = Math.max(512, random.int(1, (first * 3) / 512) * 512);
          return { do: 'truncate', size, how: 'off' };
        case 1:
          return { do: 'zero', ...range() };
        case 2:
          return { do: 'discard', ...range() };
        case 3:
          return { do: 'compress', at: 0, length: Math.min(cluster, size), fill: 9 };
        case 4:
          return { do: 'reopen' };
        default:
          return { do: 'write', ...range(), fill: random.int(1, 255) };
      }
    });
  }

  const shapes = [
    { clusterSize: 512, size: 700 * KIB, granularity: 512 },
    { clusterSize: 4096, size: 3000 * KIB, granularity: 512 },
    { clusterSize: 64 * KIB, size: 3000 * KIB, granularity: 64 * KIB },
  ];
  const runs = shapes.flatMap((shape, i) => seeds(2).map((seed) => ({ shape, seed: seed * 10 + i })));
  it.each(pieces(runs, 6))('say what was changed (%#)', (...some) => {
    for (const { shape, seed } of some) {
      withSeed(seed, () => {
        const { clusterSize, size, granularity } = shape;
        const twins = twinsOf(make(`b${seed}`, clusterSize, size, granularity));
        expectTwins(twins, deeds(new Random(seed), size, clusterSize));
        expectSameBitmaps(twins);
      });
    }
  });

  it('are inconsistent when the image was not closed, and stay so', () => {
    const path = make('torn', 64 * KIB, 3000 * KIB, 64 * KIB);
    const twins = twinsOf(path);
    openOurs(twins);
    run('qemu-io', ['-c', 'abort', twins.theirs]);
    expect(bitmapsOf(twins.ours)).toEqual(bitmapsOf(twins.theirs));
    expectTwins(twins, [
      { do: 'write', at: 0, length: 512, fill: 1 },
      { do: 'truncate', size: 4000 * KIB, how: 'off' },
    ]);
    expectSameBitmaps(twins);
  });

  it('are dropped where another program wrote without keeping them', () => {
    const path = make('stale', 64 * KIB, 3000 * KIB, 64 * KIB);
    const bytes = readFileSync(path);
    bytes.fill(0, HeaderV3.at.autoclear_features, HeaderV3.at.autoclear_features + 8);
    // A feature of tomorrow.
    bytes[HeaderV3.at.autoclear_features] = 0x40;
    writeFileSync(path, bytes);
    const twins = twinsOf(path);
    const { disk, close } = openOurs(twins);
    runRequest(disk.write(0, new Uint8Array(512)));
    close();
    io(twins.theirs, 'qcow2', ['write -P 0 0 512']);
    const head = (file: string): string => readFileSync(file).toString('hex', 72, 1024);
    expect(head(twins.ours)).toBe(head(twins.theirs));
    expect(check(twins.ours, 'qcow2').counters?.leaks).toBe(check(twins.theirs, 'qcow2').counters?.leaks);
  });
});
