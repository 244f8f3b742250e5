/**
 * What a request on a qcow2 image can fail with: one stable code for each errno that QEMU would answer, the codes that
 * device/io-error.ts gives the same errno where there are any.
 */
import { hex } from '../../../bytes/size.ts';
import { ImageError, type Where } from '../../../errors.ts';

/** EIO. */
export function ioFailure(what: string, where?: Where): ImageError {
  return new ImageError({ code: 'io-error', class: 'consistency', what: `qcow2: ${what}`, where, tryThis: 'check' });
}

/** ENOMEDIUM: the image was marked corrupt in an earlier request. */
export function noMedium(): ImageError {
  return new ImageError({
    code: 'no-medium',
    class: 'consistency',
    what: 'qcow2: the image was marked corrupt while it was open, and takes no request any more',
    tryThis: 'check',
  });
}

/** EFBIG. */
export function tooLarge(what: string): ImageError {
  return new ImageError({ code: 'file-too-large', class: 'size', what: `qcow2: ${what}` });
}

/** EINVAL. */
export function invalid(what: string): ImageError {
  return new ImageError({ code: 'invalid-argument', class: 'range', what: `qcow2: ${what}` });
}

/** ENOTSUP. */
export function notSupported(what: string): ImageError {
  return new ImageError({ code: 'not-supported', class: 'unsupported', what: `qcow2: ${what}` });
}

/** A part of a request failed: which one, in QEMU's words, and what of. Keeps the number of a fault on purpose. */
export class PartFailure extends ImageError {
  readonly stage: string;
  readonly errno?: number;

  constructor(stage: string, cause: ImageError) {
    const { code, where, tryThis, what } = cause;
    super({ code, class: cause.class, where, tryThis, what: `${stage}: ${what.replace(/^qcow2: /, '')}` });
    this.stage = stage;
    if ('errno' in cause && typeof cause.errno === 'number') this.errno = cause.errno;
  }
}

/** A number in a message as C prints it with `%#x`: zero has no prefix. */
export function numeral(value: number): string {
  return value === 0 ? '0' : hex(value);
}
