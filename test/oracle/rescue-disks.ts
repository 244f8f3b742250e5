/**
 * Disks with real partition tables and file systems, made by real programs: small, and the same in every run but for
 * some times, and what mkntfs makes up.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '../../src/device/memory.ts';
import { requiresQemu } from '../support/qemu.ts';
import { Random, SEED } from '../support/random.ts';

interface Kind {
  readonly name: string;
  readonly table: 'gpt' | 'mbr' | 'none';
  readonly fs: 'ext4' | 'ext2' | 'fat32' | 'fat16' | 'ntfs';
  readonly megabytes: number;
}

export const DISKS: readonly Kind[] = [
  { name: 'GPT, ext4', table: 'gpt', fs: 'ext4', megabytes: 160 },
  { name: 'GPT, FAT32', table: 'gpt', fs: 'fat32', megabytes: 96 },
  { name: 'GPT, NTFS', table: 'gpt', fs: 'ntfs', megabytes: 96 },
  { name: 'MBR, FAT16', table: 'mbr', fs: 'fat16', megabytes: 64 },
  { name: 'ext4 alone', table: 'none', fs: 'ext4', megabytes: 128 },
  { name: 'ext2 alone', table: 'none', fs: 'ext2', megabytes: 64 },
];

const TOOLS = ['mkfs.ext4', 'mkfs.vfat', 'mkntfs', 'ntfscp', 'mcopy', 'sgdisk'];
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

function tool(name: string, args: readonly string[], input?: string): void {
  const env = { ...process.env, PATH, MTOOLS_SKIP_CHECK: '1', LC_ALL: 'C', E2FSPROGS_FAKE_TIME: '1700000000' };
  const done = spawnSync(name, args, { env, input, encoding: 'utf8', timeout: 60_000 });
  if (done.error || done.status !== 0) throw new Error(`${name} ${args.join(' ')}: ${done.error ?? done.stderr}`);
}

/** Programs that are not there; none may be missing in CI. */
export function missingTools(): string[] {
  const missing = TOOLS.filter((name) => spawnSync('which', [name], { env: { ...process.env, PATH } }).status !== 0);
  if (missing.length > 0 && requiresQemu) throw new Error(`rescue needs ${missing.join(', ')} here: see .ci/run`);
  return missing;
}

/** Files of many sizes, in folders, of bytes that no two have alike. */
function tree(folder: string): string[] {
  const random = new Random(SEED);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.int(0, 255));
  mkdirSync(join(folder, 'tree/a/b'), { recursive: true });
  const files: string[] = [];
  const put = (path: string, content: Uint8Array | string): void => {
    writeFileSync(join(folder, 'tree', path), content);
    files.push(join(folder, 'tree', path));
  };
  for (let i = 1; i <= 40; i++) put(`a/f${i}`, bytes(i * 1777));
  for (let i = 1; i <= 3; i++) put(`big${i}`, bytes(1_500_000 + i * 300_000));
  for (let i = 1; i <= 100; i++) put(`a/b/a-name-that-is-somewhat-longer-${i}`, 'hello\n');
  return files;
}

const IDENTIFIER = '7d5f0c3e-58a1-4b7e-9d42-3c1f6a0b9e21';
const SAME_EXT = ['-U', IDENTIFIER, '-E', `hash_seed=${IDENTIFIER}`];

/** The disk, in memory. */
export function makeDisk(folder: string, { table, fs, megabytes }: Kind): MemoryDevice {
  rmSync(join(folder, 'tree'), { recursive: true, force: true });
  const files = tree(folder);
  const part = join(folder, 'part.raw');
  const first = table === 'none' ? 0 : 2048;
  const sectors = megabytes * 2048 - first - (table === 'gpt' ? 33 : 0);
  sized(part, sectors * 512);
  if (fs === 'ext4') tool('mkfs.ext4', [...SAME_EXT, '-q', '-F', '-b', '4096', '-d', join(folder, 'tree'), part]);
  if (fs === 'ext2')
    tool('mkfs.ext4', [...SAME_EXT, '-q', '-F', '-t', 'ext2', '-b', '1024', '-d', join(folder, 'tree'), part]);
  if (fs === 'fat32' || fs === 'fat16') {
    tool('mkfs.vfat', ['-F', fs.slice(3), '-i', '12345678', part]);
    tool('mcopy', [
      '-s',
      '-i',
      part,
      ...['a', 'big1', 'big2', 'big3'].map((name) => join(folder, 'tree', name)),
      '::/',
    ]);
  }
  if (fs === 'ntfs') {
    tool('mkntfs', ['-Q', '-F', '-q', part]);
    for (const file of files.slice(0, 43)) tool('ntfscp', ['-f', '-q', part, file, file.split('/').at(-1) as string]);
  }
  const disk = new MemoryDevice(megabytes * 2 ** 20, 'disk');
  if (table === 'gpt') {
    const whole = join(folder, 'whole.raw');
    sized(whole, megabytes * 2 ** 20);
    tool('sgdisk', ['-n', '1:2048:0', '-u', `1:${IDENTIFIER}`, '-U', IDENTIFIER, whole]);
    putSparse(disk, readFileSync(whole), 0);
  }
  if (table === 'mbr') disk.write(0, mbr(first, sectors));
  putSparse(disk, readFileSync(part), first * 512);
  return disk;
}

function sized(path: string, length: number): void {
  rmSync(path, { force: true });
  const file = openSync(path, 'w');
  ftruncateSync(file, length);
  closeSync(file);
}

const BLOCK = 65_536;
const ZEROS = Buffer.alloc(BLOCK);

function putSparse(disk: MemoryDevice, bytes: Buffer, at: number): void {
  for (let from = 0; from < bytes.length; from += BLOCK) {
    const block = bytes.subarray(from, from + BLOCK);
    if (!block.equals(ZEROS.subarray(0, block.length))) disk.write(at + from, block);
  }
}

function mbr(first: number, sectors: number): Uint8Array {
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  bytes[446 + 4] = 0x0e;
  view.setUint32(446 + 8, first, true);
  view.setUint32(446 + 12, sectors, true);
  view.setUint16(510, 0xaa55, true);
  return bytes;
}

/**
 * The order in which a guest writes: small things first, then large files one after the other, in any order. Clusters of a
 * large file follow each other.
 */
export function guestOrder(clusterSize: number): (clusters: readonly number[]) => readonly number[] {
  return (clusters) => {
    const random = new Random(SEED);
    const runs: number[][] = [];
    for (const cluster of clusters) {
      const last = runs.at(-1);
      if (last && last.at(-1) === cluster - 1) last.push(cluster);
      else runs.push([cluster]);
    }
    const isLarge = (run: readonly number[]): boolean => run.length * clusterSize >= 2 ** 18;
    const large = runs.filter(isLarge);
    for (let i = large.length - 1; i > 0; i--) {
      const j = random.int(0, i);
      [large[i], large[j]] = [large[j] as number[], large[i] as number[]];
    }
    return [...runs.filter((run) => !isLarge(run)), ...large].flat();
  };
}
