/** Each way an image can be broken, the class of answer it gets, and what real QEMU does with it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runToEnd } from '../../../src/bytes/progress.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { QedImage } from '../../../src/drivers/qed/image.ts';
import { type FaultClass, ImageError } from '../../../src/errors.ts';
import { check, create, describeWithQemu, io, judged, suiteFolder } from '../../support/qemu.ts';

type Patch = readonly [offset: number, value: number | bigint, size?: 4 | 8];

interface Case {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Bytes off the end. */
  readonly cut?: number;
  readonly class: FaultClass | readonly FaultClass[];
  /** 'refused' at open, or the exit status of check. */
  readonly answer: 'refused' | 0 | 2 | 3;
  /** Where QEMU answers something else, and rightly so: the specification allows what it refuses. */
  readonly qemu?: 'refused';
}

const refused = (name: string, cls: Case['class'], ...patches: Patch[]): Case => ({
  name,
  patches,
  class: cls,
  answer: 'refused',
});

const L1 = 0x10000;
const L2 = 0x150000;
const RAW: Patch = [0, 0x0058_4551];

const CASES: readonly Case[] = [
  refused('magic', 'magic', RAW),
  ...[2048, 65537, 128 * 2 ** 20, 0].map((v) => refused(`cluster_size ${v}`, 'range', [4, v])),
  ...[0, 3, 32].map((v) => refused(`table_size ${v}`, 'range', [8, v])),
  { name: 'table_size 1', patches: [[8, 1]], class: 'unsupported', answer: 3, qemu: 'refused' },
  { name: 'header_size 0', patches: [[12, 0]], class: 'range', answer: 3 },
  refused('header_size 2 covers the L1 table', 'overlap', [12, 2]),
  refused('header_size 65536 needs more than 32 bits', 'range', [12, 65536]),
  refused('unknown feature bit 3', 'unsupported', [16, 8, 8]),
  refused('unknown feature bit 63', 'unsupported', [16, 1n << 63n, 8]),
  { name: 'need check', patches: [[16, 2, 8]], class: 'dirty', answer: 0 },
  refused('l1_table_offset 0', 'overlap', [40, 0, 8]),
  refused('l1_table_offset unaligned', 'align', [40, 0x10001, 8]),
  refused('l1_table_offset 2^63', 'eof', [40, 1n << 63n, 8]),
  refused('l1_table_offset 2^64 - 65536', 'eof', [40, (1n << 64n) - 65536n, 8]),
  refused('l1_table_offset in the last clusters', 'eof', [40, 0x180000, 8]),
  refused('image_size 64 MiB + 1', 'size', [48, 64 * 2 ** 20 + 1, 8]),
  refused('image_size 2^46 + 512', 'size', [48, 2 ** 46 + 512, 8]),
  refused('backing name ends behind the header area', 'range', [16, 1, 8], [56, 65530], [60, 10]),
  refused('backing name of 5000 bytes', 'range', [16, 1, 8], [56, 64], [60, 5000]),
  {
    name: 'backing bit, empty name',
    patches: [
      [16, 1, 8],
      [60, 0],
    ],
    class: 'consistency',
    answer: 0,
  },
  { name: 'L1 entry unaligned', patches: [[L1, L2 + 512, 8]], class: 'align', answer: 2 },
  { name: 'L1 entry 2^40', patches: [[L1, 2 ** 40, 8]], class: 'eof', answer: 2 },
  { name: 'L1 entry in the last cluster', patches: [[L1, 0x190000, 8]], class: 'eof', answer: 2 },
  { name: 'L1 entry 1', patches: [[L1, 1, 8]], class: 'align', answer: 2 },
  { name: 'L1 entry points to the L1 table', patches: [[L1, L1, 8]], class: 'overlap', answer: 2 },
  { name: 'L1 entries share a table', patches: [[L1 + 8, L2, 8]], class: 'dup', answer: 2 },
  { name: 'L2 entry unaligned', patches: [[L2, 0x60200, 8]], class: 'align', answer: 2 },
  { name: 'L2 entry 2', patches: [[L2, 2, 8]], class: 'align', answer: 2 },
  { name: 'L2 entry 0x8000', patches: [[L2, 0x8000, 8]], class: 'align', answer: 2 },
  { name: 'L2 entry 2^40', patches: [[L2, 2 ** 40, 8]], class: 'eof', answer: 2 },
  { name: 'L2 entry 2^53 + 512', patches: [[L2, (1n << 53n) + 512n, 8]], class: 'align', answer: 2 },
  { name: 'L2 entry 2^64 - 1', patches: [[L2, (1n << 64n) - 1n, 8]], class: ['align', 'eof'], answer: 2 },
  { name: 'L2 entry points to the L1 table', patches: [[L2, L1, 8]], class: 'overlap', answer: 2 },
  { name: 'the file ends 512 bytes early', patches: [], cut: 512, class: 'eof', answer: 2 },
];

describeWithQemu('broken qed images', () => {
  const folder = suiteFolder();
  const path = join(folder, 'base.qed');
  let base: Buffer | undefined;

  const bytesOf = (broken: Case): Buffer => {
    if (!base) {
      create(path, 'qed', '64M');
      io(path, 'qed', ['write -q -P 0x11 0 1M', 'write -q -P 0x22 8M 64k', 'write -q -z 16M 1M']);
      base = readFileSync(path);
      expect(base.readBigUInt64LE(L1)).toBe(BigInt(L2));
    }
    const bytes = Buffer.from(base.subarray(0, base.length - (broken.cut ?? 0)));
    for (const [offset, value, size] of broken.patches) {
      if (size === 8) bytes.writeBigUInt64LE(BigInt(value), offset);
      else bytes.writeUInt32LE(Number(value), offset);
    }
    return bytes;
  };

  for (const broken of CASES) {
    it(broken.name, () => {
      const bytes = bytesOf(broken);
      writeFileSync(path, bytes);
      const classes = [broken.class].flat();
      if (broken.answer === 'refused') {
        let thrown: unknown;
        try {
          QedImage.open(new MemoryDevice(bytes));
        } catch (error) {
          thrown = error;
        }
        if (!(thrown instanceof ImageError)) throw new Error(`not refused: ${String(thrown)}`);
        expect(classes).toContain(thrown.class);
        expect(thrown.code).toMatch(/^qed-[a-z0-9-]+$/);
        expect(thrown.where?.path).toMatch(/^header\./);
      } else {
        const report = runToEnd(QedImage.open(new MemoryDevice(bytes)).check());
        const exit = report.corruptions > 0 ? 2 : report.leaks > 0 ? 3 : 0;
        expect(exit).toBe(broken.answer);
        expect(report.findings.some((f) => classes.includes(f.class))).toBe(true);
      }
      const theirs = check(path, 'qed').status;
      expect(theirs).toBe((broken.qemu ?? broken.answer) === 'refused' ? 1 : broken.answer);
      judged();
    });
  }
});
