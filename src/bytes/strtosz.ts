/**
 * Sizes as QEMU's command lines read them (qemu_strtosz), to the last digit and the last refusal. Where `parseSize`
 * (size.ts) is for people, this is for scripts that were written for QEMU.
 */

/** A value of at most 63 bits. */
export interface Strtosz {
  /** As near as a double comes. */
  readonly value: number;
  /** Every digit, decimal. */
  readonly exact: string;
  /** Hexadecimal digits with a suffix: QEMU warns. */
  readonly scaledHex: boolean;
}

const POWERS = 'bkmgtpe';
const LARGEST = 0xffff_ffff_ffff_ffffn;
const LARGEST_OFFSET = 0x7fff_ffff_ffff_ffffn;

/**
 * Decimal digits with a fraction that only a scale allows, or `0x` and hexadecimal ones, then at most one suffix.
 * `too-large`: above 2^63-1; but with text behind digits that alone are above 2^64-1, `invalid`.
 */
export function strtosz(text: string): Strtosz | 'invalid' | 'too-large' {
  const start = /^[ \t\n\v\f\r]*\+?/.exec(text)?.[0].length ?? 0;
  const digits = /^(?:0[xX]([0-9a-fA-F]+)|(\d+))/.exec(text.slice(start));
  if (!digits) return 'invalid';
  const [all, hexadecimal, decimal] = digits;
  const whole = BigInt(hexadecimal === undefined ? (decimal as string) : `0x${hexadecimal}`);
  let rest = text.slice(start + all.length);
  if (whole > LARGEST) return rest === '' ? 'too-large' : 'invalid';
  let fraction = 0n;
  if (rest.startsWith('.')) {
    if (hexadecimal !== undefined) return 'invalid';
    const [part = '', places, exponent] = /^\.(?:(\d+)([eE][+-]?\d+)?)?/.exec(rest) ?? [];
    if (exponent !== undefined) return 'invalid';
    rest = rest.slice(part.length);
    // In units of 2^-64. A double times a power of two is exact. What a double rounds up to 1, QEMU loses.
    if (places !== undefined) fraction = BigInt.asUintN(64, BigInt(Math.trunc(Number(`0.${places}`) * 2 ** 64)));
  }
  const power = rest === '' ? -1 : POWERS.indexOf((rest[0] as string).toLowerCase());
  if (power >= 0) rest = rest.slice(1);
  if (rest !== '') return 'invalid';
  if (power <= 0 && fraction !== 0n) return 'invalid';
  const scale = 1n << BigInt(10 * Math.max(power, 0));
  const scaled = fraction * scale;
  const value = whole * scale + (scaled >> 64n) + ((scaled >> 63n) & 1n);
  if (value > LARGEST_OFFSET) return 'too-large';
  return { value: Number(value), exact: String(value), scaledHex: hexadecimal !== undefined && power >= 0 };
}

/** Sixteen hexadecimal digits at least as wide as `width`, of a sum that a double may not hold: `exact` + `more`. */
export function hexSum(exact: string, more: number, width: number): string {
  return (BigInt(exact) + BigInt(more)).toString(16).padStart(width, '0');
}
