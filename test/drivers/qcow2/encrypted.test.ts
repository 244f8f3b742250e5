/** Encrypted qcow2 images: what Platter reads of them is what QEMU reads. */
import { createCipheriv } from 'node:crypto';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FileDevice } from '../../../src/device/file.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { readGuest } from '../../../src/drivers/guest-io.ts';
import { SectorModes } from '../../../src/drivers/qcow2/crypto/modes.ts';
import { luksOf, unlock } from '../../../src/drivers/qcow2/crypto/unlock.ts';
import { readHeader } from '../../../src/drivers/qcow2/header.ts';
import { Qcow2Image } from '../../../src/drivers/qcow2/image.ts';
import { ImageError } from '../../../src/errors.ts';
import { type LuksLook, relabelLuks } from '../../support/luks.ts';
import { createLuks, describeWithQemu, info, judged, qemuImg, run, suiteFolder } from '../../support/qemu.ts';
import { Random, SEED } from '../../support/random.ts';

const SIZE = 4 * 1024 * 1024;

const LOOKS: readonly LuksLook[] = [
  { mode: 'xts-plain64', keyBytes: 64, hash: 'sha256' },
  { mode: 'xts-plain64', keyBytes: 32, hash: 'sha1' },
  { mode: 'xts-plain', keyBytes: 48, hash: 'sha512' },
  { mode: 'cbc-essiv:sha256', keyBytes: 32, hash: 'sha256' },
  { mode: 'cbc-essiv:sha256', keyBytes: 16, hash: 'ripemd160' },
  { mode: 'cbc-plain64', keyBytes: 16, hash: 'sha224' },
  { mode: 'cbc-plain', keyBytes: 32, hash: 'sha384' },
  { mode: 'ctr-plain64', keyBytes: 32, hash: 'md5' },
  { mode: 'ecb-plain64', keyBytes: 16, hash: 'sha256' },
];

const io = (path: string, passphrase: string, commands: readonly string[], more: readonly string[] = []) =>
  run('qemu-io', [
    ...['--object', `secret,id=s,data=${passphrase}`, ...more, '--image-opts'],
    ...commands.flatMap((c) => ['-c', c]),
    `driver=qcow2,file.filename=${path},encrypt.key-secret=s`,
  ]);

/** The guest's bytes as `read -v` shows them. */
function dumped(stdout: string): number[] {
  const rows = stdout.matchAll(/^[0-9a-f]{8,}: {2}((?:[0-9a-f]{2} )+)/gm);
  return [...rows].flatMap(([, row]) =>
    (row as string)
      .trim()
      .split(' ')
      .map((byte) => Number.parseInt(byte, 16)),
  );
}

const WRITES = [
  'write -P 0x11 0 200k',
  'write -P 0x5a 70001 3000',
  'write -z 1M 64k',
  'write -c -P 0x33 2M 64k',
  'write -P 7 4194000 304',
];

function fill(path: string, passphrase: string): void {
  const ran = io(path, passphrase, WRITES);
  expect(ran.stdout.match(/^wrote/gm), ran.stderr).toHaveLength(WRITES.length);
}

/** Every range that may differ in how it is stored, at odd places, beside QEMU's own read. */
function expectSame(path: string, passphrase: string): void {
  const device = new FileDevice(path);
  const image = Qcow2Image.open(device, { name: path, passphrase: Buffer.from(passphrase) });
  const ranges = [
    [0, 700],
    [69_900, 3400],
    [131_071, 2],
    [204_500, 600],
    [1_048_570, 20],
    [2_097_150, 1030],
    [4_193_900, 404],
  ];
  const ran = io(
    path,
    passphrase,
    ranges.map(([offset, length]) => `read -v ${offset} ${length}`),
    ['-r'],
  );
  const ours = (ranges as [number, number][]).flatMap(([offset, length]) => {
    const bytes = new Uint8Array(length);
    readGuest(image, offset, bytes);
    return [...bytes];
  });
  expect(ours, ran.stderr).toEqual(dumped(ran.stdout));
  device.close();
  judged();
}

describe('sectors', () => {
  it.each([16, 32])('are what node makes of them, %i byte keys', (bytes) => {
    const random = new Random(SEED);
    const noise = (length: number) => Uint8Array.from({ length }, () => random.int(0, 255));
    for (const mode of ['xts', 'cbc', 'ctr', 'ecb'] as const) {
      const key = noise(mode === 'xts' ? bytes * 2 : bytes);
      const plain = noise(512 * 5);
      // Above 2^32, so that both halves of the number count.
      const first = 0xffff_fffe;
      const expected = Buffer.concat(
        [0, 1, 2, 3, 4].map((i) => {
          const iv = Buffer.alloc(16);
          iv.writeBigUInt64LE(BigInt(first + i));
          const cipher = createCipheriv(`aes-${bytes * 8}-${mode}`, key, mode === 'ecb' ? null : iv);
          cipher.setAutoPadding(false);
          return cipher.update(plain.subarray(i * 512, i * 512 + 512));
        }),
      );
      const modes = new SectorModes(mode, key, { kind: 'plain64' });
      // At every place in a larger array: words need not lie on a multiple of 4.
      for (const shift of [0, 1]) {
        const bytesAt = new Uint8Array(plain.length + shift).subarray(shift);
        bytesAt.set(plain);
        modes.encrypt(first, bytesAt);
        expect(Buffer.compare(bytesAt, expected), mode).toBe(0);
        modes.decrypt(first, bytesAt);
        expect(Buffer.compare(bytesAt, plain), mode).toBe(0);
      }
    }
  });
});

describeWithQemu('encrypted images', () => {
  const folder = suiteFolder();
  const made = join(folder, 'made.qcow2');

  beforeAll(() => {
    createLuks(made, String(SIZE));
  }, 120_000);

  it('reads what QEMU made and wrote', () => {
    const path = join(folder, 'own.qcow2');
    copyFileSync(made, path);
    fill(path, 'platter');
    expectSame(path, 'platter');
  });

  it.each(LOOKS)('reads $mode with keys of $keyBytes bytes and $hash', (look) => {
    const random = new Random(SEED);
    const path = join(folder, `${look.mode.replace(':', '-')}-${look.keyBytes}.qcow2`);
    copyFileSync(made, path);
    relabelLuks(path, look, 'geheim', random, random.int(0, 7));
    fill(path, 'geheim');
    expectSame(path, 'geheim');
  });

  it.each(LOOKS)('tells of $mode with keys of $keyBytes bytes what qemu-img tells', (look) => {
    const path = join(folder, 'told.qcow2');
    copyFileSync(made, path);
    relabelLuks(path, look, 'geheim', new Random(SEED), 3);
    const image = Qcow2Image.open(new FileDevice(path), { name: path });
    expect(image.info().specific['encrypt']).toEqual(info(path, 'qcow2')['format-specific']?.data['encrypt']);
  });

  it('reads the old AES', () => {
    for (const passphrase of ['short', 'a passphrase longer than sixteen bytes']) {
      const path = join(folder, `aes-${passphrase.length}.qcow2`);
      const options = 'encrypt.format=aes,encrypt.key-secret=s';
      qemuImg('create', '-q', '-f', 'qcow2', '--object', `secret,id=s,data=${passphrase}`, '-o', options, path, '4M');
      fill(path, passphrase);
      expectSame(path, passphrase);
    }
  });

  it('refuses a wrong passphrase, what it does not know, and what would take for ever', () => {
    const bytes = new Uint8Array(readFileSync(made));
    const device = new MemoryDevice(bytes);
    const header = readHeader(device);
    const luks = luksOf(device, header);
    const codeOf = (change: (file: Uint8Array) => void, passphrase = 'platter'): string | undefined => {
      const copy = bytes.slice();
      change(copy);
      try {
        unlock(new MemoryDevice(copy), header, Buffer.from(passphrase));
      } catch (error) {
        if (error instanceof ImageError) return error.code;
        throw error;
      }
      return undefined;
    };
    const put =
      (at: number, ...values: number[]) =>
      (file: Uint8Array) =>
        file.set(values, luks.offset + at);
    expect(codeOf(() => {})).toBeUndefined();
    expect(codeOf(() => {}, 'plattes')).toBe('wrong-passphrase');
    expect(codeOf(put(4096, 1, 2, 3))).toBe('wrong-passphrase');
    expect(codeOf(put(0, 0))).toBe('luks-magic');
    expect(codeOf(put(8, ...Buffer.from('serpent\0')))).toBe('luks-unsupported');
    expect(codeOf(put(40, ...Buffer.from('xts-random\0')))).toBe('luks-unsupported');
    expect(codeOf(put(164, 0xff))).toBe('luks-range');
    expect(codeOf(put(208 + 4, 0xff))).toBe('luks-range');
    expect(codeOf(put(208 + 40, 0, 0, 0, 1))).toBe('luks-consistency');
    expect(codeOf(put(108, 0, 0, 0, 33))).toBe('luks-unsupported');
  });

  it('opens without a passphrase, and says what it lacks where data are read', () => {
    const path = join(folder, 'own.qcow2');
    const image = Qcow2Image.open(new FileDevice(path), { name: path });
    expect(() => readGuest(image, 0, new Uint8Array(1))).toThrow(/no passphrase was given/);
  });
});
