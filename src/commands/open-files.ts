/** A file that is open here is not changed under the session's feet. */
import { ImageError } from '../errors.ts';
import type { Debugger } from '../session/debugger.ts';

/** Throws ImageError `already-open` when `path` is how the open image was named, or where it lies. */
export function refuseOpenFile({ session }: Debugger, path: string): void {
  if (!session || (path !== session.file.name && path !== session.file.path)) return;
  throw new ImageError({ code: 'already-open', what: `${path} is open here`, tryThis: 'close' });
}
