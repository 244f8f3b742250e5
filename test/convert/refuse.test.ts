/** What stands in the way of a conversion: each feature named with what lifts it, all at once, and nothing written. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { type ConversionRequest, type ConversionResult, convertInPlace } from '../../src/convert/convert.ts';
import { FileDevice } from '../../src/device/file.ts';
import { driverNamed, probe } from '../../src/drivers/registry.ts';
import { ImageError, Refusal } from '../../src/errors.ts';
import { create, describeWithQemu, io, judged, qemuImg, run, testFolder } from '../support/qemu.ts';

const SAMPLES = join(import.meta.dirname, '../../sample-images');

function convert(path: string, format: string, request: ConversionRequest = {}): ConversionResult {
  const file = new FileDevice(path);
  try {
    const image = probe(file).open(file, { name: path });
    return runToEnd(convertInPlace(file, image, driverNamed(format), request));
  } finally {
    file.close();
  }
}

/** The codes of all reasons; the file must be what it was. */
function refusal(path: string, format: string, request: ConversionRequest = {}): string[] {
  const before = hash(path);
  try {
    convert(path, format, request);
  } catch (error) {
    expect(hash(path)).toBe(before);
    if (!(error instanceof Refusal)) throw error;
    for (const { what, lift } of error.reasons) expect(what.length * lift.length).toBeGreaterThan(0);
    return error.reasons.map(({ code }) => code);
  }
  throw new Error(`${path} was converted to ${format}`);
}

function hash(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function copyOf(sample: string): string {
  const path = join(testFolder(), sample);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(join(SAMPLES, sample), path);
  return path;
}

describe('features a target cannot represent', () => {
  it.each([
    ['snapshots.qcow2', ['snapshots', 'vm-state']],
    ['bitmaps.qcow2', ['bitmaps']],
    ['zlib.qcow2', ['compressed']],
    ['zstd.qcow2', ['compressed']],
    ['data-file.qcow2', ['data-file']],
    ['aes.qcow2', ['encryption']],
  ])('%s: %j, for every target', (sample, codes) => {
    for (const format of ['qcow2', 'qed']) {
      const found = refusal(copyOf(sample), format);
      expect(found.filter((code) => !['cluster-size'].includes(code)).toSorted()).toEqual(codes.toSorted());
    }
  });

  it('corruption, with the first findings', () => {
    const path = copyOf('plain.qcow2');
    truncateSync(path, 20_000);
    expect(refusal(path, 'qed')).toContain('not-clean');
  });

  it('a format that is no target yet', () => {
    expect(() => convert(copyOf('plain.qcow2'), 'raw')).toThrow(expect.objectContaining({ code: 'no-target' }));
  });
});

describe('limits of the target', () => {
  it.each([
    ['start.qcow2', 'qcow2', { cluster_size: '64k' }, 'alignment'],
    ['start.qcow2', 'qed', { cluster_size: '64k' }, 'alignment'],
    ['start.qcow2', 'qcow2', { compat: '0.10', refcount_bits: '1' }, 'refcount-bits'],
    ['zero.qcow2', 'qcow2', { compat: '0.10' }, 'zero-over-backing'],
    ['refcount1.qcow2', 'qed', {}, 'cluster-size'],
  ])('%s to %s %j: %s', (sample, format, options, code) => {
    expect(refusal(copyOf(sample), format, { options })).toContain(code);
  });

  it.each([
    [{ cluster_size: '3000' }, 'bad-option-value'],
    [{ compat: '9' }, 'bad-option-value'],
    [{ refcount_bits: '3' }, 'bad-option-value'],
    [{ speed: 'high' }, 'unknown-option'],
  ])('%j is %s', (options, code) => {
    const convertIt = (): unknown => convert(copyOf('plain.qcow2'), 'qcow2', { options });
    expect(convertIt).toThrow(ImageError);
    expect(convertIt).toThrow(expect.objectContaining({ code }));
  });
});

describeWithQemu('with real images', () => {
  it('clusters that two guest ranges share, though the image checks clean', () => {
    const path = join(testFolder(), 'shared.qcow2');
    create(path, 'qcow2', '64M');
    io(path, 'qcow2', ['write -P 1 0 128k']);
    const bytes = readFileSync(path);
    // Both entries without COPIED, one refcount of 2: legal, and what other programs' deduplication makes.
    bytes.writeBigUInt64BE(0x50000n, 0x40000);
    bytes.writeBigUInt64BE(0x50000n, 0x40008);
    bytes.writeUInt16BE(2, 0x20000 + 2 * 5);
    bytes.writeUInt16BE(0, 0x20000 + 2 * 6);
    writeFileSync(path, bytes);
    expect(run('qemu-img', ['check', '-q', '-f', 'qcow2', path]).status).toBe(0);
    judged();
    expect(refusal(path, 'qed')).toEqual(['shared-clusters']);
    expect(refusal(path, 'qcow2')).toEqual(['shared-clusters']);
  });

  it('a backing file name too long for the first sector finds a place behind it', () => {
    const folder = testFolder();
    const name = `${'b'.repeat(200)}/${'c'.repeat(200)}/${'d'.repeat(195)}.raw`;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    create(join(folder, name), 'raw', '1M');
    io(join(folder, name), 'raw', ['write -P 9 0 1M']);
    const path = join(folder, 'top.img');
    create(path, 'qed', '2M', { backing: { file: name, format: 'raw' } });
    io(path, 'qed', ['write -P 5 512k 64k']);
    const original = `${path}.original`;
    copyFileSync(path, original);
    for (const format of ['qcow2', 'qed', 'qcow2']) {
      convert(path, format);
      qemuImg('check', '-q', '-f', format, path);
      qemuImg('compare', '-q', '-f', format, '-F', 'qed', path, original);
      judged(2);
    }
    expect(refusal(path, 'qcow2', { options: { cluster_size: '512' } })).toEqual(['backing-name']);
  });
});
