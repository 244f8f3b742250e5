/** Codecs: every value is shown so that it can be set again, and what does not fit is refused with what would. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bit, bits, bits64, count } from '../../../src/bytes/bits.ts';
import type { Codec } from '../../../src/bytes/fields/codec.ts';
import { counterCodec } from '../../../src/bytes/fields/counter-codec.ts';
import { entryCodec } from '../../../src/bytes/fields/entry-codec.ts';
import { bytesCodec, structCodec } from '../../../src/bytes/fields/struct-codec.ts';
import { textCodec } from '../../../src/bytes/fields/text-codec.ts';
import { bytes, flags64, struct, u8, u16, u32, u64 } from '../../../src/bytes/struct.ts';

const Entry = bits64('test.entry', 'test', { zero: bit(0), offset: bits(9, 55), packed: bit(62), copied: bit(63) });
const Packed = bits64('test.packed', 'test', {
  offset: bits(0, 57),
  sectors: count(58, 61),
  packed: bit(62),
  copied: bit(63),
});
const Extra = bits64('test.extra', 'test', { low: count(0, 31), high: count(32, 63) });
const fields = {
  a: u8(),
  b: u16({ show: 'hex' }),
  c: u32({ show: 'size' }),
  d: u64({ show: 'decimal' }),
  e: u64({ points: 'x' }),
  f: flags64({ dirty: 0, far: 40 }),
  g: bytes(5),
};
const declared = (['big', 'little'] as const).flatMap((endian) =>
  Object.keys(fields).map((name) => [
    `${endian} ${name}`,
    structCodec(struct('test.s', { spec: 'test', endian }, fields), name),
  ]),
) as [string, Codec][];
const entry = (endian: 'big' | 'little'): Codec =>
  entryCodec({ endian, words: [Entry], empty: 'unallocated', variant: { flag: 'packed', layout: Packed } });

const ALL: [string, Codec][] = [
  ...declared,
  ['entry, big', entry('big')],
  ['entry, little', entry('little')],
  ['two words', entryCodec({ endian: 'big', words: [Entry, Extra], empty: 'unallocated' })],
  ...[1, 2, 4].flatMap((width): [string, Codec][] => [
    [`counter of ${width} bits, first`, counterCodec(width, 0)],
    [`counter of ${width} bits, last`, counterCodec(width, 8 - width)],
  ]),
  ...[8, 16, 32, 64].map((width): [string, Codec] => [`counter of ${width} bits`, counterCodec(width)]),
  ['text', textCodec(6, false)],
  ['padded text', textCodec(6, true)],
  ['bytes', bytesCodec(9)],
];

const word = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 8 }),
  fc.constantFrom(0, 1, 255).map((byte) => new Uint8Array(8).fill(byte)),
);

describe('codecs', () => {
  it.each(ALL)('%s: encode(text(bytes)) is bytes', (_, codec) => {
    fc.assert(
      fc.property(fc.tuple(word, word), ([first, second]) => {
        const own = new Uint8Array([...first, ...second]).slice(0, codec.size);
        expect([...codec.encode(own, codec.text(own), 'x')]).toEqual([...own]);
      }),
    );
  });

  it.each(ALL)('%s: a part set to what it shows changes nothing, and to another value only itself', (_, codec) => {
    fc.assert(
      fc.property(fc.tuple(word, word), ([first, second]) => {
        const own = new Uint8Array([...first, ...second]).slice(0, codec.size);
        for (const { name, text } of codec.parts?.(own) ?? []) {
          if (name === 'reserved' || name.startsWith('bit ')) continue;
          const { encodePart } = codec;
          if (!encodePart) throw new Error('parts, and no way to set them');
          expect([...encodePart(own, name, text, 'x')]).toEqual([...own]);
          // Bit `packed` decides what the other parts are.
          if (name === 'packed' || !/^[01]$/.test(text)) continue;
          const other = encodePart(own, name, text === '0' ? '1' : '0', 'x');
          const changed = codec.parts?.(other).filter((part, i) => part.text !== codec.parts?.(own)[i]?.text);
          expect(changed?.map((part) => part.name)).toEqual([name]);
        }
      }),
    );
  });

  it('read what people type', () => {
    const codec = entry('big');
    const hexOf = (value: string): string => Buffer.from(codec.encode(new Uint8Array(8), value, 'x')).toString('hex');
    expect(hexOf('0x50000 copied')).toBe('8000000000050000');
    expect(hexOf('COPIED, 320k')).toBe('8000000000050000');
    expect(hexOf('0x8000000000050000')).toBe('8000000000050000');
    expect(hexOf('18446744073709551615')).toBe('ffffffffffffffff');
    expect(hexOf('unallocated')).toBe('0000000000000000');
    expect(hexOf('0')).toBe('0000000000000000');
    expect(hexOf('packed 0x1234 sectors=2')).toBe('4800000000001234');
    const flags = structCodec(struct('test.s', { spec: 'test', endian: 'big' }, fields), 'f');
    const set = (value: string): string => Buffer.from(flags.encode(new Uint8Array(8), value, 'x')).toString('hex');
    expect(set('dirty,far')).toBe('0000010000000001');
    expect(set('bit 63')).toBe('8000000000000000');
    expect(set('0x3')).toBe('0000000000000003');
    expect(set('0')).toBe('0000000000000000');
  });

  it.each([
    ['a', '256'],
    ['a', '-1'],
    ['a', 'ten'],
    ['b', '0x10000'],
    ['d', '18446744073709551616'],
    ['f', 'dirt'],
    ['g', 'abc'],
  ])('refuse %s = %s', (name, value) => {
    const codec = structCodec(struct('test.s', { spec: 'test', endian: 'big' }, fields), name);
    expect(() => codec.encode(new Uint8Array(codec.size), value, 's.x')).toThrow(
      expect.objectContaining({ code: 'value-does-not-fit', message: expect.stringContaining('s.x') }),
    );
  });

  it('refuse parts and entries that do not fit', () => {
    const codec = entry('big');
    const old = new Uint8Array(8);
    const refused = expect.objectContaining({ code: 'value-does-not-fit' });
    expect(() => codec.encode(old, 'copyed', 'x')).toThrow(refused);
    expect(() => codec.encode(old, '', 'x')).toThrow(refused);
    expect(() => codec.encodePart?.(old, 'copied', '2', 'x')).toThrow(refused);
    expect(() => codec.encodePart?.(old, 'offset', '0x101', 'x')).toThrow(refused);
    expect(() => counterCodec(1, 3).encode(Uint8Array.of(0), '2', 'x')).toThrow(refused);
    expect(() => textCodec(3, false).encode(old, 'four', 'x')).toThrow(refused);
    expect(() => textCodec(3, false).encode(old, 'no', 'x')).toThrow(refused);
    expect([...textCodec(3, true).encode(old, 'no', 'x')]).toEqual([110, 111, 0]);
  });
});
