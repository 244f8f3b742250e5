/**
 * One spoilt field or range: what a fuzzer would do to it, chosen by a seed, so that it can be done again.
 *
 *  1. The same image, target, way and seed give the same change.
 *  2. A change differs from what is there, where there is anything else it could be.
 *  3. Values at the boundary come from the declaration of the field (struct.ts `corrupt`) and go through its codec.
 */
import type { Field } from '../bytes/field.ts';
import type { Seeded } from '../bytes/seeded.ts';
import { hex, hex64, roundUp } from '../bytes/size.ts';
import { corrupt } from '../bytes/struct.ts';
import { readBytes } from '../device/device.ts';
import type { Image } from '../drivers/driver.ts';
import { driverNamed } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';

export type FuzzWay = 'boundary' | 'flip' | 'random' | 'swap' | 'zero' | 'truncate';

/** Fields to choose from, or bytes of the file. */
export type FuzzTarget =
  | { readonly kind: 'fields'; readonly fields: readonly Field[] }
  | { readonly kind: 'range'; readonly offset: number; readonly length: number };

/** Bytes to write, or a new length of the file. */
export interface FuzzChange {
  readonly writes: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  readonly size?: number;
  /** The field, or the bytes. */
  readonly of: string;
  readonly way: FuzzWay;
  /** What is the matter with it, in a few words. */
  readonly says: string;
}

/** Bytes of a range that are overwritten in one go. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Blocks that are swapped in a range. Bytes. */
const BLOCK = 512;

/** Without a way, one of those that fit the target. Throws ImageError `nothing-to-fuzz`, `range-too-long`. */
export function fuzz(image: Image, target: FuzzTarget, way: FuzzWay | undefined, random: Seeded): FuzzChange {
  if (target.kind === 'range')
    return inRange(image, target, way ?? pick(['flip', 'random', 'swap', 'zero'], random), random);
  const field = pick(target.fields, random);
  return inField(image, target.fields, field, way ?? pick(['boundary', 'boundary', 'flip', 'random'], random), random);
}

function pick<T>(from: readonly T[], random: Seeded): T {
  const one = from[random.below(from.length)];
  if (one !== undefined) return one;
  throw new ImageError({ code: 'nothing-to-fuzz', what: 'there is no field to spoil here' });
}

function inField(image: Image, all: readonly Field[], field: Field, way: FuzzWay, random: Seeded): FuzzChange {
  const { path: of, offset, size } = field;
  const old = readBytes(image.device, offset, size);
  const one = (bytes: Uint8Array, says: string): FuzzChange => ({ writes: [{ offset, bytes }], of, way, says });
  switch (way) {
    case 'boundary': {
      const { bytes, why } = pick(boundaries(image, field, old), random);
      return one(bytes, why);
    }
    case 'flip':
      return one(...flipped(old, random));
    case 'random':
      return one(randomBytes(size, random), 'random bytes');
    case 'zero':
      return one(new Uint8Array(size), 'zeros');
    case 'truncate':
      return cut(of, offset, size, random);
    case 'swap': {
      const others = all.filter((other) => other.size === size && other.offset !== offset);
      if (others.length === 0) {
        const what = `no other field of ${size} bytes is among those given, to change places with ${of}`;
        throw new ImageError({ code: 'nothing-to-fuzz', what, tryThis: 'fuzz what holds several: header, l2[0]' });
      }
      // One that differs, where there is any.
      const differ = others.filter((other) => !same(readBytes(image.device, other.offset, size), old));
      const other = pick(differ.length > 0 ? differ : others, random);
      const writes = [
        { offset, bytes: readBytes(image.device, other.offset, size) },
        { offset: other.offset, bytes: old },
      ];
      return { writes, of, way, says: `changed places with ${other.path}` };
    }
  }
}

function inRange(
  { device }: Image,
  { offset, length }: { readonly offset: number; readonly length: number },
  way: FuzzWay,
  random: Seeded,
): FuzzChange {
  const of = `${hex(offset)}..${hex(offset + length)}`;
  const one = (at: number, bytes: Uint8Array, says: string): FuzzChange => {
    return { writes: [{ offset: at, bytes }], of, way, says };
  };
  if (way === 'truncate') return cut(of, offset, length, random);
  if (way === 'flip') {
    const at = offset + random.below(length);
    const [bytes, says] = flipped(readBytes(device, at, 1), random);
    return one(at, bytes, `${says} of byte ${hex(at)}`);
  }
  if (way === 'swap') return swappedBlocks(device, { offset, length }, of, random);
  if (way === 'boundary') {
    const what = 'bytes that are no field have no boundary values';
    throw new ImageError({ code: 'nothing-to-fuzz', what, tryThis: 'flip, random, swap, zero, truncate; or a field' });
  }
  if (length > MOST_BYTES) {
    const what = `${length} bytes are more than are overwritten at once, ${MOST_BYTES}`;
    throw new ImageError({ code: 'range-too-long', class: 'range', what, tryThis: 'OFFSET+LENGTH for a part of it' });
  }
  return way === 'zero'
    ? one(offset, new Uint8Array(length), 'zeros')
    : one(offset, randomBytes(length, random), 'random bytes');
}

function swappedBlocks(
  device: Image['device'],
  { offset, length }: { readonly offset: number; readonly length: number },
  of: string,
  random: Seeded,
): FuzzChange {
  const block = Math.min(BLOCK, Math.floor(length / 2));
  const count = block > 0 ? Math.floor(length / block) : 0;
  if (count < 2) throw new ImageError({ code: 'nothing-to-fuzz', what: `${of} has no two parts to change places` });
  const first = random.below(count);
  const second = (first + 1 + random.below(count - 1)) % count;
  const [a, b] = [offset + first * block, offset + second * block];
  const writes = [
    { offset: a, bytes: readBytes(device, b, block) },
    { offset: b, bytes: readBytes(device, a, block) },
  ];
  return { writes, of, way: 'swap', says: `${block} bytes at ${hex(a)} and ${hex(b)} changed places` };
}

function cut(of: string, offset: number, length: number, random: Seeded): FuzzChange {
  const size = offset + random.below(length);
  return { writes: [], size, of, way: 'truncate', says: `the file ends at ${hex(size)}` };
}

function flipped(old: Uint8Array, random: Seeded): [bytes: Uint8Array, says: string] {
  const bytes = old.slice();
  const at = random.below(bytes.length);
  const bit = random.below(8);
  bytes[at] = (bytes[at] as number) ^ (1 << bit);
  return [bytes, `bit ${bit}${bytes.length > 1 ? ` of byte ${at}` : ''} turned`];
}

function randomBytes(length: number, random: Seeded): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

interface Boundary {
  readonly bytes: Uint8Array;
  readonly why: string;
}

/** What differs from the old bytes. */
function boundaries(image: Image, field: Field, old: Uint8Array): Boundary[] {
  const found: Boundary[] = [];
  const add = (bytes: Uint8Array | undefined, why: string): void => {
    if (bytes && !same(bytes, old) && !found.some((one) => same(one.bytes, bytes))) found.push({ bytes, why });
  };
  // What stands behind an offset, the names of bits, stays: `copied`.
  const names = field.text.split(' ').filter((token) => /^[a-z_]+$/.test(token));
  for (const [text, why] of valuesFor(image, field)) {
    const kept = names.length > 0 ? encoded(image, field.path, [text, ...names].join(' ')) : undefined;
    add(kept ?? encoded(image, field.path, text), why);
  }
  if (found.length === 0) {
    add(new Uint8Array(field.size), 'zeros');
    add(new Uint8Array(field.size).fill(0xff), 'all ones');
  }
  return found;
}

type Value = readonly [text: string, why: string];

function valuesFor({ format, device, clusterSize }: Image, { path, size, spec, points }: Field): Value[] {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const driver = driverNamed(format);
  const layout = driver.layouts.find((one) => one.spec === spec && Object.hasOwn(one.fields, name));
  const declared = layout ? corrupt(layout).filter(({ field }) => field === name) : [];
  const top = Math.min(size, 8) * 8;
  const values: Value[] = [
    ...declared.map(({ value, why }): Value => [text64(value), why]),
    ['0', 'zero'],
    ['1', 'one'],
    [`0x${'f'.repeat(top / 4)}`, 'all ones'],
    [`0x8${'0'.repeat(top / 4 - 1)}`, 'the top bit alone'],
  ];
  if (size < 8 || (layout && points === undefined)) return values;
  const unit = Math.max(clusterSize, 512);
  const end = roundUp(device.size, unit);
  return [
    ...values,
    [text64(end), 'the end of the file'],
    [text64(end + unit), 'behind the end of the file'],
    [text64(Math.max(0, end - unit)), 'the last cluster of the file'],
    [text64(unit + 512), 'not at a cluster'],
    [text64(2 ** 40), '2^40'],
    [text64(2 ** 56 - unit), 'below 2^56'],
    [text64(2 ** 62), '2^62'],
  ];
}

function text64(value: number): string {
  return hex64(Math.floor(value / 2 ** 32), value % 2 ** 32);
}

/** Undefined where the field cannot hold it. */
function encoded(image: Image, path: string, text: string): Uint8Array | undefined {
  try {
    return image.encodeField(path, text).bytes;
  } catch (error) {
    if (error instanceof ImageError && error.code === 'value-does-not-fit') return undefined;
    throw error;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.length).equals(b);
}
