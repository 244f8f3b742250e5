/**
 * Names inside an image: UTF-8 of a length that another field states, or zero padded to a fixed size. Bytes that are
 * no UTF-8, or that begin like the mark itself, are shown as `hex:…`, so that every name can be set as it is shown.
 */
import { type Codec, doesNotFit } from './codec.ts';

const HEX = 'hex:';

/** `padded`: shorter names are filled up with zero bytes; else a name has exactly `size` bytes. */
export function textCodec(size: number, padded: boolean): Codec {
  return {
    size,
    text(own) {
      const name = padded ? withoutPadding(own) : own;
      const text = Buffer.from(name).toString('utf8');
      const exact = Buffer.from(text, 'utf8').equals(name);
      return exact && !text.startsWith(HEX) ? text : HEX + Buffer.from(name).toString('hex');
    },
    encode(_, value, path) {
      const name = nameBytes(value, path);
      const fits = padded ? name.length <= size : name.length === size;
      if (fits) return Buffer.concat([name, Buffer.alloc(size - name.length)]).subarray(0, size);
      const lengths = padded ? `at most ${size} bytes` : `${size} bytes, the length that is stated beside it`;
      throw doesNotFit(path, value, `${lengths}; this has ${name.length}`);
    },
  };
}

function nameBytes(value: string, path: string): Buffer {
  if (!value.startsWith(HEX)) return Buffer.from(value, 'utf8');
  const digits = value.slice(HEX.length);
  if (digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits)) return Buffer.from(digits, 'hex');
  throw doesNotFit(path, value, `hexadecimal digits, two a byte, after '${HEX}'`);
}

function withoutPadding(own: Uint8Array): Uint8Array {
  let end = own.length;
  while (end > 0 && own[end - 1] === 0) end--;
  return own.subarray(0, end);
}
