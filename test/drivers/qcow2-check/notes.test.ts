/** What check says beside faults: oddities of the header, who leads to a contested cluster, and where the file could shrink. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../../src/bytes/progress.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import type { CheckReport } from '../../../src/drivers/finding.ts';
import { probe } from '../../../src/drivers/registry.ts';
import { SAMPLE_FOLDER } from '../../support/samples.ts';
import { AT, COPIED, checkBytes, setRefcount, smallImage } from './small-image.ts';

const C = 512;

/** Header extensions of small images stand right behind the 104 bytes of the header. */
function extensions(file: Buffer, ...list: readonly (readonly [type: number, data: string])[]): void {
  let at = 104;
  for (const [type, data] of list) {
    file.writeUInt32BE(type, at);
    file.writeUInt32BE(data.length, at + 4);
    file.write(data, at + 8, 'latin1');
    at += 8 + Math.ceil(data.length / 8) * 8;
  }
}

function checkSample(name: string, spoil: (file: Buffer) => Uint8Array | undefined): CheckReport {
  const file = readFileSync(join(SAMPLE_FOLDER, name));
  const device = new MemoryDevice(spoil(file) ?? file, name);
  const image = probe(device).open(device, { name });
  return runToEnd(image.check?.() as NonNullable<ReturnType<NonNullable<typeof image.check>>>);
}

const codes = (report: CheckReport): string[] => report.findings.map(({ severity, code }) => `${severity} ${code}`);
const paths = (report: CheckReport, code: string): string[] =>
  (report.findings.find((finding) => finding.code === code)?.references ?? []).map(({ path }) => path as string);

describe('notes of the header', () => {
  it.each<[string, string, (file: Buffer) => void]>([
    ['unknown-compatible-features', 'header.compatible_features', (file) => file.writeUInt32BE(2, 84)],
    ['unknown-autoclear-features', 'header.autoclear_features', (file) => file.writeUInt32BE(8, 92)],
    ['extension-unused', 'extension[0]', (file) => extensions(file, [0xe2792aca, 'raw'])],
    ['extension-unused', 'extension[1]', (file) => extensions(file, [0x12345678, 'x'], [0x44415441, 'disk.raw'])],
    ['feature-name-table-size', 'extension[0]', (file) => extensions(file, [0x6803f857, 'short'])],
    ['extension-dup', 'extension[1]', (file) => extensions(file, [0x6803f857, ''], [0x6803f857, ''])],
  ])('%s at %s', (code, path, spoil) => {
    const file = smallImage();
    spoil(file);
    const { findings } = checkBytes(file);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ code, severity: 'note', where: { path } });
  });

  it('padding that is not zero', () => {
    const report = checkSample('plain.qcow2', (file) => {
      file[107] = 1;
      return undefined;
    });
    expect(codes(report)).toEqual(['note header-padding']);
  });

  it('a backing file beside a raw data file', () => {
    const report = checkSample('data-file.qcow2', (file) => {
      file[95] = 2;
      file.writeBigUInt64BE(0x200n, 8);
      file.writeUInt32BE(4, 16);
      file.write('base', 0x200);
      return undefined;
    });
    expect(codes(report)).toEqual(['note raw-data-file-with-backing']);
  });

  it('a bitmap in use', () => {
    const report = checkSample('bitmaps.qcow2', (file) => {
      file[0x1200f] = 3;
      return undefined;
    });
    expect(codes(report)).toEqual(['note bitmap-in-use']);
    expect(report.findings[0]?.where).toMatchObject({ offset: 0x1200c, path: 'bitmap[0].flags' });
  });

  it('QED: a backing format without a backing file', () => {
    const report = checkSample('plain.qed', (file) => {
      file[16] = 4;
      return undefined;
    });
    expect(codes(report)).toEqual(['note backing-format-unused']);
  });
});

describe('who leads to a contested cluster', () => {
  it('two entries of guest data', () => {
    const file = smallImage();
    file.writeBigUInt64BE(COPIED | BigInt(AT.data * C), AT.l2 * C + 16);
    const report = checkBytes(file);
    expect(paths(report, 'refcount-too-low')).toEqual(['l2[0][0]', 'l2[0][2]']);
  });

  it('a table, what leads to it, and guest data', () => {
    const file = smallImage();
    file.writeBigUInt64BE(COPIED | BigInt(AT.table * C), AT.l2 * C + 16);
    expect(paths(checkBytes(file), 'overlap')).toEqual(['header.refcount_table_offset', 'l2[0][2]']);
  });

  it('an entry far outside costs no time', () => {
    const file = smallImage();
    file.writeBigUInt64BE(2n ** 64n - 512n, AT.table * C + 8);
    setRefcount(file, AT.data, 0n);
    expect(paths(checkBytes(file), 'referenced-but-free')).toEqual(['l2[0][0]']);
  });

  it('QED: data and a table', () => {
    const report = checkSample('plain.qed', (file) => {
      file.writeBigUInt64LE(0x1000n, 0x5010);
      return undefined;
    });
    expect(paths(report, 'cluster-shared')).toEqual(['header.l1_table_offset', 'l2[0][2]']);
  });
});

describe('where the file could shrink', () => {
  it('free clusters inside and at the end, and a leaked one at the end', () => {
    // Twelve clusters, seven of them in use.
    expect(checkBytes(smallImage())).toMatchObject({ freeBytes: 5 * C, leakedBytes: 0, tailBytes: 5 * C });
    const file = smallImage();
    setRefcount(file, 11, 1n);
    expect(checkBytes(file)).toMatchObject({ freeBytes: 4 * C, leakedBytes: C, tailBytes: 5 * C });
    file.writeBigUInt64BE(COPIED | BigInt(10 * C), AT.l2 * C + 16);
    setRefcount(file, 10, 1n);
    expect(checkBytes(file)).toMatchObject({ freeBytes: 3 * C, leakedBytes: C, tailBytes: C });
  });

  it('QED: leaked clusters and a part of one', () => {
    const report = checkSample('plain.qed', (file) => Buffer.concat([file, Buffer.alloc(4096 + 512)]));
    expect(report).toMatchObject({ leakedBytes: 4096, freeBytes: 512, tailBytes: 4096 + 512 });
  });
});
