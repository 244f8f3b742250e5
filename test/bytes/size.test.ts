import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decimal64,
  hex64,
  largestPowerOfTwoDividing,
  parseSize,
  roundDown,
  roundUp,
  sizeText,
} from '../../src/bytes/size.ts';

describe('parseSize: qemu-io numbers', () => {
  it.each([
    ['512', 512],
    ['0x200', 512],
    ['0X1f', 31],
    ['1k', 1024],
    ['1K', 1024],
    ['1M', 2 ** 20],
    ['1G', 2 ** 30],
    ['1T', 2 ** 40],
    ['1P', 2 ** 50],
    ['1E', 2 ** 60],
    ['1.5M', 1572864],
    ['.5k', 512],
    ['1b', 1],
    ['0', 0],
    ['9007199254740993', 9007199254740992],
    ['7.5E', 7.5 * 2 ** 60],
  ])('%s is %d', (text, value) => {
    expect(parseSize(text)).toBe(value);
  });

  it.each(['', 'x', '1s', '1e3', '-1', '1MiB', '1kk', '0x', '0xg', '1 2', '+1', 'k', '.'])('refuses %j', (text) => {
    expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: 'bad-number' }));
  });

  it.each(['8E', '0xffffffffffffffff', '99999999999999999999'])('refuses %s as too large', (text) => {
    expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: 'number-too-large' }));
  });
});

describe('sizeText: qemu-io wording', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [65536, '64 KiB'],
    [1966080, '1.875 MiB'],
    [3211264, '3.062 MiB'],
    [2 ** 40, '1 TiB'],
    [2 ** 60, '1 EiB'],
  ])('%d is %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});

describe('64-bit halves', () => {
  it('prints exactly where a double would not', () => {
    expect(hex64(0xffffffff, 0xffffffff)).toBe('0xffffffffffffffff');
    expect(decimal64(0x00200000, 1)).toBe('9007199254740993');
  });
});

describe('rounding', () => {
  it('agrees with its definition', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 52 }), fc.integer({ min: 0, max: 26 }), (value, power) => {
        const unit = 2 ** power;
        const up = roundUp(value, unit);
        const down = roundDown(value, unit);
        expect(up % unit).toBe(0);
        expect(down % unit).toBe(0);
        expect(up - value).toBeLessThan(unit);
        expect(value - down).toBeLessThan(unit);
        expect(up >= value && down <= value).toBe(true);
      }),
    );
  });

  it('finds the alignment of an offset', () => {
    expect(largestPowerOfTwoDividing(0x50000)).toBe(0x10000);
    expect(largestPowerOfTwoDividing(3)).toBe(1);
    expect(largestPowerOfTwoDividing(0)).toBe(Number.POSITIVE_INFINITY);
    expect(largestPowerOfTwoDividing(2 ** 60)).toBe(2 ** 60);
  });
});
