/**
 * Disks with file systems whose L1 table or L2 tables are gone: what is found, how much of it is right, and what real QEMU's
 * repair leaves. The scores are printed; docs/rescue.md keeps them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Device, readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { qcow2ByHand } from '../support/qcow2-by-hand.ts';
import { describeWithQemu, suiteFolder } from '../support/qemu.ts';
import { Random, SEED } from '../support/random.ts';
import { DISKS, guestOrder, makeDisk, missingTools } from './rescue-disks.ts';
import { places, rescued, SPOILS, tried } from './rescue-support.ts';

const ORDERS = ['front to back', 'as a guest writes'] as const;

interface Score {
  lost: number;
  right: number;
  wrong: number;
  likelyRight: number;
  likelyWrong: number;
}

const missing = missingTools();

describeWithQemu('rescue of disks with file systems', () => {
  const folder = suiteFolder();
  const test = missing.length > 0 ? it.skip : it;
  const disks = new Map<string, MemoryDevice>();

  function disk(kind: (typeof DISKS)[number]): MemoryDevice {
    const made = disks.get(kind.name) ?? makeDisk(folder, kind);
    disks.set(kind.name, made);
    return made;
  }

  function images(clusters: readonly number[]): { name: string; file: MemoryDevice }[] {
    return DISKS.flatMap((kind) =>
      clusters.flatMap((clusterSize) =>
        ORDERS.map((order) => ({
          name: `${kind.name}, clusters of ${clusterSize}, ${order}`,
          file: qcow2ByHand(disk(kind), {
            clusterSize,
            ...(order === ORDERS[1] && { order: guestOrder(clusterSize) }),
          }),
        })),
      ),
    );
  }

  test('a lost L1 table: every disk is what it was', () => {
    const wrong: string[] = [];
    let total = 0;
    let qemu = 0;
    for (const { name, file } of images([4096, 65_536])) {
      const path = join(folder, 'image.qcow2');
      writeFileSync(path, file.bytes());
      const outcome = tried(path, 'qcow2', SPOILS['L1 zeroed'] as (typeof SPOILS)[string]);
      total++;
      if (outcome.qemu === 'fine') qemu++;
      if (outcome.platter !== 'fine' || !outcome.isClean) wrong.push(`${name}: ${outcome.platter}`);
    }
    console.log(`L1 zeroed: ${total - wrong.length} of ${total} disks restored; qemu-img check -r all: ${qemu}`);
    expect(wrong).toEqual([]);
  }, 300_000);

  test('lost L2 tables: what is sure is right', () => {
    const sums = new Map<string, Score>();
    const mistakes: string[] = [];
    for (const [many, all, sizes] of [
      ['one L2 table', false, [4096, 65_536]],
      ['all L2 tables', true, [16_384, 65_536]],
    ] as const) {
      for (const { name, file } of images(sizes)) {
        const score = scored(file, all);
        if (score.wrong > 0) mistakes.push(`${many}: ${name}: ${score.wrong} of ${score.lost}`);
        const key = `${many}, ${ORDERS.find((order) => name.endsWith(order))}`;
        sums.set(key, sum(sums.get(key), score));
      }
    }
    for (const [key, score] of sums) console.log(`${key}: ${words(score)}`);
    expect(mistakes).toEqual([]);
    for (const { lost, right, likelyWrong } of sums.values()) {
      expect(right).toBeGreaterThan(0);
      expect(likelyWrong).toBeLessThan(lost - right - likelyWrong + lost / 5);
    }
  }, 300_000);
});

/** Zeroes L2 tables and compares what is proposed with what they said. */
function scored(file: MemoryDevice, all: boolean): Score {
  const { clusterSize, tables } = places(Buffer.from(readBytes(file, 0, Math.min(file.size, 2 ** 20))));
  const random = new Random(SEED);
  const gone = all ? tables : [random.pick(tables)];
  const spoilt = new MemoryDevice(file.bytes(), 'spoilt');
  const truth = new Map<number, number>();
  for (const table of gone) {
    const index = indexOf(file, table);
    const view = new DataView(readBytes(file, table, clusterSize).buffer);
    for (let slot = 0; slot < clusterSize / 8; slot++) {
      const host = (view.getUint32(slot * 8) & 0x00ff_ffff) * 2 ** 32 + view.getUint32(slot * 8 + 4);
      if (host > 0) truth.set(host, (index * (clusterSize / 8) + slot) * clusterSize);
    }
    spoilt.write(table, new Uint8Array(clusterSize));
  }
  const score: Score = { lost: truth.size, right: 0, wrong: 0, likelyRight: 0, likelyWrong: 0 };
  for (const { part, host = 0, guest = 0, length = 0, confidence } of rescued(spoilt.bytes(), 'qcow2', 'any').findings
    .proposals) {
    for (let at = 0; part === 'l2' && at < length; at += clusterSize) {
      const isRight = truth.get(host + at) === guest + at;
      if (confidence === 'high') score[isRight ? 'right' : 'wrong']++;
      else score[isRight ? 'likelyRight' : 'likelyWrong']++;
    }
  }
  return score;
}

function indexOf(file: Device, table: number): number {
  const header = new DataView(readBytes(file, 0, 104).buffer);
  const l1 = header.getUint32(44);
  const entries = new DataView(readBytes(file, l1, header.getUint32(36) * 8).buffer);
  for (let i = 0; i * 8 < entries.byteLength; i++) if (entries.getUint32(i * 8 + 4) === table) return i;
  throw new Error('no L1 entry leads to the table');
}

function sum(a: Score | undefined, b: Score): Score {
  if (!a) return b;
  return {
    lost: a.lost + b.lost,
    right: a.right + b.right,
    wrong: a.wrong + b.wrong,
    likelyRight: a.likelyRight + b.likelyRight,
    likelyWrong: a.likelyWrong + b.likelyWrong,
  };
}

function words({ lost, right, wrong, likelyRight, likelyWrong }: Score): string {
  const share = (count: number): string => `${((100 * count) / lost).toFixed(1)} %`;
  const left = lost - right - wrong - likelyRight - likelyWrong;
  return (
    `${lost} clusters lost; of high confidence ${share(right)} right, ${share(wrong)} wrong; ` +
    `likely ${share(likelyRight)} right, ${share(likelyWrong)} wrong; left out ${share(left)}`
  );
}
