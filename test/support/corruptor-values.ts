/**
 * What a field can be spoilt with: boundary values from its declaration (struct.ts `corrupt`), bits of an entry's parts
 * and of none, and pointers to where something else begins.
 */
import type { EntryLayout } from '../../src/bytes/bits.ts';
import { corrupt } from '../../src/bytes/struct.ts';
import type { Driver, Image, Region } from '../../src/drivers/driver.ts';
import type { Random } from './random.ts';

/** A declared field where it stands in the base. */
export interface Slot {
  readonly path: string;
  /** Bytes. */
  readonly at: number;
  readonly size: number;
  /** Not zero in the base. */
  readonly used: boolean;
  /** A table entry of this layout. */
  readonly entry?: EntryLayout;
  /** Boundary values of its declaration. */
  readonly declared: readonly { readonly value: number; readonly why: string }[];
}

/** Of one structure, at most so many, those in use first. */
const MOST_SLOTS = 160;

/** The fields of one structure; none where nothing is declared. */
export function slotsOf(driver: Driver, image: Image, region: Region): Slot[] {
  const bytes = Math.min(region.length, 65_536);
  const slots = image.fields(region, region.offset, region.offset + bytes).map(({ path, offset, size, text, spec }) => {
    const name = path.split('.').at(-1) as string;
    const layout = driver.layouts.find((struct) => struct.spec === spec && name in struct.fields);
    return {
      path,
      at: offset,
      size,
      used: !/^(0|unallocated|0x0|)$/.test(text),
      entry: layout ? undefined : driver.entries.find((candidate) => candidate.spec === spec),
      declared: layout ? corrupt(layout).filter(({ field }) => field === name) : [],
    };
  });
  slots.sort((a, b) => Number(b.used) - Number(a.used));
  return slots.slice(0, MOST_SLOTS);
}

interface Surroundings {
  readonly clusterSize: number;
  /** Bytes. */
  readonly fileSize: number;
  readonly places: readonly number[];
}

/** A new value for the field, and what is the matter with it. */
export function valueFor(
  slot: Slot,
  old: bigint,
  random: Random,
  around: Surroundings,
): { value: bigint; why: string } {
  const bits = 8 * slot.size;
  const clipped = (value: bigint): bigint => BigInt.asUintN(bits, value);
  if (slot.declared.length > 0 && random.chance(0.5)) {
    const { value, why } = random.pick(slot.declared);
    return { value: clipped(BigInt(value)), why };
  }
  if (slot.size >= 8 && random.chance(0.65)) {
    const { value, why } = pointer(random, around);
    return { value: clipped(slot.entry ? inPlace(slot.entry, old, value, random) : value), why };
  }
  const [value, why] = random.pick<[bigint, string]>([
    [0n, 'zero'],
    [1n, 'one'],
    [(1n << BigInt(bits)) - 1n, 'all ones'],
    [1n << BigInt(bits - 1), 'top bit alone'],
    [old ^ (1n << BigInt(random.int(0, bits - 1))), 'a bit turned'],
    [old ^ (1n << BigInt(Math.max(0, bits - 1 - random.int(0, 8)))), 'a high bit turned'],
    [old ^ (1n << BigInt(Math.min(bits - 1, random.int(0, 9)))), 'a low bit turned'],
    [old + 1n, 'one more'],
    [old - 1n, 'one less'],
    [old * 2n, 'twice'],
    [BigInt(random.int(0, 2 ** 32 - 1)), 'random'],
    [BigInt(random.int(0, 2 ** 32 - 1)) << BigInt(random.int(0, 32)), 'random, moved'],
  ]);
  return { value: clipped(value), why };
}

/** Where a pointer may be bent to: into the file and out of it, at the borders of what numbers can say. */
function pointer(random: Random, { clusterSize, fileSize, places }: Surroundings): { value: bigint; why: string } {
  const end = Math.ceil(fileSize / clusterSize) * clusterSize;
  const inside = random.int(0, Math.max(0, Math.ceil(fileSize / clusterSize) - 1)) * clusterSize;
  const [value, why] = random.pick<[number | bigint, string]>([
    [random.pick(places), 'where something else begins'],
    [random.pick(places), 'where something else begins'],
    [inside, 'a cluster of the file'],
    [inside, 'a cluster of the file'],
    [inside + 512, 'not at a cluster'],
    [inside + random.int(1, 511), 'not at a sector'],
    [0, 'the header'],
    [end, 'the end of the file'],
    [end - clusterSize, 'the last cluster'],
    [end + clusterSize, 'behind the end'],
    [end + clusterSize * random.int(2, 100), 'behind the end'],
    [2 ** 32, '2^32'],
    [2 ** 31 * clusterSize, '2^31 clusters'],
    [2 ** 40, '2^40'],
    [2n ** 53n + 512n, 'where doubles have gaps'],
    [2n ** 56n - BigInt(clusterSize), 'below 2^56'],
    [2n ** 62n, '2^62'],
    [2n ** 63n - BigInt(clusterSize), 'below 2^63'],
    [2n ** 63n, '2^63'],
    [2n ** 64n - BigInt(clusterSize), 'below 2^64'],
  ]);
  return { value: BigInt(value), why };
}

/** The pointer in an entry's offset bits, its other bits mostly as they were. */
function inPlace(entry: EntryLayout, old: bigint, value: bigint, random: Random): bigint {
  const mask = entry.mask['offset'];
  if (!mask || random.chance(0.15)) return value;
  const bits = (BigInt(mask.hi >>> 0) << 32n) | BigInt(mask.lo >>> 0);
  return (old & ~bits) | (value & bits);
}

/** The value in `size` bytes. */
export function put(value: bigint, size: number, little: boolean): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[little ? i : size - 1 - i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return bytes;
}
