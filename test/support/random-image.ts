/**
 * Random qcow2 and QED images, made by real qemu-img and qemu-io from a seed: sizes that are no multiple of the
 * cluster, all cluster sizes and refcount widths, zero clusters, discards, fragmentation, backing files.
 *
 *  1. The same seed and wish give the same guest contents and the same layout.
 *  2. A `convertible` image holds nothing that the other format (or its other version) cannot represent.
 *  3. At most a few MiB of data, few processes: about 50 ms an image.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { addBitmap, create, io, snapshot } from './qemu.ts';
import { Random } from './random.ts';

export interface Wish {
  readonly format: 'qcow2' | 'qed';
  readonly folder: string;
  /** Nothing that stands in the way of an in-place conversion to the other format. */
  readonly convertible?: boolean;
}

export interface RandomImage {
  readonly path: string;
  readonly format: 'qcow2' | 'qed';
  readonly seed: number;
  /** Guest bytes. */
  readonly size: number;
  readonly clusterSize: number;
  readonly backing?: { readonly path: string; readonly format: string };
  readonly dataFile?: string;
  /** What was asked of QEMU, for a failing test's message. */
  readonly description: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export function randomImage(seed: number, wish: Wish): RandomImage {
  const random = new Random(seed * 2 + (wish.format === 'qed' ? 1 : 0));
  return wish.format === 'qed' ? randomQed(random, seed, wish) : randomQcow2(random, seed, wish);
}

function randomQcow2(random: Random, seed: number, wish: Wish): RandomImage {
  const convertible = wish.convertible ?? false;
  // QED clusters are at least 4 KiB: smaller qcow2 clusters cannot become one.
  const clusterBits = random.chance(0.5) ? random.int(convertible ? 12 : 9, 14) : random.int(15, 21);
  const clusterSize = 2 ** clusterBits;
  const options: Record<string, string | number> = { cluster_size: clusterSize };
  const v2 = random.chance(0.2);
  options['compat'] = v2 ? '0.10' : '1.1';
  if (!v2) {
    options['refcount_bits'] = random.pick([1, 2, 4, 8, 16, 16, 32, 64]);
    if (random.chance(0.2)) options['lazy_refcounts'] = 'on';
    // Subclusters of at least 4 KiB, where the target must be able to map each alone.
    if (clusterBits >= (convertible ? 17 : 14) && random.chance(0.3)) options['extended_l2'] = 'on';
  }
  const entrySize = options['extended_l2'] ? 16 : 8;
  const size = randomSize(random, clusterSize, (clusterSize / entrySize) * clusterSize);
  const dataFile = !convertible && !v2 && random.chance(0.08) ? join(wish.folder, `data-${seed}.raw`) : undefined;
  if (dataFile) options['data_file'] = dataFile;
  const backing = !dataFile && random.chance(0.35) ? backingFile(random, seed, wish.folder, size) : undefined;
  if (!backing && size <= 64 * MIB && size / clusterSize < 4096 && random.chance(0.15)) {
    options['preallocation'] = random.pick(['metadata', 'falloc']);
  }
  const path = join(wish.folder, `random-${seed}.qcow2`);
  create(path, 'qcow2', size, { options, backing: backing && { file: backing.path, format: backing.format } });

  const compressed = !convertible && !dataFile && random.chance(0.25);
  // A snapshot adds one to every count, and compressed clusters that share a host cluster have raised it already.
  const bits = Number(options['refcount_bits'] ?? 16);
  const rounds = !convertible && !dataFile && bits >= (compressed ? 16 : 4) && random.chance(0.2) ? 2 : 1;
  const script: string[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round > 0) snapshot(path, `s${round}`);
    const commands = randomCommands(random, size, clusterSize, { zero: true, discard: true, compressed });
    if (rounds > 1 && random.chance(0.5)) commands.push(`write -q -b -P 0x77 0 ${random.int(1, 8) * 512}`);
    io(path, 'qcow2', commands, { discard: random.chance(0.5), mayFail: true });
    script.push(...commands);
  }
  if (!convertible && !v2 && rounds === 1 && size > 0 && random.chance(0.1)) {
    addBitmap(path, 'b0', '64k');
    const commands = randomCommands(random, size, clusterSize, { zero: true, discard: false, compressed: false });
    io(path, 'qcow2', commands, { mayFail: true });
    script.push('(bitmap added)', ...commands);
  }
  const description = `qcow2 ${size} bytes, ${text(options)}${backingText(backing)}, ${rounds - 1} snapshots\n  ${script.join('\n  ')}`;
  return { path, format: 'qcow2', seed, size, clusterSize, backing, dataFile, description };
}

function randomQed(random: Random, seed: number, wish: Wish): RandomImage {
  const clusterSize = 2 ** (random.chance(0.6) ? random.int(12, 14) : random.int(15, 20));
  // A table of 4 MiB at most: QEMU writes whole tables.
  const tableSize = random.pick([2, 4, 8, 16].filter((n) => n * clusterSize <= 4 * MIB));
  const options = { cluster_size: clusterSize, table_size: tableSize };
  const perTable = ((clusterSize * tableSize) / 8) * clusterSize;
  const size = randomSize(random, clusterSize, perTable);
  const backing = random.chance(0.35) ? backingFile(random, seed, wish.folder, size) : undefined;
  const path = join(wish.folder, `random-${seed}.qed`);
  create(path, 'qed', size, { options, backing: backing && { file: backing.path, format: backing.format } });
  const commands = randomCommands(random, size, clusterSize, { zero: true, discard: false, compressed: false });
  io(path, 'qed', commands, { mayFail: true });
  const description = `qed ${size} bytes, ${text(options)}${backingText(backing)}\n  ${commands.join('\n  ')}`;
  return { path, format: 'qed', seed, size, clusterSize, backing, description };
}

/**
 * A few clusters, a few tables, or something odd; always a multiple of 512. Below 4 GiB: `qemu-img map` aborts on a
 * QED table that covers more and is nearly empty.
 */
function randomSize(random: Random, clusterSize: number, bytesPerTable: number): number {
  const clusters = random.int(1, 300) * clusterSize;
  const tables = bytesPerTable * random.int(1, 4) + random.int(0, 20) * clusterSize;
  const wanted = random.chance(0.6) ? clusters : tables;
  const odd = random.chance(0.5) ? random.int(0, clusterSize / 512) * 512 : 0;
  return Math.max(512, Math.min(wanted + odd, 3 * 1024 * MIB - 512));
}

/** Raw or qcow2, shorter or longer than the image or as long, at most 3 MiB of data. */
function backingFile(random: Random, seed: number, folder: string, size: number): { path: string; format: string } {
  const length = Math.max(512, Math.floor((size * random.pick([0.3, 0.9, 1, 1, 1.5])) / 512) * 512);
  if (random.chance(0.5)) {
    const path = join(folder, `backing-${seed}.raw`);
    const fd = openSync(path, 'w');
    ftruncateSync(fd, length);
    for (let i = 0; i < 6; i++) {
      const at = random.int(0, Math.floor((length - 1) / 4096)) * 4096;
      writeSync(fd, new Uint8Array(Math.min(random.int(1, 64) * 4096, length - at)).fill(0xb0 + i), 0, undefined, at);
    }
    closeSync(fd);
    return { path, format: 'raw' };
  }
  const path = join(folder, `backing-${seed}.qcow2`);
  create(path, 'qcow2', length, { options: { cluster_size: random.pick([4096, 65536]) } });
  const writes = Array.from({ length: 6 }, (_, i) => {
    const at = random.int(0, Math.floor((length - 512) / 512)) * 512;
    return `write -q -P ${0xb0 + i} ${at} ${Math.min(random.int(1, 256) * 512, length - at)}`;
  });
  io(path, 'qcow2', writes);
  return { path, format: 'qcow2' };
}

interface Ops {
  readonly zero: boolean;
  readonly discard: boolean;
  readonly compressed: boolean;
}

/** Writes in random order round a few hot spots, so that neighbours meet, overwrite each other and fragment. */
function randomCommands(random: Random, size: number, clusterSize: number, ops: Ops): string[] {
  const clusters = Math.ceil(size / clusterSize);
  const spots = Array.from({ length: random.int(1, 4) }, () => random.int(0, clusters - 1));
  spots.push(0, clusters - 1);
  // Bytes that the file grows by, roughly: large clusters are few.
  const budget = Math.max(clusterSize * 8, Math.min(3 * MIB, clusterSize * 48));
  const commands: string[] = [];
  let written = 0;
  for (let i = random.int(2, 40); i > 0 && written < budget; i--) {
    const cluster = Math.max(0, Math.min(clusters - 1, random.pick(spots) + random.int(-6, 6)));
    const aligned = random.chance(0.6);
    const at = Math.min(cluster * clusterSize + (aligned ? 0 : random.int(0, clusterSize / 512 - 1) * 512), size - 512);
    const most = clusterSize <= 64 * KIB ? clusterSize * 5 : clusterSize;
    const length = aligned ? clusterSize * random.int(1, most > clusterSize ? 5 : 1) : random.int(1, most / 512) * 512;
    const bytes = Math.min(length, size - at);
    const pattern = random.int(1, 255);
    const kind = random.next();
    if (ops.compressed && kind < 0.4) {
      const start = cluster * clusterSize;
      commands.push(`write -q -c -P ${pattern} ${start} ${Math.min(clusterSize, size - start)}`);
    } else if (ops.discard && kind < 0.1) commands.push(`discard -q ${at} ${bytes}`);
    else if (ops.zero && kind < 0.22) commands.push(`write -q -z ${at} ${bytes}`);
    else if (ops.zero && kind < 0.34) commands.push(`write -q -z -u ${at} ${bytes}`);
    else {
      commands.push(`write -q -P ${pattern} ${at} ${bytes}`);
      written += Math.max(bytes, clusterSize);
    }
  }
  return commands;
}

function text(options: Readonly<Record<string, string | number>>): string {
  return Object.entries(options)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function backingText(backing: { readonly path: string; readonly format: string } | undefined): string {
  return backing ? `, backing ${backing.format}` : '';
}
