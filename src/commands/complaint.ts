/** For rooms above the commands that catch errors themselves: what may be shown to the user, and what is a bug. */
import { ImageError } from '../errors.ts';
import { printable } from './printable.ts';

/** The sentence of an ImageError; undefined for what is a bug. */
export function complaintOf(error: unknown): string | undefined {
  return error instanceof ImageError ? printable(error.message) : undefined;
}
