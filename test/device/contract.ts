/** What device.ts promises of every device, as tests to be run against each of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Device, readBytes } from '../../src/device/device.ts';

export interface DeviceUnderTest {
  readonly name: string;
  /** A device that holds these bytes. */
  open(content: Uint8Array): Device;
  /** Whether it can be written inside its size. */
  readonly writable?: boolean;
  /** Whether it can grow and shrink. */
  readonly resizable?: boolean;
}

function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => ((i * 31 + seed * 7) % 255) + 1);
}

export function deviceContract({ name, open, writable = true, resizable = true }: DeviceUnderTest): void {
  describe(`${name} keeps the device contract`, () => {
    it('reads what it holds, at any offset and length', () => {
      const content = pattern(10_000);
      const device = open(content);
      expect(device.size).toBe(10_000);
      for (const [offset, length] of [
        [0, 10_000],
        [0, 1],
        [511, 2],
        [4095, 4098],
        [9_999, 1],
      ] as const) {
        expect(readBytes(device, offset, length)).toEqual(content.slice(offset, offset + length));
      }
    });

    it('gives zeros past the end, over whatever the target held', () => {
      const device = open(pattern(1000));
      const target = new Uint8Array(2000).fill(0xee);
      device.read(900, target);
      expect(target.subarray(0, 100)).toEqual(pattern(1000).subarray(900));
      expect(target.subarray(100).every((byte) => byte === 0)).toBe(true);
      target.fill(0xee);
      device.read(2 ** 40, target);
      expect(target.every((byte) => byte === 0)).toBe(true);
    });

    it('reads nothing into an empty target', () => {
      expect(() => open(pattern(10)).read(5, new Uint8Array(0))).not.toThrow();
    });

    if (!writable) return;

    it('reads back what was written, and leaves the rest', () => {
      const device = open(pattern(9000));
      device.write(4000, pattern(200, 9), 'a label');
      const expected = pattern(9000);
      expected.set(pattern(200, 9), 4000);
      expect(readBytes(device, 0, 9000)).toEqual(expected);
      device.flush();
    });

    it('keeps a copy: the caller may reuse its buffer', () => {
      const device = open(pattern(100));
      const buffer = new Uint8Array(10).fill(7);
      device.write(20, buffer);
      buffer.fill(8);
      expect(readBytes(device, 20, 10)).toEqual(new Uint8Array(10).fill(7));
    });

    if (!resizable) return;

    it('grows by a write past the end; the gap reads as zeros', () => {
      const device = open(pattern(100));
      device.write(9000, pattern(10, 3));
      expect(device.size).toBe(9010);
      expect(readBytes(device, 100, 8900).every((byte) => byte === 0)).toBe(true);
      expect(readBytes(device, 9000, 10)).toEqual(pattern(10, 3));
    });

    it('never shows again what a shrink cut off', () => {
      const device = open(pattern(10_000));
      device.write(5000, pattern(5000, 5));
      device.resize(5100);
      device.resize(12_000);
      expect(device.size).toBe(12_000);
      expect(readBytes(device, 5100, 6900).every((byte) => byte === 0)).toBe(true);
      expect(readBytes(device, 5000, 100)).toEqual(pattern(100, 5));
      device.resize(0);
      device.write(1, Uint8Array.of(1));
      expect(readBytes(device, 0, 4)).toEqual(Uint8Array.of(0, 1, 0, 0));
    });

    it('an empty write does not grow it', () => {
      const device = open(pattern(10));
      device.write(50, new Uint8Array(0));
      expect(device.size).toBe(10);
    });

    it('equals a plain array under random writes and resizes', () => {
      const operation = fc.oneof(
        fc.record({
          at: fc.nat(20_000),
          length: fc.integer({ min: 1, max: 9000 }),
          fill: fc.integer({ min: 1, max: 255 }),
        }),
        fc.record({ size: fc.nat(25_000) }),
      );
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
          let model = pattern(6000);
          const device = open(model);
          for (const op of operations) {
            const size = 'size' in op ? op.size : Math.max(model.length, op.at + op.length);
            const next = new Uint8Array(size);
            next.set(model.subarray(0, size));
            if ('size' in op) device.resize(size);
            else {
              next.fill(op.fill, op.at, op.at + op.length);
              device.write(op.at, new Uint8Array(op.length).fill(op.fill));
            }
            model = next;
          }
          expect(device.size).toBe(model.length);
          expect(Buffer.compare(readBytes(device, 0, model.length), model)).toBe(0);
        }),
        { numRuns: 60 },
      );
    });
  });
}
