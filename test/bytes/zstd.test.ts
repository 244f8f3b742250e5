/** Our zstd frames, read by a decoder of other people's. QEMU's own reads them in test/drivers/qcow2. */
import fc from 'fast-check';
import { decompress } from 'fzstd';
import { expect, it } from 'vitest';
import { zstdFrame } from '../../src/bytes/zstd/encode.ts';

const LARGEST = 300_000;

function expectRoundTrip(bytes: Uint8Array): number {
  const frame = zstdFrame(bytes);
  expect(Buffer.compare(decompress(frame), bytes)).toBe(0);
  expect(frame.length).toBeLessThanOrEqual(bytes.length + 9 + 3 * Math.ceil(bytes.length / 131_072 + 1));
  return frame.length;
}

/** Runs of bytes, of words from a small alphabet, and of noise, with pieces that come again. */
const contents = fc
  .array(
    fc.record({
      kind: fc.constantFrom('zero', 'run', 'text', 'wide', 'noise', 'again'),
      length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 140_000 })),
      seed: fc.integer({ min: 1, max: 0x7fff_ffff }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => {
    const bytes = new Uint8Array(LARGEST);
    let at = 0;
    for (const { kind, length, seed } of parts) {
      let state = seed;
      const random = (): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state >>> 8;
      };
      const end = Math.min(at + length, LARGEST);
      const from = at > 0 ? random() % at : 0;
      for (let i = at; i < end; i++) {
        if (kind === 'run') bytes[i] = seed & 255;
        else if (kind === 'text') bytes[i] = 97 + Math.min(random() % 20, random() % 20, random() % 20);
        else if (kind === 'wide') bytes[i] = Math.min(random() & 255, random() & 255, random() & 255);
        else if (kind === 'noise') bytes[i] = random() & 255;
        else if (kind === 'again' && at > 0) bytes[i] = bytes[from + ((i - at) % (at - from))] as number;
      }
      at = end;
    }
    return bytes.slice(0, at);
  });

it('gives back what it was made of', () => {
  fc.assert(
    fc.property(contents, (bytes) => {
      expectRoundTrip(bytes);
    }),
    { numRuns: 60 },
  );
});

it('holds every size around the limits of its headers', () => {
  for (const size of [
    1, 2, 3, 4, 5, 31, 32, 33, 255, 256, 257, 1023, 1024, 4095, 4096, 16_383, 16_384, 65_791, 65_792, 131_071, 131_072,
    131_073,
  ]) {
    expectRoundTrip(Uint8Array.from({ length: size }, (_, i) => (i * i * 31) >> 7));
    expectRoundTrip(new Uint8Array(size).fill(7));
    expectRoundTrip(Uint8Array.from({ length: size }, (_, i) => (i % 3 === 0 ? (i >> 4) & 255 : 65 + (i % 7))));
  }
});

it('makes text a good deal shorter', () => {
  const words = ['cluster ', 'table ', 'offset ', 'entry ', 'the ', 'of ', 'a ', 'file ', 'image ', 'refcount '];
  let state = 7;
  let text = '';
  while (text.length < 65_536) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += words[(state >>> 16) % words.length];
  }
  expect(expectRoundTrip(Buffer.from(text.slice(0, 65_536)))).toBeLessThan(65_536 / 5);
});
