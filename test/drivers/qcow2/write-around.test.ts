/**
 * Compressed clusters, sizes, VM state and encryption, in random order among plain writes: beside real qemu-io on a twin
 * of each image.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runRequest } from '../../../src/device/events.ts';
import { FileDevice } from '../../../src/device/file.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import { relabelLuks } from '../../support/luks.ts';
import { create, createLuks, describeWithQemu, io, qemuImg, run, snapshot, suiteFolder } from '../../support/qemu.ts';
import { pieces, Random, SEED, seeds, withSeed } from '../../support/random.ts';
import { type Deed, expectTwins, openOurs, qemuIo, type Twins, twinsOf } from './twins.ts';

interface Shape {
  readonly name: string;
  readonly options: Readonly<Record<string, string | number>>;
  /** Bytes. */
  readonly size: number;
  readonly compresses?: boolean;
  readonly backing?: number;
  readonly data?: boolean;
  readonly crypt?: 'luks' | 'aes';
}

const KIB = 1024;

const SHAPES: readonly Shape[] = [
  { name: '512', options: { cluster_size: 512 }, size: 60 * KIB, compresses: true },
  { name: '4k', options: { cluster_size: 4096 }, size: 1000 * KIB, compresses: true },
  { name: '64k', options: {}, size: 1_000_448, compresses: true },
  { name: '2m', options: { cluster_size: 2 * KIB * KIB }, size: 9 * KIB * KIB, compresses: true },
  { name: 'v2', options: { cluster_size: 4096, compat: '0.10' }, size: 300 * KIB, compresses: true },
  { name: 'one bit', options: { cluster_size: 4096, refcount_bits: 1 }, size: 300 * KIB, compresses: true },
  { name: '64 bits', options: { cluster_size: 512, refcount_bits: 64 }, size: 60 * KIB, compresses: true },
  { name: 'zstd', options: { cluster_size: 4096, compression_type: 'zstd' }, size: 300 * KIB, compresses: true },
  { name: 'zstd 64k', options: { compression_type: 'zstd' }, size: 1500 * KIB, compresses: true },
  { name: 'extended', options: { cluster_size: 16 * KIB, extended_l2: 'on' }, size: 500 * KIB, compresses: true },
  { name: 'backing', options: { cluster_size: 4096 }, size: 100 * KIB + 512, backing: 150 * KIB, compresses: true },
  { name: 'extended backing', options: { extended_l2: 'on' }, size: 700 * KIB, backing: 1500 * KIB },
  { name: 'v2 backing', options: { cluster_size: 4096, compat: '0.10' }, size: 100 * KIB, backing: 90 * KIB },
  { name: 'data file', options: { cluster_size: 4096 }, size: 300 * KIB, data: true, compresses: true },
  { name: 'raw data file', options: { cluster_size: 4096, data_file_raw: 'on' }, size: 300 * KIB, data: true },
  { name: 'lazy', options: { cluster_size: 4096, lazy_refcounts: 'on' }, size: 300 * KIB, compresses: true },
  { name: 'luks', options: {}, size: 900 * KIB, crypt: 'luks', compresses: true },
  { name: 'aes', options: { cluster_size: 4096 }, size: 300 * KIB, crypt: 'aes', compresses: true },
];

/** Sizes are kept below this many times the first one. */
const GROWS_TO = 3;

function randomDeeds(shape: Shape, random: Random): Deed[] {
  const cluster = Number(shape.options['cluster_size'] ?? 64 * KIB);
  let size = shape.size;
  const anywhere = (): { at: number; length: number } => {
    const at = random.int(0, size - 1);
    return { at, length: Math.min(size - at, random.pick([1, 511, 512, cluster - 1, cluster, 3 * cluster + 100])) };
  };
  const clusters = (): { at: number; length: number } => {
    const count = Math.ceil(size / cluster);
    const first = random.int(0, count - 1);
    const at = first * cluster;
    return { at, length: Math.min(size - at, random.int(1, 3) * cluster) };
  };
  const fill = (): number => random.int(1, 255);
  const sizes = (): number => {
    const most = shape.size * GROWS_TO;
    const near = Math.max(0, Math.min(most, size + random.int(-3, 3) * random.pick([512, cluster])));
    const wanted = random.pick([near, random.int(0, most), size]);
    return wanted - (wanted % 512);
  };
  const deeds: Deed[] = [];
  for (let count = random.int(6, 18); count > 0; count--) {
    const kind = random.int(0, 99);
    if (size === 0 || kind < 16) {
      // Preallocated, an encrypted disk reads as noise with QEMU, and a compressed last cluster with subclusters is lost.
      const how =
        shape.crypt || shape.options['extended_l2']
          ? 'off'
          : random.pick(['off', 'off', 'metadata', 'falloc', 'full'] as const);
      const to = size === 0 ? shape.size : sizes();
      const refused = to < size && how !== 'off';
      deeds.push({ do: 'truncate', size: to, how });
      const v2Zeros = shape.options['compat'] === '0.10' && shape.backing && to > size && shape.backing > size;
      if (!refused && !(v2Zeros && how !== 'falloc' && how !== 'full')) size = to;
    } else if (kind < 40) deeds.push({ do: 'write', ...anywhere(), fill: fill() });
    else if (kind < 65) deeds.push({ do: shape.compresses ? 'compress' : 'write', ...clusters(), fill: fill() });
    else if (kind < 72) deeds.push({ do: 'zero', ...anywhere() });
    else if (kind < 80) deeds.push({ do: 'unmap', ...clusters() });
    else if (kind < 88) deeds.push({ do: 'discard', ...clusters() });
    else if (kind < 94) {
      const at = random.int(0, 8) * 512;
      deeds.push({ do: 'vmstate', at, length: random.int(1, 20) * 512, fill: fill() });
    } else deeds.push({ do: 'reopen' });
  }
  return deeds;
}

describeWithQemu('what surrounds plain writes', () => {
  const folder = suiteFolder();
  const luks = join(folder, 'luks.qcow2');

  beforeAll(() => {
    createLuks(luks, String(900 * KIB));
    relabelLuks(luks, { mode: 'cbc-essiv:sha256', keyBytes: 32, hash: 'sha256' }, 'geheim', new Random(SEED));
  }, 120_000);

  function make(shape: Shape, name: string, random: Random): Twins {
    const path = join(folder, `${name.replaceAll(' ', '-')}.qcow2`);
    const passphrase = shape.crypt ? 'geheim' : undefined;
    if (shape.crypt === 'luks') copyFileSync(luks, path);
    else if (shape.crypt === 'aes') {
      const options = `encrypt.format=aes,encrypt.key-secret=s,cluster_size=${shape.options['cluster_size']}`;
      const secret = ['--object', 'secret,id=s,data=geheim'];
      qemuImg('create', '-q', '-f', 'qcow2', ...secret, '-o', options, path, String(shape.size));
    } else if (shape.backing) {
      const file = join(folder, `${name.replaceAll(' ', '-')}-backing.qcow2`);
      create(file, 'qcow2', shape.backing);
      io(file, 'qcow2', [`write -P 0xbb 0 ${shape.backing}`]);
      create(path, 'qcow2', shape.size, { options: shape.options, backing: { file, format: 'qcow2' } });
      const image = Qcow2Image.open(new FileDevice(file), { name: file });
      return twinsOf(path, { backing: { file, image } });
    } else if (shape.data) {
      const data = path.replace('.qcow2', '.data');
      create(path, 'qcow2', shape.size, { options: { ...shape.options, data_file: data } });
      const ours = path.replace('.qcow2', '-ours.data');
      copyFileSync(data, ours);
      return twinsOf(path, { data: [data, ours] });
    } else create(path, 'qcow2', shape.size, { options: shape.options });
    // Some images have a past: shared clusters.
    const shares = shape.options['refcount_bits'] !== 1 && !shape.crypt;
    if (shares && random.int(0, 2) === 0) {
      io(path, 'qcow2', [`write -P 0x77 0 ${shape.size >> 1}`]);
      snapshot(path, 's');
    }
    return twinsOf(path, { passphrase });
  }

  const runs = SHAPES.flatMap((shape, i) => seeds(2).map((seed) => ({ shape, seed: seed * 100 + i })));
  it.each(pieces(runs, 9))('as qemu-io does it (%#)', (...some) => {
    for (const { shape, seed } of some) {
      withSeed(seed, () => {
        const random = new Random(seed);
        const twins = make(shape, `${shape.name}-${seed}`, random);
        expectTwins(twins, randomDeeds(shape, random));
      });
    }
  });

  it('keeps the VM state where QEMU looks for it', () => {
    const path = join(folder, 'vm.qcow2');
    create(path, 'qcow2', '1M', { options: { cluster_size: 4096 } });
    const twins = twinsOf(path);
    const { disk, close } = openOurs(twins);
    runRequest(disk.writeVmState(512, new Uint8Array(20_000 - 32).fill(5)));
    const back = new Uint8Array(1024);
    runRequest(disk.readVmState(0, back));
    expect([...new Set(back.subarray(0, 512))]).toEqual([0]);
    expect([...new Set(back.subarray(512))]).toEqual([5]);
    close();
    const ran = qemuIo(twins, false, ['read -b -P 0 0 512', 'read -b -P 5 512 19968']);
    expect(ran.status, ran.stdout).toBe(0);
    expect(run('qemu-img', ['check', '-q', twins.ours]).status).toBe(0);
  });
});
