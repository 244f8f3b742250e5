/**
 * Overwrites a few metadata entries of a good image: tables are found by following the header, in the plainest way,
 * so that the mutation shares no code with what it tests.
 */
import type { Random } from '../support/random.ts';

interface Entry {
  readonly name: string;
  readonly at: number;
}

/** Changes one to three entries in place, and says which. The header is left alone: opening is another test. */
export function mutate(random: Random, format: 'qcow2' | 'qed', file: Buffer): string[] {
  const { entries, clusterSize, refcounts } = format === 'qed' ? qedEntries(file) : qcow2Entries(file);
  const said: string[] = [];
  for (let i = random.int(1, 3); i > 0; i--) {
    if (refcounts.length > 0 && random.chance(0.25)) {
      const block = random.pick(refcounts);
      const at = block + random.int(0, Math.min(64, clusterSize) - 1);
      if (at >= file.length) continue;
      const value = random.int(0, 3);
      said.push(`refcount byte at 0x${at.toString(16)}: ${file[at]} -> ${value}`);
      file[at] = value;
      continue;
    }
    const entry = random.pick(entries);
    if (!entry || entry.at + 8 > file.length) continue;
    const old = format === 'qed' ? file.readBigUInt64LE(entry.at) : file.readBigUInt64BE(entry.at);
    const value = mutated(random, old, BigInt(clusterSize), BigInt(file.length), format, file, entries);
    said.push(`${entry.name} at 0x${entry.at.toString(16)}: 0x${old.toString(16)} -> 0x${value.toString(16)}`);
    if (format === 'qed') file.writeBigUInt64LE(value, entry.at);
    else file.writeBigUInt64BE(value, entry.at);
  }
  return said;
}

function mutated(
  random: Random,
  old: bigint,
  clusterSize: bigint,
  length: bigint,
  format: 'qcow2' | 'qed',
  file: Buffer,
  entries: readonly Entry[],
): bigint {
  const other = random.pick(entries);
  const copied = format === 'qcow2' ? 1n << 63n : 0n;
  return random.pick<() => bigint>([
    () => 0n,
    () => old ^ copied,
    () => old + clusterSize,
    () => old + 512n,
    () => BigInt.asUintN(64, old | (1n << BigInt(random.int(0, 61)))),
    () => (length / clusterSize + BigInt(random.int(0, 4))) * clusterSize,
    () => copied | (BigInt(random.int(0, 6)) * clusterSize),
    () => (format === 'qed' ? file.readBigUInt64LE(other.at) : file.readBigUInt64BE(other.at)),
    () => 1n,
  ])();
}

interface Found {
  readonly entries: Entry[];
  readonly clusterSize: number;
  /** Byte offsets of refcount blocks. */
  readonly refcounts: number[];
}

/** The first entries of each table, used or not: enough to hit every kind. */
const PER_TABLE = 64;

function qcow2Entries(file: Buffer): Found {
  const clusterSize = 2 ** file.readUInt32BE(20);
  const extended = file.readUInt32BE(4) === 3 && (file.readUInt32BE(76) & 16) !== 0;
  const entries: Entry[] = [];
  const refcounts: number[] = [];
  const l1 = Number(file.readBigUInt64BE(40));
  const l1Size = Math.min(file.readUInt32BE(36), PER_TABLE);
  for (let i = 0; i < l1Size; i++) {
    const at = l1 + i * 8;
    entries.push({ name: `l1[${i}]`, at });
    const table = Number(file.readBigUInt64BE(at) & 0x00ff_ffff_ffff_fe00n);
    if (table === 0) continue;
    const size = extended ? 16 : 8;
    for (let j = 0; j < Math.min(PER_TABLE, clusterSize / size) && table + j * size + size <= file.length; j++) {
      entries.push({ name: `l2[${i}][${j}]`, at: table + j * size });
      if (extended) entries.push({ name: `l2[${i}][${j}].bitmap`, at: table + j * size + 8 });
    }
  }
  const table = Number(file.readBigUInt64BE(48));
  for (let i = 0; i < 4 && table + i * 8 + 8 <= file.length; i++) {
    entries.push({ name: `refcount_table[${i}]`, at: table + i * 8 });
    const block = Number(file.readBigUInt64BE(table + i * 8));
    if (block !== 0) refcounts.push(block);
  }
  return { entries, clusterSize, refcounts };
}

function qedEntries(file: Buffer): Found {
  const clusterSize = file.readUInt32LE(4);
  const perTable = Math.min(PER_TABLE, (clusterSize * file.readUInt32LE(8)) / 8);
  const entries: Entry[] = [];
  const l1 = Number(file.readBigUInt64LE(40));
  for (let i = 0; i < Math.min(perTable, 16); i++) {
    entries.push({ name: `l1[${i}]`, at: l1 + i * 8 });
    const table = Number(file.readBigUInt64LE(l1 + i * 8));
    if (table === 0) continue;
    for (let j = 0; j < perTable && table + j * 8 + 8 <= file.length; j++) {
      entries.push({ name: `l2[${i}][${j}]`, at: table + j * 8 });
    }
  }
  return { entries, clusterSize, refcounts: [] };
}
