/**
 * One refcount: big-endian from 8 bits on; below, the counters of a byte stand from its lowest bits up, and the
 * neighbours stay as they are.
 */
import { decimal64 } from '../size.ts';
import { type Codec, doesNotFit } from './codec.ts';
import { halvesIn, numberBytes, parseNumber } from './struct-codec.ts';

/** `width` in bits, 1 to 64, a power of two; `shift` is where a narrow one stands in its byte. */
export function counterCodec(width: number, shift = 0): Codec {
  if (width >= 8) return wideCodec(width / 8);
  const mask = (2 ** width - 1) << shift;
  return {
    size: 1,
    text: (own) => String(((own[0] as number) & mask) >>> shift),
    encode(old, value, path) {
      const [hi, lo] = parseNumber(value, 8, path);
      if (hi > 0 || lo >= 2 ** width) throw doesNotFit(path, value, `a refcount of ${bitsText(width)}`);
      return Uint8Array.of(((old[0] as number) & ~mask) | (lo << shift));
    },
  };
}

function wideCodec(size: number): Codec {
  return {
    size,
    text(own) {
      const padded = new Uint8Array(8);
      padded.set(own, 8 - size);
      return decimal64(...halvesIn(padded, false));
    },
    encode: (_, value, path) => numberBytes(...parseNumber(value, size, path), size, false),
  };
}

function bitsText(width: number): string {
  return width === 1 ? '1 bit, 0 or 1' : `${width} bits, at most ${2 ** width - 1}`;
}
