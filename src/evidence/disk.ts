/**
 * What the content of a guest's disk tells about where on the disk it lies. This room knows partition tables and file
 * systems and no image format: the rescue of every format asks here.
 *
 *  1. Nothing here trusts a byte: numbers are compared with the disk before they are used, loops are bounded.
 *  2. Numbers of guests are little-endian; offsets are guest bytes unless a name says otherwise.
 */

/** A disk of which only parts are known. */
export interface Disk {
  /** Bytes. */
  readonly size: number;
  /** Fills `target` from `guest`; false where any of it is not known. */
  read(guest: number, target: Uint8Array): boolean;
  /** The same, with zeros for what is not known: for what carries a checksum. */
  guess?(guest: number, target: Uint8Array): void;
}

/** A part of a disk. Bytes. */
export interface Partition {
  readonly start: number;
  readonly length: number;
  /** 'GPT partition 1'. */
  readonly name: string;
}

/** Something in a cluster that says where it lies. */
export interface Clue {
  /** 'GPT header', 'ext4 superblock of group 3'. */
  readonly what: string;
  /** Byte in the cluster at which it stands. */
  readonly at: number;
  /** Guest byte at which it must stand; absent where only the place within a file system is known. */
  readonly guest?: number;
  /** The file system it is of, and the byte in it at which it must stand. */
  readonly within?: {
    readonly volume: string;
    readonly offset: number;
    readonly length: number;
    readonly start?: number;
  };
  /** The disk's size that it implies. */
  readonly diskSize?: number;
  /** Checksummed, or several fields that agree: good enough alone. */
  readonly isStrong: boolean;
}

/** What is known of the use of a range of the disk. */
export type Usage = 'unknown' | 'free' | 'used' | 'maybe';

/** A file system that was found where it must be. */
export interface Volume {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  /** Of guest bytes inside the volume: `used` is something written, `maybe` what may be all zeros although it is in use. */
  usage(from: number, to: number): Usage;
  /** Where the content says it lies: guest bytes for the cluster's first byte. */
  claims(cluster: Uint8Array): Iterable<Claim>;
}

/** A cluster's own word on its place. */
export interface Claim {
  /** Guest byte of the cluster's first byte. */
  readonly guest: number;
  readonly what: string;
  readonly isStrong: boolean;
}

/** As `bytesOf`, with zeros for what is not known. The caller has to check a sum. */
export function guessedBytes(disk: Disk, guest: number, length: number): Uint8Array | undefined {
  const known = bytesOf(disk, guest, length);
  if (known || !disk.guess || guest < 0 || guest + length > disk.size) return known;
  const bytes = new Uint8Array(length);
  disk.guess(guest, bytes);
  return bytes;
}

/** Reads into a fresh array; undefined where the disk does not know. */
export function bytesOf(disk: Disk, guest: number, length: number): Uint8Array | undefined {
  if (guest < 0 || length < 0 || guest + length > disk.size) return undefined;
  const bytes = new Uint8Array(length);
  return disk.read(guest, bytes) ? bytes : undefined;
}
