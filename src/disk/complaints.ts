/** What a request on guest bytes is refused for, whatever the format. The codes are what a front end goes by. */
import { hex } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';

/** `not-supported`: the format, or this image of it, has no such thing. `what` begins with the request's name. */
export function notSupported(format: string, what: string, tryThis?: string): ImageError {
  return new ImageError({ code: 'not-supported', class: 'unsupported', what: `${format}: ${what}`, tryThis });
}

/** `unaligned`: a request that cannot be split must begin and end on whole units (bytes). */
export function unaligned(what: string, offset: number, length: number, unit: number): ImageError {
  return new ImageError({
    code: 'unaligned',
    class: 'align',
    what: `${what}: offset ${hex(offset)} and length ${hex(length)} must be multiples of ${hex(unit)}`,
  });
}

/** `read-only`: opened for reading. */
export function readOnly(name: string): ImageError {
  return new ImageError({ code: 'read-only', what: `${name} is open for reading only` });
}
