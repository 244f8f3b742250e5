/** A view of a staged device at any step reads what going there reads, whatever was done, undone and spilled. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { StagedDevice } from '../../src/device/staged.ts';
import { SEED } from '../support/random.ts';

const BASE = Uint8Array.from({ length: 3 * 4096 + 700 }, (_, i) => (i % 253) + 1);

const change = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      at: fc.nat(22_000),
      length: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 9000 }), fc.constant(512)),
      fill: fc.nat(255),
    }),
  },
  { weight: 1, arbitrary: fc.record({ size: fc.nat(26_000) }) },
);

type Change = { at: number; length: number; fill: number } | { size: number };

function staged(steps: readonly (readonly Change[])[], memoryLimit: number): StagedDevice {
  const device = new StagedDevice(new MemoryDevice(BASE.slice()), { memoryLimit });
  for (const changes of steps) {
    device.begin('step');
    for (const c of changes) {
      if ('size' in c) device.resize(c.size);
      else device.write(c.at, new Uint8Array(c.length).fill(c.fill));
    }
    device.end();
  }
  return device;
}

const whole = (device: { size: number; read(at: number, to: Uint8Array): void }): Buffer => {
  const bytes = new Uint8Array(device.size + 5000);
  device.read(0, bytes);
  return Buffer.from(bytes);
};

const seed = SEED;

describe('a view of a staged device', () => {
  it.each([{ memoryLimit: 2 ** 20 }, { memoryLimit: 8192 }])(
    `reads what going there reads, and ranges hold every difference, %o, seed ${seed}`,
    ({ memoryLimit }) => {
      fc.assert(
        fc.property(
          fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
          fc.nat(8),
          (steps, at) => {
            const twin = staged(steps, memoryLimit);
            const states = Array.from({ length: steps.length + 1 }, (_, count) => {
              twin.goTo(count);
              return { size: twin.size, bytes: whole(twin) };
            });
            const device = staged(steps, memoryLimit);
            device.goTo(Math.min(at, steps.length));
            const now = whole(device);
            for (const [count, { size, bytes }] of states.entries()) {
              const view = device.asOf(count);
              expect(view.size).toBe(size);
              expect(whole(view).equals(bytes)).toBe(true);
            }
            for (const [a, from] of states.entries()) {
              for (const [b, to] of states.entries()) {
                const ranges = device.between(a, b);
                const end = Math.max(from.size, to.size);
                const padded = ({ bytes }: typeof from): Buffer =>
                  Buffer.concat([bytes, Buffer.alloc(end)]).subarray(0, end);
                const patched = padded(from);
                for (const { offset, length } of ranges) {
                  expect(offset + length).toBeLessThanOrEqual(end);
                  padded(to).copy(patched, offset, offset, offset + length);
                }
                expect(patched.equals(padded(to))).toBe(true);
              }
            }
            expect(whole(device).equals(now)).toBe(true);
          },
        ),
        { numRuns: 100, seed },
      );
    },
  );

  it('throws when it is read after the steps have changed, and takes no write', () => {
    const device = staged([[{ at: 0, length: 10, fill: 1 }]], 2 ** 20);
    const view = device.asOf(0);
    expect(readBytes(view, 0, 1)[0]).toBe(BASE[0]);
    expect(() => view.write(0, new Uint8Array(1))).toThrow('is a view');
    device.undo();
    expect(() => readBytes(view, 0, 1)).toThrow('after the steps have changed');
    const other = device.asOf(1);
    expect(readBytes(other, 0, 1)[0]).toBe(1);
    device.begin('again');
    expect(() => readBytes(other, 0, 1)).toThrow('after the steps have changed');
    expect(() => device.asOf(0)).toThrow('while step');
    device.abandon();
    expect(() => device.asOf(2)).toThrow('no place 2 of 1 steps');
  });
});
