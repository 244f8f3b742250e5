/** Images for twins: all formats, cluster sizes, refcount widths and features that qemu-img can make. */
import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, io, qemuImg } from '../../support/qemu.ts';
import type { Random } from '../../support/random.ts';

export interface Recipe {
  readonly format: 'raw' | 'qcow2' | 'qed';
  /** Bytes. */
  readonly size: number;
  readonly clusterSize: number;
  readonly options: Readonly<Record<string, string | number>>;
  readonly backing?: { readonly format: 'raw' | 'qcow2'; readonly size: number };
  readonly hasDataFile: boolean;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export function recipe(random: Random): Recipe {
  const kind = random.int(0, 9);
  if (kind === 0) return raw(random);
  if (kind <= 2) return qed(random);
  return qcow2(random);
}

function raw(random: Random): Recipe {
  const size = random.pick([0, 512, 1000, 4096, 65_536, MIB, MIB + 512, 3 * MIB + 77]);
  return { format: 'raw', size, clusterSize: 65_536, options: {}, hasDataFile: false };
}

/** Tables of one cluster are left out: QEMU makes such images and then refuses them. */
function qed(random: Random): Recipe {
  const clusterSize = random.pick([4, 4, 16, 64, 64, 256]) * KIB;
  const size = random.pick([512, 40 * KIB, MIB, 4 * MIB + 512, 9 * MIB, 300 * MIB]);
  const options = { cluster_size: clusterSize, table_size: random.pick([2, 2, 4, 16]) };
  return { format: 'qed', size, clusterSize, options, hasDataFile: false, backing: backing(random, size) };
}

function qcow2(random: Random): Recipe {
  const bits = random.pick([9, 9, 10, 12, 12, 14, 16, 16, 16, 18, 21]);
  const clusterSize = 2 ** bits;
  const isV2 = random.int(0, 5) === 0;
  const size = random.pick([0, 512, 10 * clusterSize, 33 * clusterSize + 512, MIB, 4 * MIB, 64 * MIB, 300 * MIB]);
  const options: Record<string, string | number> = { cluster_size: clusterSize, compat: isV2 ? '0.10' : '1.1' };
  let hasDataFile = false;
  if (!isV2) {
    options['refcount_bits'] = random.pick([16, 16, 1, 2, 4, 8, 32, 64]);
    if (random.int(0, 4) === 0 && options['refcount_bits'] === 16) options['lazy_refcounts'] = 'on';
    if (bits >= 14 && random.int(0, 2) === 0) options['extended_l2'] = 'on';
    if (random.int(0, 4) === 0) options['compression_type'] = 'zstd';
    if (random.int(0, 6) === 0) hasDataFile = true;
  }
  return {
    format: 'qcow2',
    size,
    clusterSize,
    options,
    hasDataFile,
    backing: hasDataFile ? undefined : backing(random, size),
  };
}

function backing(random: Random, size: number): Recipe['backing'] {
  if (random.int(0, 2) > 0) return undefined;
  const shape = random.int(0, 3);
  const its = shape === 0 ? Math.floor(size / 1024) * 512 : shape === 1 ? size + 64 * KIB : Math.min(size, 2 * MIB);
  return { format: random.pick(['raw', 'qcow2'] as const), size: Math.max(512, its - (its % 512)) };
}

/** Makes image `name` and what it needs in `folder`; the names inside it are relative. */
export function make(folder: string, name: string, made: Recipe, random: Random): void {
  const path = join(folder, name);
  const options: Record<string, string | number> = { ...made.options };
  const { backing: below } = made;
  if (below) {
    const base = join(folder, `${name}.base`);
    create(base, below.format, below.size);
    const commands = Array.from({ length: 4 }, () => {
      const offset = random.int(0, Math.max(0, Math.floor(below.size / 512) - 1)) * 512;
      const length = Math.min(random.pick([512, 4096, 65_536, 200_000]), below.size - offset);
      return `write -q -P ${random.int(1, 255)} ${offset} ${length}`;
    });
    io(base, below.format, commands);
  }
  if (made.hasDataFile) options['data_file'] = `${name}.data`;
  const list = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  const args = ['create', '-q', '-f', made.format];
  if (list.length > 0) args.push('-o', list.join(','));
  if (made.backing) args.push('-u', '-b', `${name}.base`, '-F', made.backing.format);
  if (made.format === 'raw') writeFileSync(path, new Uint8Array(made.size));
  else if (made.hasDataFile) inFolder(folder, [...args, name, String(made.size)]);
  else qemuImg(...args, path, String(made.size));
}

/** qemu-img takes a data file's name as it stands: relative to where it runs. */
function inFolder(folder: string, args: readonly string[]): void {
  const before = process.cwd();
  process.chdir(folder);
  try {
    qemuImg(...args);
  } finally {
    process.chdir(before);
  }
}

/** Copies image `name` and what belongs to it. */
export function copy(from: string, to: string, name: string): void {
  for (const file of readdirSync(from)) {
    if (file === name || file.startsWith(`${name}.`)) copyFileSync(join(from, file), join(to, file));
  }
  if (!existsSync(join(to, name))) throw new Error(`${name} was not made`);
}
