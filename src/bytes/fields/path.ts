/**
 * Paths of fields: names, and indexes in brackets, as `print` and `set` take them: `l2[0][0x10].copied`. An index is
 * a number as qemu-io takes it; `@ADDRESS` stands for the index that belongs to a byte: `refcount[@0x50000]` is the
 * refcount of the cluster at that byte of the file, `l2[@1M]` the entry that decides about that byte of the guest.
 */
import { ImageError } from '../../errors.ts';
import { parseSize } from '../size.ts';

export interface Address {
  readonly address: number;
}

export type FieldPath = readonly (string | number | Address)[];

export function isAddress(step: FieldPath[number]): step is Address {
  return typeof step === 'object';
}

/** Throws ImageError `no-such-field` for what is no path. */
export function parsePath(text: string): FieldPath {
  const steps: (string | number | Address)[] = [];
  const pattern = /\.?([A-Za-z_]\w*)|\[\s*([^\]]*?)\s*\]/y;
  const trimmed = text.trim();
  while (pattern.lastIndex < trimmed.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(trimmed);
    // A name behind another one, or behind a bracket, needs its dot; the first must not have one.
    if (!match || (match[1] !== undefined && at > 0 !== trimmed.startsWith('.', at))) throw noPath(trimmed, at);
    steps.push(match[1] ?? index(match[2] as string, trimmed, at));
  }
  if (typeof steps[0] !== 'string') throw noPath(trimmed, 0);
  return steps;
}

function index(text: string, path: string, at: number): number | Address {
  try {
    return text.startsWith('@') ? { address: parseSize(text.slice(1)) } : parseSize(text);
  } catch (error) {
    throw error instanceof ImageError ? noPath(path, at) : error;
  }
}

function noPath(path: string, at: number): ImageError {
  const rest = path.slice(at);
  return new ImageError({
    code: 'no-such-field',
    what: `'${path}' is not the path of a field${rest === '' ? '' : `: '${rest}' was not understood`}`,
    tryThis: 'header.size, l2[0][16], l2[0][16].copied, or refcount[@0x50000]',
  });
}

/** `['l2', 0, 16]` as `l2[0][16]`. */
export function pathText(steps: readonly (string | number)[]): string {
  return steps.reduce<string>((path, step) => {
    if (typeof step === 'number') return `${path}[${step}]`;
    return path === '' ? step : `${path}.${step}`;
  }, '');
}
