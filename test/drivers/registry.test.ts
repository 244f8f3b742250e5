/** Probing as QEMU does it, and names. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { MemoryDevice } from '../../src/device/memory.ts';
import { DRIVERS, driverNamed, probe } from '../../src/drivers/registry.ts';
import { describeWithQemu, judged, qemuImg, testFolder } from '../support/qemu.ts';

const HEADS: readonly (readonly [string, readonly number[], string])[] = [
  ['nothing', [], 'raw'],
  ['zeros', [0, 0, 0, 0], 'raw'],
  ['qed', [0x51, 0x45, 0x44, 0], 'qed'],
  ['qed, one byte short', [0x51, 0x45, 0x44], 'qed'],
  ['qed spelled wrong', [0x51, 0x45, 0x44, 1], 'raw'],
  ['qcow2 version 2', [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 2], 'qcow2'],
  ['qcow2 version 3', [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3], 'qcow2'],
  ['qcow2 version 77', [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 77], 'qcow2'],
];

describe('probing', () => {
  for (const [name, bytes, format] of HEADS) {
    test(`${name}: ${format}`, () => {
      expect(probe(new MemoryDevice(Uint8Array.from(bytes))).name).toBe(format);
    });
  }

  test('scores are those of QEMU: 100 for a magic, 1 for raw', () => {
    const head = new Uint8Array(512);
    head.set([0x51, 0x45, 0x44, 0]);
    expect(DRIVERS.map((d) => [d.name, d.probe(head, 512)])).toEqual([
      ['qcow2', 0],
      ['qed', 100],
      ['raw', 1],
    ]);
  });
});

test('names: each driver by its own, and a list for any other', () => {
  for (const driver of DRIVERS) expect(driverNamed(driver.name)).toBe(driver);
  expect(() => driverNamed('vmdk')).toThrow(
    expect.objectContaining({ code: 'unknown-format', message: expect.stringContaining('qcow2, qed, raw') }),
  );
});

test('declared layouts have names of their own', () => {
  const names = DRIVERS.flatMap((d) => [...d.entries, ...d.layouts.map((l) => ({ name: `${l.name}+${l.size}` }))]);
  const seen = names.map((l) => l.name);
  expect(new Set(seen).size).toBe(seen.length);
});

describeWithQemu('probing against qemu', () => {
  it('the same answer for the same bytes', () => {
    const path = join(testFolder(), 'image');
    for (const format of ['qcow2', 'qed', 'raw']) {
      qemuImg('create', '-q', '-f', format, path, '1M');
      const told = JSON.parse(qemuImg('info', '--output=json', path).stdout) as { format: string };
      const head = Buffer.alloc(512);
      head.set(
        told.format === 'raw' ? [] : format === 'qed' ? Buffer.from('QED\0') : Buffer.from('514649fb00000003', 'hex'),
      );
      expect(probe(new MemoryDevice(head)).name).toBe(told.format);
      judged();
    }
    writeFileSync(path, '');
    const told = JSON.parse(qemuImg('info', '--output=json', path).stdout) as { format: string };
    expect(probe(new MemoryDevice(0)).name).toBe(told.format);
  });
});
