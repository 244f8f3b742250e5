/** A file under recorded writes, held to a device in memory that gets the same writes. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteLog } from '../../src/device/byte-log.ts';
import { readBytes } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { Pieces } from '../../src/device/pieces.ts';

const SIZE = 900;
const content = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, i) => (i % 249) + 1);
const edits = fc.array(
  fc.oneof(
    fc.record({ at: fc.nat(1500), length: fc.integer({ min: 1, max: 400 }), fill: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ size: fc.nat(1800) }),
  ),
  { maxLength: 12 },
);

it('reads what a device in memory reads after the same writes', () => {
  fc.assert(
    fc.property(edits, fc.array(fc.tuple(fc.nat(2000), fc.nat(600)), { maxLength: 5 }), (changes, reads) => {
      const log = new ByteLog();
      const model = new MemoryDevice(content());
      const pieces = new Pieces(new MemoryDevice(content()), log);
      for (const change of changes) {
        if ('size' in change) {
          model.resize(change.size);
          pieces.resize(change.size);
        } else {
          const bytes = Uint8Array.from({ length: change.length }, (_, i) => (change.fill + i) % 256);
          model.write(change.at, bytes);
          pieces.put(change.at, bytes.length, log.append(bytes));
        }
      }
      const copy = pieces.clone();
      copy.put(0, 1, log.append(Uint8Array.of(0xaa)));
      expect(pieces.size).toBe(model.size);
      for (const [at, length] of [[0, model.size + 10] as const, ...reads]) {
        expect(Buffer.compare(readBytes(pieces, at, length), readBytes(model, at, length))).toBe(0);
      }
    }),
    { numRuns: 500 },
  );
});

it('keeps in a file what does not fit in memory', () => {
  const log = new ByteLog(2 ** 20);
  const bytes = Uint8Array.from({ length: 700_001 }, (_, i) => (i * 7) % 251);
  const places = [0, 1, 2, 3].map(() => log.append(bytes));
  expect(log.length).toBe(bytes.length * 4);
  for (const at of places) {
    const back = new Uint8Array(bytes.length);
    log.read(at, back);
    expect(Buffer.compare(back, bytes)).toBe(0);
  }
  log.close();
});

it('is a bug to read where only sizes were recorded', () => {
  const pieces = new Pieces(new MemoryDevice(content()), undefined);
  pieces.put(10, 5, 0);
  expect(readBytes(pieces, 0, 10)).toEqual(content().subarray(0, 10));
  expect(() => readBytes(pieces, 0, 11)).toThrow('only sizes');
});
