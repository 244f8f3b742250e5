/** What a driver refuses can still be named, shown and set, whatever the header says; and nothing is taken for free. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { Ranges } from '../../src/bytes/ranges.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Driver, Image } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { openLeniently } from '../../src/session/refusal.ts';
import { SAMPLE_FOLDER } from '../support/samples.ts';

const READS_AT_MOST = 4 * 1024 * 1024;

/** Counts what is read in one go, and is never written. */
class Bounded extends MemoryDevice {
  override read(offset: number, target: Uint8Array): void {
    expect(target.length).toBeLessThanOrEqual(READS_AT_MOST);
    super.read(offset, target);
  }
}

function spoilt(name: string, changes: readonly (readonly [number, number])[]): Bounded {
  const bytes = new Uint8Array(readFileSync(join(SAMPLE_FOLDER, name)));
  for (const [at, byte] of changes) bytes[at] = byte;
  return new Bounded(bytes, name);
}

/** Every field listed is found by its path, lies in the file's header, and set to what it shows changes nothing. */
function expectNamed(image: Image): void {
  const { fields } = image.fieldList('header', 200);
  expect(fields.length).toBeGreaterThan(8);
  for (const field of fields) {
    expect(image.field(field.path)).toEqual(field);
    // What is too long to be shown whole cannot be set as shown.
    if (field.text.includes('…')) continue;
    const { offset, bytes } = image.encodeField(field.path, field.text);
    const now = new Uint8Array(bytes.length);
    image.device.read(offset, now);
    expect([...now], field.path).toEqual([...bytes]);
  }
  for (const root of image.fieldNames('')) image.fieldList(root.replace(/[.[]$/, ''), 64);
}

function expectRefused(driver: Driver, device: Bounded): boolean {
  const image = openLeniently(driver, device, { name: device.name });
  if (!image.refused) return false;
  expect(image.refused).toBeInstanceOf(ImageError);
  const { offset, length } = image.refused.where ?? { offset: -1, length: 0 };
  expect(offset).toBeGreaterThanOrEqual(0);
  expect(length).toBeGreaterThan(0);
  expectNamed(image);
  const regions = [...runToEnd(image.ownership())];
  expect(regions.reduce((end, region) => (region.offset === end ? end + region.length : -1), 0)).toBe(device.size);
  expect(regions[0]?.role).toBe('header');
  expect(regions.slice(1).every(({ role }) => role === 'unknown')).toBe(true);
  expect(image.freeRanges(1).total).toBe(0);
  expect([...image.mappings()]).toEqual([]);
  expect(() => image.getMapping(0)).toThrow(image.refused);
  expect(runToEnd(image.structures(Ranges.of([{ offset: 20, length: 1 }])))).toHaveLength(1);
  return true;
}

describe.each([
  ['qcow2', 'start.qcow2', 112],
  ['qcow2', 'bitmaps.qcow2', 160],
  ['qcow2', 'v2.qcow2', 80],
  ['qed', 'zero.qed', 72],
] as const)('%s: %s with a spoilt header', (format, name, bytes) => {
  it('has its fields', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
        if (expectRefused(driverNamed(format), spoilt(name, changes))) refused++;
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(20);
  });
});

describe('the remedy for a lost cluster size', () => {
  it.each([
    ['start.qcow2', 12],
    ['refcount1.qcow2', 9],
    ['subclusters.qcow2', 14],
    ['preallocated.qcow2', 11],
  ])('%s: %i bits, told from the rest of the header', (name, bits) => {
    const image = openLeniently(driverNamed('qcow2'), spoilt(name, [[23, 77]]), { name });
    expect(image.refused?.tryThis).toBe(`set header.cluster_bits ${bits}`);
  });
});
