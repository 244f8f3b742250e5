import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zeroPieces } from '../../src/disk/pieces.ts';

describe('pieces of a range of zeros', () => {
  it('tile the range: parts of units outside, whole units in one', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(5000), fc.integer({ min: 0, max: 9 }), (from, length, bits) => {
        const unit = 2 ** bits;
        const pieces = [...zeroPieces(from, from + length, unit)];
        let at = from;
        for (const piece of pieces) {
          expect(piece.offset).toBe(at);
          expect(piece.length).toBeGreaterThan(0);
          const whole = piece.offset % unit === 0 && piece.length % unit === 0;
          if (!whole) expect(Math.floor(piece.offset / unit)).toBe(Math.floor((at + piece.length - 1) / unit));
          at += piece.length;
        }
        expect(at).toBe(from + length);
        expect(pieces.length).toBeLessThanOrEqual(3);
      }),
    );
  });
});
