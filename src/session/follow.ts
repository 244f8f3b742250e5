/**
 * Names inside an image (backing file, data file) are strings, not instructions: they are shown, and opened only as
 * far as the user allowed it.
 *
 *  - `none` (the default): nothing is opened.
 *  - `same-dir`: a plain name in the image's own folder, a regular file, no symbolic link.
 *  - `any`: any local path, relative ones from the image's folder; a regular file or a block device.
 *
 * Invariants:
 *  1. Protocols (`json:`, `nbd:`, `http:` …) and paths below /dev and /proc are never opened: `any` opens local
 *     files only, and a block device only when the image itself is named by the user (/dev is refused here).
 *  2. A chain is at most MAX_DEPTH files deep and never meets the same file twice.
 *  3. A backing file whose format the image does not record is raw; it is never probed.
 */
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { Device } from '../device/device.ts';
import { FileDevice } from '../device/file.ts';
import type { BackingReference, Image, OpenContext } from '../drivers/driver.ts';
import { driverNamed } from '../drivers/registry.ts';
import { ImageError } from '../errors.ts';

export const FOLLOW_POLICIES = ['none', 'same-dir', 'any'] as const;
export type FollowPolicy = (typeof FOLLOW_POLICIES)[number];

/** QEMU refuses deeper chains too. */
const MAX_DEPTH = 200;

/** An image and what lies below it, as far as it was allowed to look. */
export interface Chain {
  readonly images: readonly Image[];
  /** The first backing file that was not opened. */
  readonly unopened?: string;
}

/** Opens what images name, and keeps the files to close them. */
export class Follower {
  readonly policy: FollowPolicy;
  readonly #passphrase: Uint8Array | undefined;
  readonly #files: FileDevice[] = [];

  /** `passphrase`: of every encrypted image of the chain. */
  constructor(policy: FollowPolicy, passphrase?: Uint8Array) {
    this.policy = policy;
    this.#passphrase = passphrase;
  }

  /** `of`: the file that names others. */
  context(of: FileDevice): OpenContext {
    return { name: of.name, openExternal: (name) => this.#open(of, name), passphrase: this.#passphrase };
  }

  /** Throws ImageError for a name that may not be followed, a file that is missing, or a chain that is a circle. */
  chain(top: Image, file: FileDevice): Chain {
    const images = [top];
    const seen = [file];
    for (let image = top; ; ) {
      const backing = image.info().backing;
      if (!backing) return { images };
      const from = seen[seen.length - 1] as FileDevice;
      const below = this.#open(from, backing.file);
      if (!below) return { images, unopened: backing.file };
      const same = seen.find((f) => f.identity.dev === below.identity.dev && f.identity.ino === below.identity.ino);
      if (same) throw circle(from, backing, same);
      if (images.length >= MAX_DEPTH) throw tooDeep(from);
      image = driverNamed(backing.format ?? 'raw').open(below, this.context(below));
      images.push(image);
      seen.push(below);
    }
  }

  close(): void {
    for (const file of this.#files.splice(0)) file.close();
  }

  #open(from: FileDevice, name: string): FileDevice | undefined {
    if (this.policy === 'none') return undefined;
    const path = allowedPath(from, name, this.policy);
    const known = this.#files.find((file) => file.path === path);
    if (known) return known;
    const file = new FileDevice(path);
    this.#files.push(file);
    if (this.policy === 'same-dir' && (file.path !== path || file.kind !== 'file')) {
      throw refused(from, name, 'it is a symbolic link or not a regular file');
    }
    return file;
  }
}

/** The path to open. Throws ImageError `not-followed` with the reason. */
function allowedPath(from: FileDevice, name: string, policy: 'same-dir' | 'any'): string {
  const local = name.startsWith('file:') ? name.slice('file:'.length) : name;
  const folder = dirname(from.path);
  if (local === '' || local.includes('\0')) throw refused(from, name, 'it is not a file name');
  if (/^[a-z0-9+.-]*:/i.test(local)) throw refused(from, name, 'it names a protocol, not a file');
  if (policy === 'same-dir') {
    if (basename(local) !== local || local === '..') throw refused(from, name, "it leads out of the image's folder");
    return join(folder, local);
  }
  const path = isAbsolute(local) ? resolve(local) : resolve(folder, local);
  if (/^\/(dev|proc|sys)(\/|$)/.test(path)) throw refused(from, name, 'it is a device or part of the system');
  return path;
}

function refused(from: Device, name: string, why: string): ImageError {
  return new ImageError({
    code: 'not-followed',
    class: 'unsupported',
    what: `${from.name} names the file '${name}', which is not opened: ${why}`,
    tryThis: 'without --follow, which shows the name and opens nothing',
  });
}

function circle(from: Device, backing: BackingReference, same: Device): ImageError {
  return new ImageError({
    code: 'backing-circle',
    class: 'consistency',
    what: `${from.name} names '${backing.file}' as its backing file, and that is ${same.name} again: a circle`,
  });
}

function tooDeep(from: Device): ImageError {
  return new ImageError({
    code: 'backing-too-deep',
    class: 'range',
    what: `${from.name}: more than ${MAX_DEPTH} backing files below one another`,
  });
}
