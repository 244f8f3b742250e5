/** Byte counts in few columns, as the prompt takes them back: `64K`, `2176K`, `10G`. */

const SUFFIXES = ['', 'K', 'M', 'G', 'T', 'P', 'E'] as const;

/** In the largest unit that divides it: exact, and as long as it takes. */
export function exactSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && value % 1024 === 0 && unit < SUFFIXES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value}${SUFFIXES[unit]}`;
}

/** Three or four digits: `357.3M`, `10G`, `168K`. */
export function roughSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What would round to 1024 is 1 of the next unit.
  while (value >= 1023.95 && unit < SUFFIXES.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || Number.isInteger(value) ? String(value) : value.toFixed(1).replace(/\.0$/, '');
  return `${digits}${SUFFIXES[unit]}`;
}

/** Exact when it fits `width` columns, else rounded behind the sign `about`. */
export function sizeWithin(bytes: number, width: number, about: string): string {
  const exact = exactSize(bytes);
  return exact.length <= width ? exact : about + roughSize(bytes);
}

/** Hexadecimal with as many digits as `digits`: offsets that stand below one another. */
export function offsetText(offset: number, digits: number): string {
  return `0x${offset.toString(16).padStart(digits, '0')}`;
}

/** Digits of the highest offset in a file or disk of `size` bytes. */
export function offsetDigits(size: number): number {
  return Math.max(0, size - 1).toString(16).length;
}

/** A count of bytes in a sentence: `10 B`, `64K`. */
export function bytesText(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : roughSize(bytes);
}
