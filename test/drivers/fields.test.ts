/** Named fields of every sample: what is shown can be set, setting touches the field's bits only, and places agree. */
import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/bytes/field.ts';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Image, Region } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { Random } from '../support/random.ts';
import { samples } from '../support/samples.ts';

const ALL = samples(true);
const STRUCTURED = ALL.filter(({ image }) => image.format !== 'raw');

/** Every field of the image, some thousand at most. */
function allFields(image: Image): Field[] {
  const roots = image.fieldNames('').map((name) => name.replace(/[.[]$/, ''));
  const inSnapshots = [...image.info().snapshots.keys()].flatMap((i) => [`snapshot[${i}].l1`, `snapshot[${i}].l2`]);
  const inBitmaps = image.fieldNames('bitmap[').map((name) => `${name}table`);
  return [...roots, ...inSnapshots, ...inBitmaps].flatMap((name) => [...image.fieldList(name, 400).fields]);
}

const cut = (bytes: Uint8Array, { offset, size }: Field): Uint8Array => {
  const own = new Uint8Array(size);
  own.set(bytes.subarray(offset, offset + size));
  return own;
};

/** A value that such a field can have, as text, and as the number it is. */
function valueFor(field: Field, bits: number, random: Random): { text: string; value: bigint } {
  const wide = (BigInt(random.int(0, 2 ** 32 - 1)) << 32n) | BigInt(random.int(0, 2 ** 32 - 1));
  const value = BigInt.asUintN(bits, wide >> BigInt(random.int(0, 63)));
  const flag = field.parts?.find(({ name, text }) => /^[a-z_]+$/.test(name) && /^[01]$/.test(text));
  if (!flag || random.chance(0.5))
    return { text: random.chance(0.5) ? `0x${value.toString(16)}` : String(value), value };
  return { text: flag.name, value: -1n };
}

describe('fields of the samples', () => {
  it.each(STRUCTURED)('$name: each is set to what it shows, and no byte changes', ({ image, bytes }) => {
    const fields = allFields(image);
    expect(fields.length).toBeGreaterThan(10);
    expect(new Set(fields.map(({ path }) => path)).size).toBe(fields.length);
    for (const field of fields) {
      expect(image.field(field.path)).toEqual(field);
      if (field.text.includes('…')) continue;
      const write = image.encodeField(field.path, field.text);
      expect({ path: field.path, ...write, bytes: Buffer.from(write.bytes).toString('hex') }).toEqual({
        path: field.path,
        offset: field.offset,
        bytes: Buffer.from(cut(bytes, field)).toString('hex'),
      });
    }
  });

  it.each(STRUCTURED)('$name: any value, set, is shown again; neighbours in the same byte stay', (sample) => {
    const { image, bytes } = sample;
    const random = new Random(7);
    const width = Number(image.info().specific['refcount-bits'] ?? 0);
    const numbers = allFields(image).filter(
      ({ path, text, parts }) =>
        parts || (/^(0x[0-9a-f]+|\d+)( \(.*\))?$/.test(text) && !/(padding|data|id)$/.test(path)),
    );
    for (let i = 0; i < 200; i++) {
      const field = random.pick(numbers);
      const { path } = field;
      const bits = path.startsWith('refcount[') ? width : Math.min(field.size, 8) * 8;
      const { text, value } = valueFor(field, bits, random);
      // Opened on the old bytes: the new ones need not open.
      const device = new MemoryDevice(new Uint8Array(bytes), 'twin');
      const twin = driverNamed(image.format).open(device, { name: 'twin' });
      const region = regionAt(image, field.offset);
      const around = (): Map<string, string> =>
        new Map(
          twin
            .fields(region, field.offset, field.offset + field.size)
            // Tables that snapshots share have two paths.
            .filter((f) => path.startsWith('refcount[') || f.offset !== field.offset)
            .map((f) => [f.path, f.text]),
        );
      const before = around();
      const write = twin.encodeField(path, text);
      expect(write).toMatchObject({ offset: field.offset });
      expect(write.bytes).toHaveLength(field.size);
      device.write(write.offset, write.bytes);
      const after = twin.field(path);
      if (value >= 0n && field.size <= 8) expect({ path, value: numberOf(twin, after) }).toEqual({ path, value });
      const again = twin.encodeField(path, after.text);
      expect(Buffer.from(again.bytes).equals(write.bytes)).toBe(true);
      for (const [other, was] of before) if (other !== path) expect(around().get(other)).toBe(was);
    }
  });

  it.each(ALL)('$name: the fields of each region lie in it, and are those of their paths', ({ image }) => {
    for (const region of image.regions()) {
      const end = region.offset + Math.min(region.length, 4096);
      const found = image.fields(region, region.offset, end);
      let at = 0;
      for (const field of found) {
        expect(field.offset + field.size).toBeGreaterThan(region.offset);
        expect(field.offset).toBeLessThan(end);
        expect(field.offset).toBeGreaterThanOrEqual(at);
        at = field.offset;
      }
      for (const field of found.slice(0, 50)) expect(image.field(field.path)).toEqual(field);
      if (region.role === 'data' || region.role === 'free') expect(found).toEqual([]);
      else if (STRUCTURED_ROLES.has(region.role)) expect(found.length).toBeGreaterThan(0);
    }
  });
});

const STRUCTURED_ROLES = new Set([
  'header',
  'l1',
  'l2',
  'refcount-table',
  'refcount-block',
  'snapshot-table',
  'snapshot-l1',
  'snapshot-l2',
  'bitmap-directory',
  'bitmap-table',
]);

function regionAt(image: Image, offset: number): Region {
  for (const region of image.regions()) {
    if (region.offset <= offset && offset < region.offset + region.length) return region;
  }
  return { offset, length: 1, role: 'free' };
}

/** The number a field of at most eight bytes holds, from its bytes. */
function numberOf(image: Image, { path, offset, size }: Field): bigint {
  const { device, format } = image;
  const own = readBytes(device, offset, size);
  const width = Number(image.info().specific['refcount-bits']);
  const value = [...(format === 'qed' ? own.reverse() : own)].reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  if (!path.startsWith('refcount[') || width >= 8) return value;
  const shift = (Number(/\d+/.exec(path)?.[0]) * width) % 8;
  return BigInt.asUintN(width, value >> BigInt(shift));
}
