/** Sizes as QEMU reads them; test/oracle/qemu-io compares the same with real qemu-io. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSize } from '../../src/bytes/size.ts';
import { hexSum, strtosz } from '../../src/bytes/strtosz.ts';

describe('strtosz', () => {
  it.each([
    ['0', '0'],
    ['010', '10'],
    ['+5', '5'],
    ['\t5', '5'],
    ['1.', '1'],
    ['1.k', '1024'],
    ['1.5k', '1536'],
    ['0.00048828125k', '1'],
    ['0.0004k', '0'],
    ['1.e', '1152921504606846976'],
    ['0x10b', '267'],
    ['0x10K', '16384'],
    ['9223372036854775807', '9223372036854775807'],
    ['7.99999999999999999999E', '8070450532247928832'],
  ])('%s is %s', (text, exact) => expect(strtosz(text)).toMatchObject({ exact }));

  it.each(['', 'x', '.5k', '-0', '1.5', '1.5b', '1e3', '1.5e1', '0x', '0x1.8', '1kk', '1 ', '18446744073709551616k'])(
    '%s is none',
    (text) => expect(strtosz(text)).toBe('invalid'),
  );

  it.each(['8E', '16E', '9223372036854775808', '18446744073709551616'])('%s is too large', (text) => {
    expect(strtosz(text)).toBe('too-large');
  });

  it('is what people may type, where both take it', () => {
    const suffix = fc.constantFrom('', 'k', 'M', 'g', 'T');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8000 }), suffix, (number, letter) => {
        expect(strtosz(`${number}${letter}`)).toMatchObject({ value: parseSize(`${number}${letter}`) });
      }),
    );
  });

  it('sums exactly', () => expect(hexSum('9223372036854775807', 16, 8)).toBe('800000000000000f'));
});
