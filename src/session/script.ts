/** How the image under edit was opened, for a script that opens it again. */
import type { Debugger, OpenRequest } from './debugger.ts';

/**
 * The file as it was named, and what a new session has to be told: the format it has on disk now where it was not
 * probed, the policy where it is not the usual one, and the secret's name. Throws ImageError `no-image`.
 */
export function openingOf(host: Debugger): OpenRequest {
  const session = host.underEdit();
  const { path, follow, broken, keySecret } = host.opened as OpenRequest;
  return {
    path,
    ...(session.probed ? {} : { format: session.original().format }),
    ...(follow === 'none' ? {} : { follow }),
    ...(keySecret === undefined ? {} : { keySecret }),
    ...(broken && { broken }),
  };
}
