/** The declaration language: every reader of one declaration agrees with the others and with plain DataView code. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bit, bits, bits64, decodeEntry, hasReservedBits } from '../../src/bytes/bits.ts';
import {
  bytes,
  corrupt,
  decode,
  document,
  flags64,
  patch,
  struct,
  textOf,
  u8,
  u16,
  u32,
  u64,
  validate,
} from '../../src/bytes/struct.ts';

const shape = {
  magic: u32({ equals: 0xfeedface, show: 'hex' }),
  kind: u8({ oneOf: [1, 2, 3] }),
  tag: bytes(3),
  small: u16({ min: 4, max: 900 }),
  pad: bytes(2),
  offset: u64({ multipleOf: 512, points: 'thing' }),
  features: flags64({ dirty: 0, far: 40 }),
};
const Big = struct('test.header', { spec: 'test', endian: 'big' }, shape);
const Little = struct('test.header', { spec: 'test', endian: 'little' }, shape);
const block = fc.uint8Array({ minLength: Big.size, maxLength: Big.size });

describe('struct', () => {
  it('lays fields out in order', () => {
    expect(Big.size).toBe(28);
    expect(Big.at).toEqual({ magic: 0, kind: 4, tag: 5, small: 8, pad: 10, offset: 12, features: 20 });
    expect(struct('tail', { spec: '', endian: 'big', start: 72 }, { a: u64() }).at.a).toBe(72);
  });

  it('decodes as DataView does, in both byte orders, whatever the bytes', () => {
    fc.assert(
      fc.property(block, fc.boolean(), (raw, little) => {
        const view = new DataView(raw.buffer, raw.byteOffset);
        const value = decode(little ? Little : Big, raw);
        expect(value.magic).toBe(view.getUint32(0, little));
        expect(value.small).toBe(view.getUint16(8, little));
        expect(value.offset).toBe(Number(view.getBigUint64(12, little)));
        const features = view.getBigUint64(20, little);
        expect(value.features.dirty).toBe((features & 1n) === 1n);
        expect(value.features.far).toBe(((features >> 40n) & 1n) === 1n);
        const unknown = Array.from({ length: 64 }, (_, i) => i).filter(
          (i) => i !== 0 && i !== 40 && (features >> BigInt(i)) & 1n,
        );
        expect(value.features.unknown).toEqual(unknown);
      }),
    );
  });

  it('patches one field and leaves every other byte alone', () => {
    fc.assert(
      fc.property(block, fc.boolean(), fc.integer({ min: 0, max: 65535 }), (raw, little, small) => {
        const S = little ? Little : Big;
        const before = raw.slice();
        patch(S, raw, { small, features: { dirty: true } });
        expect(decode(S, raw).small).toBe(small);
        expect(decode(S, raw).features).toMatchObject({
          ...decode(S, before).features,
          dirty: true,
          lo: expect.anything(),
        });
        const touched = new Set([8, 9, little ? 20 : 27]);
        raw.forEach((byte, i) => {
          if (!touched.has(i)) expect(byte).toBe(before[i]);
        });
      }),
    );
  });

  it('refuses values that do not fit', () => {
    const raw = new Uint8Array(Big.size);
    expect(() => patch(Big, raw, { small: 65536 })).toThrow(expect.objectContaining({ code: 'value-does-not-fit' }));
    expect(() => patch(Big, raw, { offset: -1 })).toThrow(expect.objectContaining({ code: 'value-does-not-fit' }));
    expect(() => patch(Big, raw, { tag: new Uint8Array(2) })).toThrow(
      expect.objectContaining({ code: 'value-does-not-fit' }),
    );
  });

  it('reads zeros past the end of the source', () => {
    expect(decode(Big, new Uint8Array([0xfe, 0xed])).magic).toBe(0xfeed0000);
  });

  it('shows 64-bit values exactly', () => {
    expect(textOf(Big, 'offset', new Uint8Array(8).fill(0xff))).toBe('0xffffffffffffffff');
    expect(textOf(Little, 'offset', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0x80))).toBe('0x8000000000000001');
  });

  it('lists every broken rule with its place', () => {
    const raw = new Uint8Array(Big.size);
    patch(Big, raw, { magic: 1, kind: 9, small: 901, offset: 513 });
    expect(validate(Big, raw, 0).map((i) => [i.class, i.where.offset, i.where.path])).toEqual([
      ['magic', 0, 'header.magic'],
      ['range', 4, 'header.kind'],
      ['range', 8, 'header.small'],
      ['align', 12, 'header.offset'],
    ]);
    patch(Big, raw, { magic: 0xfeedface, kind: 2, small: 4, offset: 512 });
    expect(validate(Big, raw, 0)).toEqual([]);
  });

  it('makes boundary values that touch every rule', () => {
    const mutations = corrupt(Big);
    const values = (field: string): number[] => mutations.filter((m) => m.field === field).map((m) => m.value);
    expect(values('small')).toEqual(expect.arrayContaining([0, 3, 901, 65535]));
    expect(values('offset')).toEqual(expect.arrayContaining([2 ** 53, 513]));
    for (const { field, value } of mutations) patch(Big, new Uint8Array(Big.size), { [field]: value });
  });

  it('documents itself', () => {
    expect(document(Big)).toContain('| 12 | 8 | u64 | `offset` | multiple of 512; points to thing |');
  });
});

describe('bits64', () => {
  const Entry = bits64('test.entry', 'test', { zero: bit(0), offset: bits(9, 55), copied: bit(63) });

  it('decodes each field where it stands', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (entry) => {
        const hi = Number(entry >> 32n) | 0;
        const lo = Number(entry & 0xffffffffn) | 0;
        const value = decodeEntry(Entry, hi, lo);
        expect(value.zero).toBe(Number(entry & 1n));
        expect(value.copied).toBe(Number(entry >> 63n));
        expect(value.offset).toBe(Number(entry & 0x00fffffffffffe00n));
        expect(hasReservedBits(Entry, hi, lo)).toBe((entry & 0x7f000000000001fen) !== 0n);
      }),
    );
  });
});
