/**
 * The same random requests on two copies of a qcow2 image, by real qemu-io and by our writer: the files are the same
 * afterwards, byte for byte. So a cluster lies where QEMU would have put it, and is in the state QEMU would have chosen.
 * (Not where compressed clusters are written over: QEMU does the pieces of a request side by side then, and where the
 * next piece goes depends on when the cluster of the one before was freed. See write-around.test.ts.)
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runRequest } from '../../../src/device/events.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { type Disk, openForWriting } from '../../../src/disk/disk.ts';
import { qcow2Driver } from '../../../src/drivers/qcow2/driver.ts';
import { rawDriver } from '../../../src/drivers/raw.ts';
import {
  check,
  create,
  describeRun,
  describeWithQemu,
  io,
  judged,
  quickFolder,
  run,
  snapshot,
} from '../../support/qemu.ts';
import { Random, seeds, withSeed } from '../../support/random.ts';

interface Shape {
  readonly name: string;
  readonly options: Readonly<Record<string, string | number>>;
  /** Bytes. */
  readonly size: number;
  /** Of what lies below, bytes. */
  readonly below?: number;
  readonly snapshots?: boolean;
}

const KIB = 1024;
const MIB = KIB * KIB;

const SHAPES: readonly Shape[] = [
  { name: '512 bytes', options: { cluster_size: 512 }, size: 300 * KIB, snapshots: true },
  { name: 'one bit', options: { cluster_size: 512, refcount_bits: 1 }, size: 200 * KIB + 512 },
  { name: '2 bits', options: { cluster_size: KIB, refcount_bits: 2 }, size: 300 * KIB, below: 200 * KIB },
  { name: '8 bits, lazy', options: { cluster_size: 4 * KIB, refcount_bits: 8, lazy_refcounts: 'on' }, size: 2 * MIB },
  { name: '64 bits', options: { cluster_size: 512, refcount_bits: 64 }, size: 4 * MIB },
  { name: 'version 2', options: { compat: '0.10' }, size: 3 * MIB, snapshots: true },
  {
    name: 'version 2 over another',
    options: { compat: '0.10', cluster_size: 4 * KIB },
    size: 300 * KIB,
    below: 400 * KIB,
  },
  { name: '64 KiB', options: {}, size: 4 * MIB - 512, below: 3 * MIB + 512, snapshots: true },
  { name: 'subclusters', options: { extended_l2: 'on' }, size: 4 * MIB, snapshots: true },
  {
    name: 'subclusters over another',
    options: { extended_l2: 'on', cluster_size: 16 * KIB },
    size: MIB,
    below: MIB / 2,
  },
  { name: '2 MiB', options: { cluster_size: 2 * MIB }, size: 9 * MIB, below: 5 * MIB },
  { name: 'data file', options: { data_file: '' }, size: 2 * MIB },
  { name: 'raw data file', options: { data_file: '', data_file_raw: 'on', extended_l2: 'on' }, size: 2 * MIB },
];

type Deed = readonly [command: string, request: (disk: Disk) => ReturnType<Disk['flush']>];

function randomDeeds(shape: Shape, random: Random): Deed[] {
  const { size } = shape;
  const cluster = Number(shape.options['cluster_size'] ?? 64 * KIB);
  const deeds: Deed[] = [];
  for (let i = random.int(3, 20); i > 0; i--) {
    let at = random.chance(0.5) ? cluster * random.int(0, Math.ceil(size / cluster) - 1) : random.int(0, size - 1);
    let length = Math.min(size - at, random.int(1, random.chance(0.5) ? 3 * cluster : Math.min(size, 60 * cluster)));
    let what = random.pick(['write', 'write', 'write', 'zero', 'zero', 'discard', 'flush'] as const);
    // QEMU 7.2 leaves what is discarded in a raw data file, where it shows other bytes than the image then. We do not.
    if (what === 'discard' && 'data_file_raw' in shape.options) what = 'zero';
    const fill = random.int(1, 255);
    const mayUnmap = random.chance(0.5);
    if (what === 'zero' && random.chance(0.5)) {
      at -= at % cluster;
      length = Math.min(size - at, Math.ceil(length / cluster) * cluster);
    }
    if (what === 'write') {
      const bytes = new Uint8Array(length).fill(fill);
      deeds.push([`write -P ${fill} ${at} ${length}`, (disk) => disk.write(at, bytes)]);
    } else if (what === 'zero') {
      const command = `write -z ${mayUnmap ? '-u ' : ''}${at} ${length}`;
      deeds.push([command, (disk) => disk.writeZeroes(at, length, { mayUnmap })]);
    } else if (what === 'discard') {
      deeds.push([`discard ${at} ${length}`, (disk) => disk.discard(at, length)]);
    } else deeds.push(['flush', (disk) => disk.flush()]);
  }
  return deeds;
}

/** An image with something in it already, the second copy of it, and what it needs. */
function prepare(shape: Shape, random: Random, folder: string) {
  const theirs = join(folder, 'theirs.qcow2');
  const ours = join(folder, 'ours.qcow2');
  const data = 'data_file' in shape.options ? join(folder, 'data.raw') : undefined;
  let below: Uint8Array | undefined;
  if (shape.below !== undefined) {
    below = Uint8Array.from({ length: shape.below }, (_, i) => 1 + (((i >> 9) * 31 + i) % 251));
    writeFileSync(join(folder, 'below.raw'), below);
  }
  create(theirs, 'qcow2', shape.size, {
    options: { ...shape.options, ...(data ? { data_file: data } : {}) },
    ...(below ? { backing: { file: join(folder, 'below.raw'), format: 'raw' } } : {}),
  });
  const cluster = Number(shape.options['cluster_size'] ?? 64 * KIB);
  if (random.chance(0.6))
    io(theirs, 'qcow2', [
      `write -P 9 ${2 * cluster} ${random.int(1, Math.min(3 * cluster, shape.size - 2 * cluster))}`,
    ]);
  if (shape.snapshots && random.chance(0.5)) snapshot(theirs, 's');
  copyFileSync(theirs, ours);
  return { theirs, ours, data, below };
}

describeWithQemu('a qcow2 writer beside qemu-io', () => {
  it.each(SHAPES)('leaves the same file: $name', (shape) => {
    for (const seed of seeds(2)) {
      withSeed(seed, () => {
        const random = new Random(seed);
        const { theirs, ours, data, below } = prepare(shape, random, quickFolder());
        const deeds = randomDeeds(shape, random);
        const device = new MemoryDevice(readFileSync(ours));
        const dataDevice = data === undefined ? undefined : new MemoryDevice(readFileSync(data));
        const chain = below ? [rawDriver.open(new MemoryDevice(below), { name: 'below' })] : [];
        const context = { name: ours, openExternal: () => dataDevice };
        const disk = runRequest(openForWriting(qcow2Driver, device, context, chain));
        for (const [, request] of deeds) runRequest(request(disk));
        runRequest(disk.close());
        // Discards reach the format and no further: holes in the file would be the file system's.
        const node = `driver=qcow2,discard=unmap,file.driver=file,file.discard=ignore,file.filename=${theirs}`;
        const more =
          data === undefined ? '' : `,data-file.driver=file,data-file.discard=ignore,data-file.filename=${data}`;
        const ran = run('qemu-io', ['-d', 'unmap', '--image-opts', ...deeds.flatMap(([c]) => ['-c', c]), node + more]);
        expect(ran.status, describeRun(ran)).toBe(0);
        const what = deeds.map(([command]) => command).join('\n');
        expect(firstDifference(device.bytes(), readFileSync(theirs)), what).toBe(-1);
        if (dataDevice && data) expect(firstDifference(dataDevice.bytes(), readFileSync(data)), what).toBe(-1);
        writeFileSync(ours, device.bytes());
        const checked = check(ours, 'qcow2');
        expect(checked.verdict, `${what}\n${describeRun(checked.ran)}`).toBe('clean');
        judged();
      });
    }
  });
});

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? Math.min(a.length, b.length) : at;
}
