/**
 * check against qemu-img check on images that real QEMU made with what random images seldom have (every refcount
 * width, subclusters, snapshots that share compressed clusters, bitmaps, a LUKS header), and on each of them with a few
 * words of its tables overwritten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CheckReport } from '../../../src/drivers/finding.ts';
import { ImageError } from '../../../src/errors.ts';
import {
  addBitmap,
  check,
  create,
  createLuks,
  describeRun,
  describeWithQemu,
  io,
  judged,
  qemuImg,
  snapshot,
  testFolder,
} from '../../support/qemu.ts';
import { Random, SEED, seeds, withSeed } from '../../support/random.ts';
import { checkBytes } from './small-image.ts';

const DATA = ['write -P1 0 20k', 'write -P2 100k 7k', 'write -P3 50k 3k', 'write -z 60k 2k'];

/** Makes one image at `path`. */
const RECIPES: Readonly<Record<string, (path: string) => void>> = {
  ...Object.fromEntries(
    [1, 2, 4, 8, 16, 32, 64].map((bits) => [
      `refcounts of ${bits} bits`,
      (path: string) => {
        create(path, 'qcow2', '256k', { options: { cluster_size: 512, refcount_bits: bits } });
        io(path, 'qcow2', DATA);
      },
    ]),
  ),
  'version 2 with a snapshot': (path) => {
    create(path, 'qcow2', '1M', { options: { cluster_size: 4096, compat: '0.10' } });
    io(path, 'qcow2', DATA);
    snapshot(path, 'a');
    io(path, 'qcow2', ['write 8k 8k']);
  },
  'subclusters with a snapshot': (path) => {
    create(path, 'qcow2', '1M', { options: { cluster_size: 16384, extended_l2: 'on' } });
    io(path, 'qcow2', DATA);
    snapshot(path, 'a');
    io(path, 'qcow2', ['write 0 512', 'write -z 32k 2k']);
  },
  'compressed clusters in a snapshot': (path) => {
    create(path, 'qcow2', '1M', { options: { cluster_size: 4096 } });
    io(path, 'qcow2', ['write -c -P7 0 40k', ...DATA.slice(1)]);
    snapshot(path, 'a');
    snapshot(path, 'b');
    io(path, 'qcow2', ['write 0 8k']);
  },
  bitmaps: (path) => {
    create(path, 'qcow2', '4M', { options: { cluster_size: 4096 } });
    addBitmap(path, 'fine', '512');
    addBitmap(path, 'coarse');
    io(path, 'qcow2', DATA);
  },
};

function counters(report: CheckReport): Record<string, number> {
  return {
    corruptions: report.corruptions,
    leaks: report.leaks,
    'check-errors': report.checkErrors,
    'total-clusters': report.totalClusters,
    'allocated-clusters': report.allocatedClusters,
    'fragmented-clusters': report.fragmentedClusters,
    'compressed-clusters': report.compressedClusters,
    'image-end-offset': report.imageEndOffset ?? 0,
  };
}

function expectSame(path: string, file: Buffer, why: string): void {
  const oracle = check(path, 'qcow2');
  judged();
  let report: CheckReport;
  try {
    report = checkBytes(file);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    expect(oracle.counters, `${why}\n${error.message}\n${describeRun(oracle.ran)}`).toBeUndefined();
    return;
  }
  const found = report.findings.map((f) => `${f.code} ${f.qemuCount ?? 1}: ${f.what}`).join('\n');
  const context = `${why}\n${describeRun(oracle.ran)}\nours:\n${found}`;
  if (oracle.counters === undefined) {
    // QEMU gave the check up; we do not.
    expect(report.corruptions + report.checkErrors, context).toBeGreaterThan(0);
    return;
  }
  const ours = counters(report);
  const theirs = Object.fromEntries(Object.keys(ours).map((key) => [key, oracle.counters?.[key as 'leaks'] ?? 0]));
  expect(ours, context).toEqual(theirs);
}

/** Overwrites words of the tables, or cuts the file. */
function spoil(random: Random, file: Buffer): { file: Buffer; said: string } {
  const c = 2 ** file.readUInt32BE(20);
  const tables = [40, 48, 64].map((field) => Number(file.readBigUInt64BE(field)));
  const starts = [...tables, Number(file.readBigUInt64BE(tables[1] as number))];
  for (let i = 0; i < 8; i++)
    starts.push(Number(file.readBigUInt64BE((tables[0] as number) + 8 * i) & 0xff_ffff_ffff_fe00n));
  const said: string[] = [];
  for (let i = random.int(1, 4); i > 0; i--) {
    const at = random.pick(starts.filter((start) => start > 0)) + 8 * random.int(0, Math.min(40, c / 8 - 1));
    if (at + 8 > file.length) continue;
    const old = file.readBigUInt64BE(at);
    const cluster = BigInt(random.int(0, Math.ceil(file.length / c) + 1) * c);
    const value = random.pick([
      0n,
      1n,
      old ^ (1n << BigInt(random.int(0, 63))),
      cluster,
      cluster | (1n << 63n),
      cluster + 512n,
    ]);
    file.writeBigUInt64BE(value, at);
    said.push(`0x${at.toString(16)}: 0x${old.toString(16)} -> 0x${value.toString(16)}`);
  }
  const cut = random.chance(0.15) ? random.int(1, 2 * c) : 0;
  return { file: Buffer.from(file.subarray(0, file.length - cut)), said: `${said.join('\n')}\ncut off ${cut} bytes` };
}

describeWithQemu('check of special images equals qemu-img check', () => {
  it.each(Object.entries(RECIPES))('%s', (_name, make) => {
    const folder = testFolder();
    const path = join(folder, 'image.qcow2');
    make(path);
    const good = readFileSync(path);
    expectSame(path, good, 'as made');
    for (const seed of seeds(12)) {
      withSeed(seed, () => {
        const { file, said } = spoil(new Random(seed * 7919 + SEED), Buffer.from(good));
        const spoiled = join(folder, 'spoiled.qcow2');
        writeFileSync(spoiled, file);
        expectSame(spoiled, file, said);
      });
    }
  });

  it('a LUKS header is counted', () => {
    const path = join(testFolder(), 'luks.qcow2');
    const secret = ['--object', 'secret,id=s,data=platter'];
    createLuks(path, '1M');
    const oracle = qemuImg(
      'check',
      '--output=json',
      ...secret,
      '--image-opts',
      `driver=qcow2,file.filename=${path},encrypt.key-secret=s`,
    );
    judged();
    const theirs = JSON.parse(oracle.stdout) as Record<string, number>;
    expect(checkBytes(readFileSync(path))).toMatchObject({
      findingCount: 0,
      imageEndOffset: theirs['image-end-offset'],
      totalClusters: theirs['total-clusters'],
    });
  });
});
