/**
 * What an image is to who uses it: format, guest contents, soundness; so that two states of one file can be told to be
 * the same image although their bytes differ.
 *
 * Guest contents are hashed whole while there are at most 64 MiB of them. Beyond, the whole mapping is hashed (kind,
 * guest range, host range), and of the data an even sample of 64 MiB, and everything that a commit touches. What no
 * recorded call touches is read once, whatever the number of states.
 */
import { createHash, type Hash } from 'node:crypto';
import { DATA, EXTENT_KINDS, UNALLOCATED, UNALLOCATED_ALLOCATED, ZERO, ZERO_ALLOCATED } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import type { Ranges } from '../bytes/ranges.ts';
import { isZero } from '../device/zeros.ts';
import type { Image } from '../drivers/driver.ts';
import { readGuest } from '../drivers/guest-io.ts';
import { ImageError } from '../errors.ts';

/** Bytes of guest data that are hashed for each image at most. */
export const CONTENTS_LIMIT = 64 * 2 ** 20;
/** Bytes: how much is read and hashed at a time, at multiples of it in the guest. */
const CHUNK = 64 * 2 ** 10;
/** Hashes that are kept. */
const REMEMBERED = 65_536;

export interface Likeness {
  readonly format: string;
  /** Guest bytes. */
  readonly size: number;
  /** Hash of the guest contents. */
  readonly contents: string;
  readonly backing: string | undefined;
  /** What `check` counts as wrong, leaks aside. */
  readonly faults: number;
}

export function isLike(a: Likeness, b: Likeness): boolean {
  return (
    a.format === b.format &&
    a.size === b.size &&
    a.contents === b.contents &&
    a.backing === b.backing &&
    a.faults === b.faults
  );
}

/** A run of guest bytes that the image itself holds, in bytes. */
interface Run {
  readonly kind: number;
  readonly guest: number;
  readonly length: number;
  readonly host: number;
}

/** Bytes that the image itself stores for the guest. */
export function* storedBytes(image: Image): Generator<Progress, number> {
  let total = 0;
  for (const { kind, guest, length, unit, count, end } of image.mappings(0, image.size, 'mapped')) {
    for (let i = 0; i < count; i++) {
      const code = kind[i] as number;
      if (!isZeros(code) && !isNothing(code)) total += (length[i] as number) * unit;
    }
    const last = count > 0 ? (guest[count - 1] as number) * unit : 0;
    yield { what: 'mapping', done: Math.min(last, end), total: end, unit: 'bytes' };
  }
  return total;
}

/** Looks at states of one file. */
export class Likener {
  /** Of how many chunks of data one is read. */
  readonly every: number;
  /** Of the file, what the states may hold otherwise than the file. */
  readonly #touched: Ranges;
  readonly #known = new Map<string, string>();
  readonly #chunk = new Uint8Array(CHUNK);

  /** `stored`: bytes that the larger of the images stores. */
  constructor(touched: Ranges, stored: number) {
    this.#touched = touched;
    this.every = Math.max(1, Math.ceil(stored / CONTENTS_LIMIT));
  }

  /** Throws ImageError when the image cannot be checked or read. */
  *of(image: Image): Generator<Progress, Likeness> {
    const { format, size } = image;
    const { backing } = image.info();
    const report = image.check && (yield* image.check());
    const contents = yield* this.#contents(image, backing !== undefined);
    const faults = report ? report.corruptions + report.checkErrors + report.unnoticedByQemu : 0;
    return { format, size, contents, backing: backing && JSON.stringify(backing), faults };
  }

  *#contents(image: Image, hasBacking: boolean): Generator<Progress, string> {
    const hash = createHash('sha256');
    /** The parts of one chunk of the guest: equal contents hash alike however they are cut into runs. */
    let parts: Run[] = [];
    const endChunk = (): void => {
      const token = parts.length > 0 ? this.#remembered(image, parts) : '';
      // Without a backing file, zeros that are stored read as those that are not.
      if (token !== '' || hasBacking) hash.update(`${(parts[0] as Run | undefined)?.guest} ${token}\n`);
      parts = [];
    };
    for (const columns of image.mappings(0, image.size, 'mapped')) {
      for (const { guest, length, host = 0, kind } of columns) {
        const run = { kind: EXTENT_KINDS.indexOf(kind), guest, length, host };
        if (isNothing(run.kind)) continue;
        if (isZeros(run.kind)) {
          if (hasBacking) hash.update(`zeros ${guest} ${length}\n`);
        } else if (this.every > 1) this.#sample(image, run, hash);
        else {
          for (const part of cut(run)) {
            if (chunkOf(parts[0] ?? part) !== chunkOf(part)) endChunk();
            parts.push(part);
          }
        }
      }
      yield {
        what: 'guest contents',
        done: columns.count > 0 ? columns.at(columns.count - 1).guest : 0,
        total: image.size,
      };
    }
    endChunk();
    return hash.digest('hex');
  }

  /** A run's place, and the contents of every so many of its chunks; of what the commit touches, of all. */
  #sample(image: Image, run: Run, hash: Hash): void {
    const { kind, guest, length, host } = run;
    hash.update(`${kind} ${guest} ${length} ${host}\n`);
    const touched = kind === DATA && this.#touched.overlapping(host, length) !== undefined;
    for (const part of cut(run, touched ? 1 : this.every)) {
      hash.update(`${part.guest} ${this.#remembered(image, [part])}\n`);
    }
  }

  /** The hash of some parts of one chunk. What no state can hold otherwise is read once. */
  #remembered(image: Image, parts: readonly Run[]): string {
    const isFixed = ({ kind, host, length }: Run): boolean => {
      if (kind !== DATA || !image.dataDevice) return false;
      return image.dataDevice !== image.device || !this.#touched.overlapping(host, length);
    };
    const key = parts.every(isFixed)
      ? parts.map(({ guest, host, length }) => `${guest % CHUNK} ${host} ${length}`).join()
      : undefined;
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined) return known;
    const token = this.#hashed(image, parts);
    if (key !== undefined && this.#known.size < REMEMBERED) this.#known.set(key, token);
    return token;
  }

  /** '' for zeros. What cannot be read is told by its place and by why. */
  #hashed(image: Image, parts: readonly Run[]): string {
    const target = this.#chunk.fill(0);
    try {
      for (const { guest, length } of parts) {
        const at = guest % CHUNK;
        readGuest(image, guest, target.subarray(at, at + length));
      }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      return [error.code, ...parts.map(({ kind, guest, length, host }) => `${kind} ${guest} ${length} ${host}`)].join();
    }
    return isZero(target) ? '' : createHash('sha256').update(target).digest('base64');
  }
}

function isZeros(kind: number): boolean {
  return kind === ZERO || kind === ZERO_ALLOCATED;
}

/** Of these the backing file tells, or they read as zeros. */
function isNothing(kind: number): boolean {
  return kind === UNALLOCATED || kind === UNALLOCATED_ALLOCATED;
}

function chunkOf({ guest }: Run): number {
  return Math.floor(guest / CHUNK);
}

/** A run cut at the borders of chunks; of these every so many. */
function* cut({ kind, guest, length, host }: Run, every = 1): Generator<Run> {
  const end = guest + length;
  const first = every === 1 ? Math.floor(guest / CHUNK) : Math.ceil(guest / CHUNK / every) * every;
  for (let chunk = first; chunk * CHUNK < end; chunk += every) {
    const from = Math.max(guest, chunk * CHUNK);
    yield { kind, guest: from, length: Math.min(end, (chunk + 1) * CHUNK) - from, host: host + (from - guest) };
  }
}
