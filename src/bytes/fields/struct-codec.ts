/** Fields of declared structures as named fields: numbers, flags by name, and bytes in hexadecimal. */
import { ImageError } from '../../errors.ts';
import type { FieldPart } from '../field.ts';
import { parse64 } from '../size.ts';
import { type Flags, flagsFrom, type Rules, type Struct, textOf } from '../struct.ts';
import { type Codec, doesNotFit, parseSwitch } from './codec.ts';

/** What a codec needs of a declared field. */
interface Declared extends Rules {
  readonly kind: string;
  readonly size: number;
  readonly bits?: Readonly<Record<string, number>>;
}

/** Of the field `name` of the structure. */
export function structCodec(s: Struct, name: string): Codec {
  const field = s.fields[name] as Declared;
  const little = s.endian === 'little';
  const text = (own: Uint8Array): string => textOf(s, name, own);
  const { size } = field;
  if (field.kind === 'bytes') return { size, text, encode: (_, value, path) => parseHex(value, size, path) };
  if (field.kind === 'flags64') return flagsCodec(field, little, text);
  return {
    size,
    text,
    encode(_, value, path) {
      const [hi, lo] = parseNumber(value, size, path);
      return numberBytes(hi, lo, size, little);
    },
    points: field.points === undefined ? undefined : (own) => numberIn(own, little) || undefined,
  };
}

function flagsCodec({ bits = {} }: Declared, little: boolean, text: (own: Uint8Array) => string): Codec {
  const flags = (own: Uint8Array): Flags => flagsFrom(bits, ...halvesIn(own, little));
  return {
    size: 8,
    text,
    encode(_, value, path) {
      const [hi, lo] = parseFlags(value, bits, path);
      return numberBytes(hi, lo, 8, little);
    },
    parts(own) {
      const now = flags(own);
      const known = Object.entries(bits).map(([name, bit]) => ({
        name,
        text: now[name] ? '1' : '0',
        doc: `bit ${bit}`,
      }));
      return [...known, ...now.unknown.map((bit): FieldPart => ({ name: `bit ${bit}`, text: '1', doc: 'unknown' }))];
    },
    encodePart(old, part, value, path) {
      const [hi, lo] = halvesIn(old, little);
      return numberBytes(...withBit([hi, lo], bits[part] as number, parseSwitch(value, path)), 8, little);
    },
  };
}

/** `0x41 (dirty, bit 6)` as shown, a number, or names: `dirty,corrupt`. */
function parseFlags(value: string, bits: Readonly<Record<string, number>>, path: string): readonly [number, number] {
  const names = Object.keys(bits);
  let all: readonly [number, number] = [0, 0];
  for (const word of shownValue(value)
    .split(/\s*[,|]\s*|\s+(?!\d)/)
    .filter(Boolean)) {
    const numbered = /^bit (\d+)$/.exec(word);
    const bit = numbered ? Number(numbered[1]) : bits[word.toLowerCase()];
    if (bit !== undefined && bit < 64) {
      all = withBit(all, bit, true);
      continue;
    }
    try {
      const [hi, lo] = parse64(word);
      all = [(all[0] | hi) >>> 0, (all[1] | lo) >>> 0];
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      throw doesNotFit(path, value, `a number${names.length > 0 ? `, or names of ${names.join(', ')}` : ''}`);
    }
  }
  return all;
}

function withBit([hi, lo]: readonly [number, number], bit: number, on: boolean): [number, number] {
  const mask = 1 << (bit % 32);
  if (bit < 32) return [hi, (on ? lo | mask : lo & ~mask) >>> 0];
  return [(on ? hi | mask : hi & ~mask) >>> 0, lo];
}

/** Without the explanation that is shown behind a value: `8388608 (8 MiB)`. */
function shownValue(value: string): string {
  return value.replace(/\s*\(.*\)\s*$/, '').trim();
}

/** A number of `size` bytes, as its halves. Throws `value-does-not-fit`. */
export function parseNumber(value: string, size: number, path: string): readonly [hi: number, lo: number] {
  const expected = `a number of ${size * 8} bits`;
  try {
    const [hi, lo] = parse64(shownValue(value));
    if (size < 8 && (hi > 0 || lo >= 2 ** (8 * size))) throw doesNotFit(path, value, expected);
    return [hi, lo];
  } catch (error) {
    if (!(error instanceof ImageError) || error.code === 'value-does-not-fit') throw error;
    throw doesNotFit(path, value, expected);
  }
}

export function numberBytes(hi: number, lo: number, size: number, little: boolean): Uint8Array {
  const all = new DataView(new ArrayBuffer(8));
  all.setUint32(little ? 4 : 0, hi, little);
  all.setUint32(little ? 0 : 4, lo, little);
  const bytes = new Uint8Array(all.buffer);
  return little ? bytes.slice(0, size) : bytes.slice(8 - size);
}

export function halvesIn(own: Uint8Array, little: boolean, word = 0): [hi: number, lo: number] {
  const view = new DataView(own.buffer, own.byteOffset + 8 * word, 8);
  const [first, second] = [view.getUint32(0, little), view.getUint32(4, little)];
  return little ? [second, first] : [first, second];
}

/** Exact for every offset in a file. */
function numberIn(own: Uint8Array, little: boolean): number {
  let value = 0;
  for (let i = 0; i < own.length; i++) value = value * 256 + (own[little ? own.length - 1 - i : i] as number);
  return value;
}

/** Longer bytes are shown in part, and cannot be set as a whole. */
const SHOWN_BYTES = 64;

/** Bytes of no declared meaning. */
export function bytesCodec(size: number): Codec {
  return {
    size,
    text(own) {
      const shown = Buffer.from(own.subarray(0, SHOWN_BYTES)).toString('hex');
      return size > SHOWN_BYTES ? `${shown}… (${size} bytes)` : shown;
    },
    encode: (_, value, path) => parseHex(value, size, path),
  };
}

function parseHex(value: string, size: number, path: string): Uint8Array {
  const digits = value.trim().replace(/^0x/i, '');
  if (digits.length === 2 * size && /^[0-9a-f]*$/i.test(digits)) return new Uint8Array(Buffer.from(digits, 'hex'));
  throw doesNotFit(path, value, `${2 * size} hexadecimal digits, for ${size} bytes`);
}
