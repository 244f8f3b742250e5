/**
 * Whether another program holds the image open, as far as its locks tell. Linux lists every lock in /proc/locks with
 * the file's device and inode; taking none ourselves, we only look.
 *
 * QEMU takes open-file-description read locks on single bytes: 100 + n says "I use permission n", 200 + n says "I do
 * not share permission n" (0 consistent read, 1 write, 2 write unchanged, 3 resize). virtlockd takes a POSIX lock on
 * byte 0. Any other program's write lock counts as writing, any other lock as reading.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { ImageError } from '../errors.ts';
import { deviceNumbers, type FileDevice } from './file.ts';

export interface InUse {
  readonly heldForWriting: boolean;
  /** Held at all: a holder that only reads still relies on nobody writing. */
  readonly heldForReading: boolean;
  /** A process that holds it, where the system lets us see which. */
  readonly byPid?: number;
  readonly byName?: string;
}

/** One line of /proc/locks. */
export interface Lock {
  readonly kind: string;
  readonly mode: 'READ' | 'WRITE';
  /** `major:minor:inode`, the numbers as the kernel prints them (the first two hexadecimal). */
  readonly file: string;
  /** Bytes, both inclusive. */
  readonly start: number;
  readonly end: number;
}

const LOCK = /^\d+: (POSIX|OFDLCK|FLOCK)\s+\S+\s+(READ|WRITE)\s+-?\d+ ([0-9a-f]+:[0-9a-f]+:\d+) (\d+) (\d+|EOF)$/;
/** Bytes by which QEMU says that it writes or resizes. */
const QEMU_WRITES = [101, 103] as const;
const QEMU_BYTES = { first: 100, last: 203 } as const;
/** The first of the bytes by which QEMU says what it does not share. */
const QEMU_DENIES = 200;

/** The locks that are held; those only waited for (`->`), leases and delegations are none. */
export function parseLocks(text: string): Lock[] {
  return text.split('\n').flatMap((line) => {
    const match = LOCK.exec(line.trim());
    if (!match) return [];
    const [, kind, mode, file, start, end] = match as unknown as string[];
    return [
      {
        kind: kind as string,
        mode: mode === 'WRITE' ? 'WRITE' : 'READ',
        file: file as string,
        start: Number(start),
        end: end === 'EOF' ? Number.POSITIVE_INFINITY : Number(end),
      },
    ];
  });
}

/** What the locks on one file come to. */
export function meaningOf(locks: readonly Lock[]): { heldForWriting: boolean; heldForReading: boolean } {
  const writes = (lock: Lock): boolean => {
    if (lock.mode === 'WRITE') return true;
    const isQemus = lock.kind === 'OFDLCK' && lock.start >= QEMU_BYTES.first && lock.end <= QEMU_BYTES.last;
    return isQemus && QEMU_WRITES.some((byte) => lock.start <= byte && byte <= lock.end);
  };
  return { heldForWriting: locks.some(writes), heldForReading: locks.length > 0 };
}

/** Who holds the file, this process aside. On a system without /proc/locks nothing is known and nothing is held. */
export function inUse(file: FileDevice): InUse {
  const names = fileNames(file);
  const held = locksIn('/proc/locks').filter((lock) => names.has(lock.file));
  if (held.length === 0) return { heldForWriting: false, heldForReading: false };
  const others = without(held, locksOfProcess('self', names));
  const meaning = meaningOf(others);
  if (!meaning.heldForReading) return meaning;
  const byPid = holderOf(names);
  return byPid === undefined ? meaning : { ...meaning, byPid, byName: processName(byPid) };
}

/** QEMU's permissions, by the bytes it locks for them. */
const PERMISSIONS = ['consistent read', 'write', 'write unchanged', 'resize'] as const;
type Permission = (typeof PERMISSIONS)[number];

export interface LockNeeds {
  readonly uses: readonly Permission[];
  /** What nobody else may use meanwhile. */
  readonly denies: readonly Permission[];
}

/** What QEMU would say that it cannot lock, with others' locks as they are; undefined: nothing stands against it. */
export function lockConflict(file: FileDevice, { uses, denies }: LockNeeds): string | undefined {
  const names = fileNames(file);
  const held = locksIn('/proc/locks').filter((lock) => names.has(lock.file));
  if (held.length === 0) return undefined;
  const others = without(held, locksOfProcess('self', names));
  const isHeld = (byte: number): boolean => others.some(({ start, end }) => start <= byte && byte <= end);
  const first = (wanted: readonly Permission[], base: number): Permission | undefined =>
    PERMISSIONS.find((one, i) => wanted.includes(one) && isHeld(base + i));
  const used = first(uses, QEMU_DENIES);
  if (used !== undefined) return `Failed to get "${used}" lock`;
  const denied = first(denies, QEMU_BYTES.first);
  return denied === undefined ? undefined : `Failed to get shared "${denied}" lock`;
}

/** Throws ImageError `in-use` when anybody else holds the file. */
export function refuseWhenInUse(file: FileDevice): void {
  const { heldForWriting, heldForReading, byPid, byName } = inUse(file);
  if (!heldForReading) return;
  const who = byPid === undefined ? 'another program' : `${byName ?? 'a process'} (process ${byPid})`;
  throw new ImageError({
    code: 'in-use',
    what: `${file.name} is held by ${who}, for ${heldForWriting ? 'writing' : 'reading'}; writing to it now would destroy it`,
    tryThis: 'stop the virtual machine or the program that uses it, then commit again',
  });
}

/**
 * The names the file may have in /proc/locks. The kernel prints the file system's own device number there; some file
 * systems (btrfs, overlayfs) give another one in stat, and the table of mounts tells the first.
 */
function fileNames(file: FileDevice): ReadonlySet<string> {
  const { dev, ino } = file.identity;
  const name = ({ major, minor }: { major: number; minor: number }): string => `${hex2(major)}:${hex2(minor)}:${ino}`;
  const names = new Set([name(deviceNumbers(dev))]);
  const mount = /^mnt_id:\s+(\d+)$/m.exec(textOf(`/proc/self/fdinfo/${file.descriptor}`))?.[1];
  for (const line of textOf('/proc/self/mountinfo').split('\n')) {
    const [id, , device] = line.split(' ');
    const numbers = /^(\d+):(\d+)$/.exec(device ?? '');
    if (id === mount && numbers) names.add(name({ major: Number(numbers[1]), minor: Number(numbers[2]) }));
  }
  return names;
}

const hex2 = (value: number): string => value.toString(16).padStart(2, '0');

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // Gone meanwhile, or not ours to read: it tells us nothing.
    return '';
  }
}

/** /proc/…/fdinfo/N has the same lines, each behind `lock:`. */
function locksIn(path: string): Lock[] {
  return parseLocks(textOf(path).replaceAll(/^lock:\s*/gm, ''));
}

function locksOfProcess(pid: string, names: ReadonlySet<string>): Lock[] {
  return entries(`/proc/${pid}/fdinfo`)
    .flatMap((fd) => locksIn(`/proc/${pid}/fdinfo/${fd}`))
    .filter((lock) => names.has(lock.file));
}

function holderOf(names: ReadonlySet<string>): number | undefined {
  return entries('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map(Number)
    .find((pid) => locksOfProcess(String(pid), names).length > 0);
}

function processName(pid: number): string | undefined {
  return textOf(`/proc/${pid}/comm`).trim() || undefined;
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `held` less `ours`, one for one: two holders of the same bytes are two lines. */
function without(held: readonly Lock[], ours: readonly Lock[]): Lock[] {
  const key = (lock: Lock): string => `${lock.kind} ${lock.mode} ${lock.file} ${lock.start} ${lock.end}`;
  const left = ours.map(key);
  return held.filter((lock) => {
    const at = left.indexOf(key(lock));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
