/**
 * A regular file or a block device, opened once: afterwards only the descriptor is used, whatever happens to the
 * path. The one Device that touches the disk.
 *
 * Invariants:
 *  1. Opened read-only unless asked; `allowWrites` opens the very same file for writing, or throws.
 *  2. Symbolic links are resolved once, at open; a FIFO, socket, character device or folder is refused, unopened.
 *  3. A read or write is done wholly or throws an ImageError that names the file, the offset and the reason.
 *  4. A failed flush is final: nobody knows what is on the disk, so every later write and flush throws the same.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  statSync,
  writeSync,
} from 'node:fs';
import { EXACT_STATS } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import type { Device } from './device.ts';
import {
  differences,
  type FileIdentity,
  identityOf,
  identityOfDescriptor,
  identityOfPath,
  sameFile,
} from './identity.ts';
import { errnoOf, ioError } from './io-error.ts';

export type Access = 'read-only' | 'read-write';

/** Bytes. Offsets are doubles; beyond this they are no longer exact, and node:fs takes none. */
const OFFSET_LIMIT = Number.MAX_SAFE_INTEGER;

export class FileDevice implements Device {
  /** The path as the user gave it, for messages. */
  readonly name: string;
  /** The path with its symbolic links resolved, as at open. */
  readonly path: string;
  readonly kind: 'file' | 'block-device';
  readonly #fd: number;
  /** The same descriptor when opened read-write; undefined while nothing may be written. */
  #writeFd: number | undefined;
  #size: number;
  #identity: FileIdentity;
  #failure: ImageError | undefined;

  /**
   * `how` is for files that Platter itself makes: `create` makes a new one, for its owner only, and `no-follow`
   * refuses a symbolic link in its place.
   * Throws ImageError: `not-found`, `not-a-file`, `permission-denied`, `symlink-loop`, `bad-file-name`,
   * `read-only-file-system`, `io-error`, `file-exists`.
   */
  constructor(name: string, access: Access = 'read-only', how: 'follow' | 'no-follow' | 'create' = 'follow') {
    this.name = name;
    try {
      this.path = how === 'follow' ? realpathSync(name) : name;
      if (how === 'create') {
        this.kind = 'file';
        this.#fd = openSync(name, openFlags('read-write') | constants.O_CREAT | constants.O_EXCL, 0o600);
      } else {
        this.kind = kindOf(name, (how === 'follow' ? statSync : lstatSync)(this.path, EXACT_STATS));
        this.#fd = openSync(this.path, openFlags(access));
      }
    } catch (error) {
      throw ioError(error, name, how === 'create' ? 'make it' : `open it ${access}`);
    }
    if (access === 'read-write' || how === 'create') this.#writeFd = this.#fd;
    // Between the look at the path and the open, another file may have taken its place: only the descriptor counts.
    const stats = fstatSync(this.#fd, EXACT_STATS);
    kindOf(name, stats);
    this.#identity = identityOf(stats);
    this.#size = this.kind === 'file' ? this.#identity.size : blockDeviceSize(name, stats);
  }

  get size(): number {
    return this.#size;
  }

  get writable(): boolean {
    return this.#writeFd !== undefined;
  }

  /** For the devices of a kernel interface that needs it (/proc/self/fdinfo). Valid until `close`. */
  get descriptor(): number {
    return this.#fd;
  }

  /** As it was at open, or at the last `refresh`. */
  get identity(): FileIdentity {
    return this.#identity;
  }

  /** When it was last written to, milliseconds since 1970, as it is now. */
  get mtimeMs(): number {
    return fstatSync(this.#fd).mtimeMs;
  }

  /** The user who owns it. */
  get owner(): number {
    return fstatSync(this.#fd).uid;
  }

  /** Sets its modification time to now, where the system lets us: only a file's owner may. */
  touch(): void {
    const now = Date.now() / 1000;
    try {
      futimesSync(this.#fd, now, now);
    } catch (error) {
      if (errnoOf(error) !== 'EPERM') throw ioError(error, this.name, 'set its modification time');
    }
  }

  /** How many names (hard links) lead to it. */
  get linkCount(): number {
    return fstatSync(this.#fd).nlink;
  }

  /**
   * What changed since open or the last `refresh`, one phrase each, and whether the path still leads here. Empty: it
   * is the same file in the same state.
   */
  changed(): readonly string[] {
    const changes = differences(this.#identity, identityOfDescriptor(this.#fd));
    const there = identityOfPath(this.path);
    if (!there) changes.push('its path leads nowhere any more');
    else if (!sameFile(this.#identity, there)) changes.push('another file stands at its path');
    return changes;
  }

  /** Takes the file's present state as the one that `changed` compares with: after our own writes. */
  refresh(): void {
    this.#identity = identityOfDescriptor(this.#fd);
    if (this.kind === 'file') this.#size = this.#identity.size;
  }

  /**
   * Opens the same file for writing as well. Throws ImageError `file-changed` when the path leads to another file by
   * now, and as the constructor does. Nothing to do for a file opened read-write.
   */
  allowWrites(): void {
    if (this.#writeFd !== undefined) return;
    let fd: number;
    try {
      fd = openSync(this.path, openFlags('read-write'));
    } catch (error) {
      throw ioError(error, this.name, 'open it for writing');
    }
    if (!sameFile(identityOfDescriptor(fd), this.#identity)) {
      closeSync(fd);
      throw new ImageError({
        code: 'file-changed',
        what: `${this.name}: another file stands at its path than the one that was opened`,
        tryThis: 'open it again',
      });
    }
    this.#writeFd = fd;
  }

  /** Takes back `allowWrites`. */
  denyWrites(): void {
    if (this.#writeFd === undefined || this.#writeFd === this.#fd) return;
    closeSync(this.#writeFd);
    this.#writeFd = undefined;
  }

  read(offset: number, target: Uint8Array): void {
    const present = Math.max(0, Math.min(target.length, this.#size - offset));
    if (present < target.length) target.fill(0, present);
    if (present === 0) return;
    this.#checkOffset(offset, present);
    let done = 0;
    try {
      while (done < present) {
        const count = readSync(this.#fd, target, done, present - done, offset + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw ioError(error, this.name, `read ${present} bytes`, offset, present);
    }
    if (done < present) {
      throw new ImageError({
        code: 'file-changed',
        class: 'eof',
        what: `${this.name}: the file ends at ${offset + done} bytes, but was ${this.#size} bytes long when it was opened`,
        where: { offset: offset + done, length: present - done, file: this.name },
        tryThis: 'open it again',
      });
    }
  }

  write(offset: number, bytes: Uint8Array, _what?: string): void {
    const fd = this.#writable();
    this.#checkOffset(offset, bytes.length);
    if (this.kind === 'block-device' && offset + bytes.length > this.#size)
      throw this.#fixedSize(offset + bytes.length);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
    } catch (error) {
      throw ioError(error, this.name, `write ${bytes.length} bytes`, offset, bytes.length);
    } finally {
      if (done > 0) this.#size = Math.max(this.#size, offset + done);
    }
  }

  resize(size: number): void {
    const fd = this.#writable();
    this.#checkOffset(size, 0);
    if (this.kind === 'block-device') throw this.#fixedSize(size);
    try {
      ftruncateSync(fd, size);
    } catch (error) {
      throw ioError(error, this.name, `make it ${size} bytes long`);
    }
    this.#size = size;
  }

  /** fdatasync. Throws ImageError `flush-failed`, and from then on every write and flush throws it again. */
  flush(): void {
    const fd = this.#writable();
    try {
      fdatasyncSync(fd);
    } catch (error) {
      // The kernel marks failed pages clean, so a second fsync would succeed without having written them.
      this.#failure = new ImageError({
        code: 'flush-failed',
        what: `${this.name}: the disk did not confirm what was written (${errnoOf(error) ?? error}): its state is unknown`,
        tryThis: 'close the image, look at the system log, then run check',
      });
      throw this.#failure;
    }
  }

  close(): void {
    this.denyWrites();
    closeSync(this.#fd);
  }

  /** The descriptor for writing. */
  #writable(): number {
    if (this.#writeFd === undefined) throw new Error(`${this.name} was opened read-only; a write is a bug`);
    if (this.#failure) throw this.#failure;
    return this.#writeFd;
  }

  #checkOffset(offset: number, length: number): void {
    if (Number.isInteger(offset) && offset >= 0 && offset + length <= OFFSET_LIMIT) return;
    throw new ImageError({
      code: 'offset-too-large',
      class: 'range',
      what: `${this.name}: cannot reach offset ${offset}: whole offsets from 0 to 2^53-1 are supported in a file`,
      where: { offset, length, file: this.name },
    });
  }

  #fixedSize(size: number): ImageError {
    return new ImageError({
      code: 'fixed-size',
      class: 'size',
      what: `${this.name}: a block device of ${this.#size} bytes cannot become ${size} bytes long`,
    });
  }
}

function openFlags(access: Access): number {
  // O_NONBLOCK: should a FIFO have taken the file's place, the open must not wait for its other end.
  const {
    O_RDONLY,
    O_RDWR,
    O_NOFOLLOW,
    O_NONBLOCK,
    O_CLOEXEC = 0,
  } = constants as typeof constants & { O_CLOEXEC?: number };
  return (access === 'read-write' ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
}

/** Throws ImageError `not-a-file` for what is neither a regular file nor a block device. */
function kindOf(name: string, stats: BigIntStats): 'file' | 'block-device' {
  if (stats.isFile()) return 'file';
  if (stats.isBlockDevice()) return 'block-device';
  const found = stats.isDirectory()
    ? 'a folder'
    : stats.isFIFO()
      ? 'a FIFO'
      : stats.isSocket()
        ? 'a socket'
        : stats.isCharacterDevice()
          ? 'a character device'
          : 'something else';
  throw new ImageError({
    code: 'not-a-file',
    what: `${name} is ${found}; an image is a regular file or a block device`,
  });
}

/** Bytes. A block device's length is not in its stat; the kernel tells it in sectors of 512 bytes in /sys. */
function blockDeviceSize(name: string, stats: BigIntStats): number {
  const { major, minor } = deviceNumbers(String(stats.rdev));
  try {
    return Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'latin1').trim()) * 512;
  } catch (error) {
    throw ioError(error, name, 'find the length of the block device');
  }
}

/** Major and minor number out of Linux's 64-bit device number (decimal text; below 2^53 in practice). */
export function deviceNumbers(dev: string): { readonly major: number; readonly minor: number } {
  const value = Number(dev);
  const low = value % 2 ** 32;
  const high = Math.floor(value / 2 ** 32);
  const major = ((low >>> 8) & 0xfff) + Math.floor(high / 2 ** 12) * 2 ** 12;
  const minor = (low & 0xff) + (((low >>> 20) << 8) >>> 0) + (high & 0xfff) * 2 ** 20;
  return { major, minor };
}
