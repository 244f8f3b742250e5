/**
 * How one kind of field is shown and set: between the bytes a field stands in and the text a person reads and types.
 *
 *  1. `text` is exact, and `encode` takes it: setting a field to what it shows changes no byte.
 *  2. Only bits of the field change; a counter's neighbours in the same byte, and reserved bits that the value does
 *     not name, are the codec's to keep or to set, whole and on purpose.
 */
import { ImageError } from '../../errors.ts';
import type { FieldPart } from '../field.ts';

export interface Codec {
  /** Bytes. */
  readonly size: number;
  /** `bytes` is always `size` long. */
  text(bytes: Uint8Array): string;
  /** New bytes of the field. Throws ImageError `value-does-not-fit`; `path` is for its sentence. */
  encode(old: Uint8Array, value: string, path: string): Uint8Array;
  parts?(bytes: Uint8Array): readonly FieldPart[];
  /** Sets one part, and leaves the others. */
  encodePart?(old: Uint8Array, part: string, value: string, path: string): Uint8Array;
  /** The byte of the file that the value leads to, where it leads anywhere. */
  points?(bytes: Uint8Array): number | undefined;
}

/** `path: 'value' is not …, expected …` */
export function doesNotFit(path: string, value: string, expected: string): ImageError {
  return new ImageError({
    code: 'value-does-not-fit',
    class: 'range',
    what: `${path}: '${value}' does not fit, expected ${expected}`,
  });
}

/** `1`, `0`, `on`, `off`, `true`, `false`. */
export function parseSwitch(value: string, path: string): boolean {
  const word = value.trim().toLowerCase();
  if (word === '1' || word === 'on' || word === 'true') return true;
  if (word === '0' || word === 'off' || word === 'false') return false;
  throw doesNotFit(path, value, '0 or 1');
}
