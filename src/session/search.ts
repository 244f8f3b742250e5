/**
 * Looks through the file, as it is with every staged step, for bytes or for what looks like a structure of a format.
 *
 *  1. It reads each byte once or twice, in pieces; memory does not grow with the file, nor with what is found: at most
 *     as many hits as were asked for.
 *  2. A hit starts inside the bounds and on the alignment asked for; its bytes lie in the file.
 */
import type { Progress } from '../bytes/progress.ts';
import { hex, roundUp } from '../bytes/size.ts';
import { type Device, readBytes } from '../device/device.ts';
import type { Haystack, Lookalike } from '../drivers/driver.ts';
import { DRIVERS } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';
import type { Session } from './session.ts';

/** What is looked for. */
export type Needle =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'structure'; readonly format: string; readonly lookalike: Lookalike };

/** Bytes. */
export interface Sought {
  /** As it was asked for, in a few words. */
  readonly words: string;
  readonly needle: Needle;
  readonly align: number;
  readonly from: number;
  /** Exclusive; hits start below it. */
  readonly to: number;
}

export interface Hit {
  readonly offset: number;
  /** Of a structure: what speaks for it. */
  readonly says?: string;
}

export interface Hits {
  /** In the order in which they were found. */
  readonly hits: readonly Hit[];
  /** The limit was reached: where the search would go on. */
  readonly next?: number;
}

/** Names of structures that can be looked for, `qcow2.l2`, with what they are; the format alone is its header. */
export function structureNames(): { readonly name: string; readonly doc: string }[] {
  return DRIVERS.flatMap((driver) => {
    const all = driver.lookalikes?.({ fileSize: 0, clusterSize: 65536 }) ?? [];
    return all.map(({ name, doc }) => ({ name: `${driver.name}.${name}`, doc }));
  });
}

/** Whether the words name a structure: `l2`, `qed.l1`, `qcow2`. */
export function namesStructure(words: string): boolean {
  const names = structureNames().map(({ name }) => name);
  return names.some((name) => name === words || name.endsWith(`.${words}`) || name === `${words}.header`);
}

/**
 * The structure of that name; without a format, of the image's own. Throws ImageError `which-format`, or
 * `cluster-size-needed` where neither the image nor `clusterSize` tells how large tables are.
 */
export function structureNeedle({ image }: Session, words: string, clusterSize?: number): Needle {
  const [first, second] = words.split('.') as [string, string?];
  const isFormat = DRIVERS.some(({ name, lookalikes }) => name === first && lookalikes !== undefined);
  const format = isFormat ? first : image.format;
  const name = isFormat ? (second ?? 'header') : first;
  const driver = DRIVERS.find((one) => one.name === format);
  if (!driver?.lookalikes) throw whichFormat(words, image.format);
  const isOwn = image.format === format && image.refused === undefined;
  const haystack: Haystack = {
    fileSize: image.device.size,
    ...(isOwn ? { image } : clusterSize === undefined ? {} : { clusterSize }),
  };
  const lookalike = driver.lookalikes(haystack).find((one) => one.name === name);
  if (lookalike) return { kind: 'structure', format, lookalike };
  throw new ImageError({
    code: 'cluster-size-needed',
    what: `how large a ${format} ${name} is depends on the cluster size, which this file does not tell`,
    tryThis: `find ${words} --align 64k, with the cluster size that you suppose`,
  });
}

function whichFormat(words: string, format: string): ImageError {
  const names = structureNames().flatMap(({ name }) => (name.endsWith(`.${words}`) ? [name] : []));
  return new ImageError({
    code: 'which-format',
    what: `a ${format} image has no ${words} of its own`,
    tryThis: names.map((name) => `find ${name}`).join(', or '),
  });
}

/** Bytes of starts looked at in one go. */
const PIECE = 512 * 1024;

/** The hits that start in `from` .. `to` - 1, in order, or from the end with `backwards`. */
export function* search(
  device: Device,
  { needle, align, from, to }: Sought,
  { limit, backwards = false }: { readonly limit: number; readonly backwards?: boolean },
): Generator<Progress, Hits> {
  const length = needle.kind === 'bytes' ? needle.bytes.length : needle.lookalike.length;
  const end = Math.min(to, device.size - (needle.kind === 'bytes' ? length - 1 : 0));
  const scan = needle.kind === 'bytes' ? bytesIn(needle.bytes) : structuresIn(needle.lookalike, device);
  const hits: Hit[] = [];
  const total = Math.max(0, end - from);
  const piece = Math.max(PIECE, align);
  for (let done = 0; done < total; done += piece) {
    const size = Math.min(piece, total - done);
    const at = backwards ? end - done - size : from + done;
    const first = roundUp(at, align);
    // A piece that is read backwards gives its hits in order all the same: all of them are needed.
    const most = backwards ? Number.POSITIVE_INFINITY : limit - hits.length;
    const found = first < at + size ? scan(device, { from: first, to: at + size, align, length, most }) : [];
    if (backwards) found.reverse();
    hits.push(...found.slice(0, limit - hits.length));
    if (hits.length >= limit) return { hits, next: (hits.at(-1) as Hit).offset + (backwards ? 0 : align) };
    yield { what: 'searching', done: done + size, total, unit: 'bytes' };
  }
  return { hits };
}

interface Piece {
  /** A multiple of `align`. */
  readonly from: number;
  readonly to: number;
  readonly align: number;
  readonly length: number;
  readonly most: number;
}

type Scan = (device: Device, piece: Piece) => Hit[];

function bytesIn(bytes: Uint8Array): Scan {
  return (device, { from, to, align, length, most }) => {
    const hits: Hit[] = [];
    const area = readBytes(device, from, to - from + length - 1);
    const buffer = Buffer.from(area.buffer, area.byteOffset, area.byteLength);
    for (let at = 0; hits.length < most; ) {
      const found = buffer.indexOf(bytes, at);
      if (found < 0 || from + found >= to) break;
      at = roundUp(found, align);
      if (at !== found) continue;
      hits.push({ offset: from + found });
      at += align;
    }
    return hits;
  };
}

function structuresIn(lookalike: Lookalike, device: Device): Scan {
  const around = (offset: number, length: number): Uint8Array => readBytes(device, offset, length);
  return (_, { from, to, align, length, most }) => {
    const hits: Hit[] = [];
    const area = readBytes(device, from, to - from + length - 1);
    for (let at = from; at < to && hits.length < most; at += align) {
      const says = lookalike.judge(area.subarray(at - from, at - from + length), at, around);
      if (says !== undefined) hits.push({ offset: at, says });
    }
    return hits;
  };
}

/** Hexadecimal digits as bytes, blanks between them or not. Throws ImageError `bad-pattern`. */
export function hexPattern(words: string): Uint8Array {
  const digits = words.replace(/\s+/g, '').replace(/^0x/i, '');
  if (digits.length > 0 && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits)) {
    return new Uint8Array(Buffer.from(digits, 'hex'));
  }
  throw new ImageError({
    code: 'bad-pattern',
    what: `'${words}' is not bytes: expected pairs of hexadecimal digits, as in 0x514649fb or 51 46 49 fb`,
  });
}

/** `from` .. `to` - 1 inside the file. Throws ImageError `past-end`. */
export function boundsIn(device: Device, from: number, length: number | undefined): { from: number; to: number } {
  if (from < device.size || (from === 0 && device.size === 0)) {
    return { from, to: length === undefined ? device.size : Math.min(device.size, from + length) };
  }
  throw new ImageError({
    code: 'past-end',
    class: 'range',
    what: `byte ${hex(from)} lies behind the end of the file, ${hex(device.size)}`,
  });
}
