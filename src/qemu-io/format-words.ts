/** What QEMU says where a driver of ours refuses: by code, and in its own words where there is no code for it. */
import type { ImageError } from '../errors.ts';
import { errnoOf, strerror } from './errno.ts';
import { toBinary } from './voice.ts';

const FORMAT_WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  qcow2: { magic: 'Image is not in qcow2 format' },
  qed: { magic: 'Image not in QED format' },
};

/** Why an image could not be opened. */
export function formatComplaint(format: string, error: ImageError): string {
  if (error.code === 'wrong-passphrase') return 'Invalid password, cannot unlock any keyslot';
  if (error.class === 'magic') return FORMAT_WORDS[format]?.['magic'] ?? error.what;
  return toBinary(error.what.replace(/^(qcow2|qed|raw): /, ''));
}

/** Why the size could not be changed, by the codes of those who refuse. */
const SIZE_WORDS: Readonly<Record<string, string>> = {
  'preallocation-shrinks': "Preallocation can't be used for shrinking an image",
  shrink: 'Shrinking images is currently not supported',
  'bad-size': 'Invalid image size specified',
};

export function truncateComplaint(format: string, mode: string, error: unknown): string {
  const errno = errnoOf(error);
  const { code, what, stage } = error as ImageError & { readonly stage?: string };
  if (stage !== undefined) return `${stage}: ${strerror(errno)}`;
  if (code === 'preallocation-mode') {
    return format === 'qed' ? `Unsupported preallocation mode '${mode}'` : `Unsupported preallocation mode: ${mode}`;
  }
  // Below the end of the disk the backing file's bytes would be to be zeroed.
  if (code === 'not-supported' && format === 'qed') return 'Block driver does not support requested flags';
  if (code === 'preallocation-shrinks' && format === 'raw') return 'Cannot use preallocation for shrinking files';
  return SIZE_WORDS[code] ?? (code === 'io-error' ? strerror(errno) : toBinary(what.replace(/^(qcow2|qed|raw): /, '')));
}

/** A name stored in an image means the folder of that image, unless it is absolute or names a protocol. */
export function backingName(image: string, name: string): string {
  if (name.startsWith('/') || /^[^:/]*:/.test(name)) return name;
  const slash = image.lastIndexOf('/');
  return slash < 0 ? name : image.slice(0, slash + 1) + name;
}

/** What is said when the caches of a format cannot be written as the image is closed. */
const CACHES: Readonly<Record<string, readonly string[]>> = {
  qcow2: ['Failed to flush the L2 table cache', 'Failed to flush the refcount block cache'],
};

export function closeComplaints(format: string, error: ImageError): string[] {
  return (CACHES[format] ?? []).map((cache) => `${cache}: ${strerror(errnoOf(error))}`);
}
