/** Bytes copied inside a device, against an array: every overlap, and growth. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { copyWithin } from '../../src/session/copy-within.ts';

function copied(size: number, from: number, to: number, length: number): void {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >>> 8)) % 251);
  const device = new MemoryDevice(bytes.slice(), 'test');
  const expected = new Uint8Array(Math.max(size, to + length));
  expected.set(bytes);
  expected.set(bytes.subarray(from, from + length), to);
  runToEnd(copyWithin(device, from, to, length));
  const after = new Uint8Array(device.size);
  device.read(0, after);
  expect(Buffer.from(after).equals(expected)).toBe(true);
}

it('copies what was there, whichever way the ranges overlap', () => {
  const small = fc.record({
    size: fc.integer({ min: 1, max: 300 }),
    from: fc.nat(299),
    to: fc.nat(400),
    length: fc.integer({ min: 1, max: 300 }),
  });
  fc.assert(
    fc.property(small, ({ size, from, to, length }) => {
      const start = from % size;
      copied(size, start, to, Math.min(length, size - start));
    }),
  );
});

it.each([
  [0, 1],
  [1, 0],
  [0, 300_000],
  [300_000, 0],
  [0, 900_000],
])('in several pieces, from %i to %i', (from, to) => copied(1_000_000, from, to, 600_000));
