/**
 * Spoils good images, structure by structure: which bytes are a field, an entry, a table or a name is asked of the
 * drivers' own declarations (layouts, entry layouts, `regions`, `fields`), so a new structure is spoilt as soon as it
 * is declared.
 *
 *  1. The same base and the same random numbers give the same bytes.
 *  2. A corruption is a list of changes that can be applied one by one: what a failure needs is found by leaving some out.
 *  3. Where things stand is told by the good base: one change never hides what another could reach.
 */
import { runToEnd } from '../../src/bytes/progress.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Driver, Region } from '../../src/drivers/driver.ts';
import { put, type Slot, slotsOf, valueFor } from './corruptor-values.ts';
import type { Random } from './random.ts';

/** Bytes put at `at`, or the file cut or grown to `size` bytes. */
export type Change =
  | { readonly says: string; readonly at: number; readonly bytes: Uint8Array }
  | { readonly says: string; readonly size: number };

/** Clusters and more that a change may add to the file, at most this. Bytes. */
const MOST_GROWTH = 256 * 1024;

export class Corruptor {
  readonly format: string;
  readonly name: string;
  readonly base: Uint8Array;
  /** Every structure of the base that has fields, and its fields. */
  readonly #structures: { readonly region: Region; readonly slots: readonly Slot[] }[] = [];
  readonly #regions: readonly Region[];
  readonly #clusterSize: number;
  readonly #little: boolean;
  readonly #driver: Driver;
  /** Bytes: where something begins, which other pointers may be bent to. */
  readonly #places: readonly number[];

  constructor(driver: Driver, name: string, base: Uint8Array) {
    this.#driver = driver;
    this.format = driver.name;
    this.name = name;
    this.base = base;
    const image = driver.open(new MemoryDevice(base, name), { name });
    this.#regions = [...runToEnd(image.ownership())];
    this.#clusterSize = image.clusterSize;
    this.#little = driver.layouts[0]?.endian === 'little';
    for (const region of this.#regions) {
      const slots = slotsOf(driver, image, region);
      if (slots.length > 0) this.#structures.push({ region, slots });
    }
    this.#places = [...new Set(this.#regions.map(({ offset }) => offset))].slice(0, 200);
  }

  /** One change mostly, up to four. */
  changes(random: Random): Change[] {
    const count = random.pick([1, 1, 1, 1, 2, 2, 3, 4]);
    return Array.from({ length: count }, () => this.#change(random));
  }

  #change(random: Random): Change {
    const kind = random.next();
    if (kind < 0.72) return this.#setField(random);
    if (kind < 0.8) return this.#copyField(random);
    if (kind < 0.88) return this.#spoilStructure(random);
    if (kind < 0.93) return this.#overlay(random);
    return this.#resize(random);
  }

  #setField(random: Random): Change {
    const slot = this.#slot(random);
    const { value, why } = valueFor(slot, this.#old(slot), random, {
      clusterSize: this.#clusterSize,
      fileSize: this.base.length,
      places: this.#places,
    });
    return this.#put(slot, value, why);
  }

  /** A field gets the value of another one of its kind: duplicated pointers, and pointers to what is no such thing. */
  #copyField(random: Random): Change {
    const slot = this.#slot(random);
    for (let tries = 0; tries < 20; tries++) {
      const other = this.#slot(random);
      if (other.size !== slot.size || other.at === slot.at) continue;
      return this.#put(slot, this.#old(other), `as ${other.path}`);
    }
    return this.#put(slot, 0n, 'zero');
  }

  #spoilStructure(random: Random): Change {
    const { region } = random.pick(this.#structures);
    const length = Math.min(region.length, 65_536);
    const part = random.chance(0.5) ? length : Math.min(length, random.pick([1, 2, 4, 8, 16, 64, 512]));
    const from = region.offset + random.int(0, length - part);
    const how = random.pick(['zeros', 'ones', 'random bytes', 'a few random bits'] as const);
    const bytes = this.base.slice(from, from + part);
    if (how === 'zeros') bytes.fill(0);
    else if (how === 'ones') bytes.fill(0xff);
    else if (how === 'random bytes') for (let i = 0; i < part; i++) bytes[i] = random.int(0, 255);
    else for (let i = random.int(1, 8); i > 0; i--) flip(bytes, random.int(0, 8 * part - 1));
    return { says: `${how} in ${part} bytes of ${region.label ?? region.role} at ${hex(from)}`, at: from, bytes };
  }

  /** The bytes of one structure over those of another. */
  #overlay(random: Random): Change {
    const { region: from } = random.pick(this.#structures);
    const to = random.pick(this.#regions);
    const length = Math.min(from.length, to.length, 65_536);
    const bytes = this.base.slice(from.offset, from.offset + length);
    const says = `${from.label ?? from.role} over ${to.label ?? to.role} at ${hex(to.offset)}`;
    return { says, at: to.offset, bytes };
  }

  /** Cut at the edge of a structure or beside it, or grown. */
  #resize(random: Random): Change {
    if (random.chance(0.2)) {
      const size = this.base.length + Math.min(MOST_GROWTH, random.pick([1, 512, this.#clusterSize, 65_536]));
      return { says: `grown to ${size} bytes`, size };
    }
    const region = random.pick(this.#regions);
    const edge = region.offset + (random.chance(0.5) ? 0 : region.length);
    const size = random.chance(0.15)
      ? random.pick([0, 1, 3, 4, 63, 64, 71, 72, 100, 103, 104, 111, 112, 511, 512])
      : edge + random.pick([0, 0, 0, 1, -1, 8, -8, 512, -512]);
    const kept = Math.max(0, Math.min(size, this.base.length));
    return { says: `cut to ${kept} bytes`, size: kept };
  }

  #slot(random: Random): Slot {
    const { slots } = random.pick(this.#structures);
    const used = random.chance(0.7) ? slots.filter((slot) => slot.used) : slots;
    return random.pick(used.length > 0 ? used : slots);
  }

  #old(slot: Slot): bigint {
    let value = 0n;
    for (let i = 0; i < slot.size; i++) {
      const at = this.#little ? slot.at + slot.size - 1 - i : slot.at + i;
      value = (value << 8n) | BigInt(this.base[at] ?? 0);
    }
    return value;
  }

  #put(slot: Slot, value: bigint, why: string): Change {
    const says = `${slot.path} at ${hex(slot.at)}: ${hex(this.#old(slot))} -> ${hex(value)} (${why})`;
    return { says, at: slot.at, bytes: put(value, slot.size, this.#little) };
  }

  /** The driver that the images are for, whatever their bytes say. */
  get driver(): Driver {
    return this.#driver;
  }
}

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7));
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** The base with the changes, in order. */
export function spoilt(base: Uint8Array, changes: readonly Change[]): Uint8Array {
  let bytes = base.slice();
  for (const change of changes) {
    const size = 'size' in change ? change.size : Math.max(bytes.length, change.at + change.bytes.length);
    if (size !== bytes.length) {
      const resized = new Uint8Array(size);
      resized.set(bytes.subarray(0, size));
      bytes = resized;
    }
    if ('bytes' in change) bytes.set(change.bytes, change.at);
  }
  return bytes;
}

/** The fewest of the changes that `fails` still holds for: each alone is left out where it can be. */
export function fewest(base: Uint8Array, changes: readonly Change[], fails: (bytes: Uint8Array) => boolean): Change[] {
  let kept = [...changes];
  for (const change of changes) {
    const without = kept.filter((other) => other !== change);
    if (without.length > 0 && fails(spoilt(base, without))) kept = without;
  }
  return kept;
}

/** For a failure: the base, and what was done to it. */
export function recipe(name: string, changes: readonly Change[]): string {
  return [name, ...changes.map(({ says }) => `  ${says}`)].join('\n');
}
