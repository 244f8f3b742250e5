import { join } from 'node:path';
import { it } from 'vitest';
import { create, describeWithQemu, io, quickFolder } from '../support/qemu.ts';
import { pieces, Random, seeds, withSeed } from '../support/random.ts';
import { playOnTwins, randomRequests, type Shape } from './twin.ts';

/** Images of each format. */
const COUNT = 24;
const REQUESTS = 14;

describeWithQemu('requests on a disk, and the same by qemu-io', () => {
  for (const format of ['raw', 'qed', 'qcow2']) {
    it.each(pieces(seeds(COUNT), 8).map((piece) => [piece[0], piece] as const))(
      `${format}: random requests from seed %i`,
      (_first, piece) => {
        const folder = quickFolder();
        for (const seed of piece) withSeed(seed, () => play(format, seed, folder));
      },
    );
  }
});

function play(format: string, seed: number, folder: string): void {
  const random = new Random(seed * 10 + format.length);
  const { shape, unit } = shapeOf(format, random, folder);
  const before = randomRequests(random, shape, unit, 4).flatMap((request) =>
    request.what === 'write' && request.offset + request.length <= shape.size
      ? [`write -P ${request.fill} ${request.offset} ${request.length}`]
      : [],
  );
  playOnTwins(folder, shape, before, randomRequests(random, shape, unit, REQUESTS));
}

function shapeOf(format: string, random: Random, folder: string): { shape: Shape; unit: number } {
  if (format === 'raw') return { shape: { format, size: random.int(1, 200_000) }, unit: 4096 };
  if (format === 'qcow2') return qcow2Shape(random, folder);
  const unit = 2 ** random.pick([12, 12, 13, 16, 18]);
  const size = random.int(1, 20 * unit) & ~511;
  const options = { cluster_size: unit, table_size: random.pick([2, 4, 16]) };
  const backing = random.chance(0.5) ? backingFile(random, size, folder) : undefined;
  return { shape: { format, size, options, ...(backing && { backing }) }, unit };
}

function qcow2Shape(random: Random, folder: string): { shape: Shape; unit: number } {
  const unit = 2 ** random.pick([9, 10, 12, 14, 16, 16, 18]);
  const size = random.int(1, 20 * unit) & ~511;
  const isOld = random.chance(0.2);
  const options: Record<string, string | number> = { cluster_size: unit, compat: isOld ? '0.10' : '1.1' };
  if (!isOld) {
    options['refcount_bits'] = random.pick([1, 4, 16, 16, 64]);
    if (random.chance(0.2)) options['lazy_refcounts'] = 'on';
    if (unit >= 2 ** 14 && random.chance(0.4)) options['extended_l2'] = 'on';
  }
  const backing = random.chance(0.5) ? backingFile(random, size, folder) : undefined;
  return { shape: { format: 'qcow2', size, options, ...(backing && { backing }) }, unit };
}

function backingFile(random: Random, size: number, folder: string): { file: string; format: string } {
  const format = random.pick(['raw', 'qcow2', 'qed']);
  const file = join(folder, `below.${format}`);
  const its = Math.max(Math.floor(size * random.pick([0.5, 1, 1, 1.5])) & ~511, 512);
  create(file, format, its);
  // QEMU sees holes of a raw file as known zeros; node:fs cannot tell them.
  io(file, format, [`write -P 170 0 ${format === 'raw' ? its : its >> 1}`]);
  return { file, format };
}
