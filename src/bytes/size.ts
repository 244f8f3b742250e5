/**
 * Numbers and sizes as people type and read them: qemu-io's syntax in (`64k`, `0x200`, `1.5M`), qemu-io's wording
 * out (`1.875 MiB`), and exact 64-bit text at the edge where a double would lie.
 */
import { ImageError } from '../errors.ts';

const SUFFIXES = 'bkmgtpe';
const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/**
 * Parses a byte count or offset the way qemu-io does (qemu_strtosz): decimal with optional fraction, or hexadecimal,
 * and an optional one-letter suffix b k M G T P E in either case. Rejects signs, exponents and longer suffixes.
 * Throws ImageError `bad-number`, or `number-too-large` above 2^63-1.
 */
export function parseSize(text: string): number {
  const value = wholeNumber(text);
  if (value > 0x7fff_ffff_ffff_ffffn) {
    throw new ImageError({ code: 'number-too-large', what: `'${text}' is above the largest offset, 2^63-1` });
  }
  return Number(value);
}

/** The same syntax, exactly: the halves of a value of at most 64 bits. Throws `bad-number` or `number-too-large`. */
export function parse64(text: string): readonly [hi: number, lo: number] {
  const value = wholeNumber(text);
  if (value > 0xffff_ffff_ffff_ffffn) {
    throw new ImageError({ code: 'number-too-large', what: `'${text}' is above the largest 64-bit value, 2^64-1` });
  }
  return [Number(value >> 32n), Number(value & 0xffff_ffffn)];
}

function wholeNumber(text: string): bigint {
  const match = /^(?:0[xX]([0-9a-fA-F]+)|(\d+)(\.\d*)?|(\.\d+))([a-zA-Z]?)$/.exec(text.trim());
  const power = match ? suffixPower(match[5] ?? '') : -1;
  if (!match || power < 0) {
    throw new ImageError({
      code: 'bad-number',
      what: `'${text}' is not a number: expected digits or 0x…, and at most one suffix of b k M G T P E`,
      tryThis: '65536, 0x10000 or 64k',
    });
  }
  const hex = match[1];
  const whole = hex !== undefined ? BigInt(`0x${hex}`) : BigInt(match[2] ?? '0');
  const scale = 1n << BigInt(10 * power);
  const fraction = Number(`0${match[3] ?? match[4] ?? ''}`) || 0;
  return whole * scale + BigInt(Math.floor(fraction * Number(scale)));
}

function suffixPower(suffix: string): number {
  if (suffix === '') return 0;
  return SUFFIXES.indexOf(suffix.toLowerCase());
}

/** qemu-io's wording: largest unit not above the value, three decimals, `.000` dropped: `1.875 MiB`, `0 bytes`. */
export function sizeText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const text = unit === 0 ? String(value) : threeDecimals(value).replace(/\.000$/, '');
  return `${text} ${UNITS[unit]}`;
}

/** As printf's %.3f, which rounds a tie to the even digit where toFixed rounds up. Only odd sixteenths are ties. */
function threeDecimals(value: number): string {
  if ((value * 16) % 2 !== 1) return value.toFixed(3);
  const below = Math.floor(value * 1000);
  return ((below + (below % 2)) / 1000).toFixed(3);
}

/** `0x1f0000`, exact for every value a double can hold. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** A 64-bit value from its halves, exactly, as hexadecimal. */
export function hex64(hi: number, lo: number): string {
  return `0x${((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)}`;
}

/** A 64-bit value from its halves, exactly, as decimal. */
export function decimal64(hi: number, lo: number): string {
  return ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString();
}

/** Rounds `value` up to a multiple of `unit` (both bytes, or both anything; `unit` > 0). Exact below 2^53. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Rounds `value` down to a multiple of `unit`. */
export function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}

/** The largest power of two that divides `value`; Infinity for 0, which everything divides. */
export function largestPowerOfTwoDividing(value: number): number {
  if (value === 0) return Number.POSITIVE_INFINITY;
  let power = 1;
  while (value % (power * 2) === 0) power *= 2;
  return power;
}

export function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}

/** log2 of a power of two. */
export function bitsOf(powerOfTwo: number): number {
  return Math.round(Math.log2(powerOfTwo));
}

/** Asks node:fs for 64-bit values (inode and device numbers, nanoseconds) whole, to be kept as decimal text. */
export const EXACT_STATS = { bigint: true } as const;
