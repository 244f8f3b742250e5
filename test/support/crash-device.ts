/**
 * A disk that remembers what reached it and in which order, so that a test can ask: had the machine stopped here,
 * what could be found on it? Files, their lengths and their names are all subject to loss.
 *
 * The model: a sector of 512 bytes is written wholly or not at all. What was written to a file since its last flush
 * may be there in any subset, torn at sector borders, and the length it grew to may be there without it. A name made
 * or removed is certain only after the folder was flushed.
 */
import type { CommitSite } from '../../src/device/commit-site.ts';
import type { Device } from '../../src/device/device.ts';
import { Fuse } from '../../src/device/faulty.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { ImageError } from '../../src/errors.ts';
import type { Random } from './random.ts';

type DiskEvent =
  | { readonly op: 'write'; readonly inode: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly op: 'resize'; readonly inode: number; readonly size: number }
  | { readonly op: 'flush'; readonly inode: number }
  | { readonly op: 'link'; readonly name: string; readonly inode: number }
  | { readonly op: 'unlink'; readonly name: string }
  | { readonly op: 'sync-folder' };

/** What is on a disk: content by name. */
export type DiskState = ReadonlyMap<string, Uint8Array>;

/** At most this many pending events are tried in every subset; beyond, a seeded sample of as many subsets. */
const EXHAUSTIVE = 6;
const SECTOR = 512;

export class CrashDisk {
  readonly events: DiskEvent[] = [];
  readonly fuse: Fuse;
  readonly #initial = new Map<string, number>();
  readonly #initialBytes: Uint8Array[] = [];
  readonly #live: MemoryDevice[] = [];
  readonly #names = new Map<string, number>();

  constructor(state: DiskState, fuse = new Fuse({ at: Number.POSITIVE_INFINITY, kind: 'fail' })) {
    this.fuse = fuse;
    for (const [name, bytes] of state) {
      this.#initial.set(name, this.#initialBytes.length);
      this.#names.set(name, this.#initialBytes.length);
      this.#initialBytes.push(bytes);
      this.#live.push(new MemoryDevice(bytes, name));
    }
  }

  /** As a running program sees it. */
  get state(): DiskState {
    return new Map([...this.#names].map(([name, inode]) => [name, (this.#live[inode] as MemoryDevice).bytes()]));
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  open(name: string): Device {
    const inode = this.#names.get(name);
    if (inode === undefined) throw new ImageError({ code: 'not-found', what: `${name} is not there` });
    const live = this.#live[inode] as MemoryDevice;
    const { events, fuse } = this;
    const write = (offset: number, bytes: Uint8Array): void => {
      events.push({ op: 'write', inode, offset, bytes: bytes.slice() });
      live.write(offset, bytes);
    };
    return {
      name,
      get size() {
        return live.size;
      },
      read(offset, target) {
        fuse.spend('read');
        live.read(offset, target);
      },
      write(offset, bytes) {
        fuse.spend('write', () => {
          const border = Math.floor((offset + bytes.length / 2) / SECTOR) * SECTOR;
          if (border > offset) write(offset, bytes.subarray(0, border - offset));
        });
        write(offset, bytes);
      },
      resize(size) {
        fuse.spend('resize');
        events.push({ op: 'resize', inode, size });
        live.resize(size);
      },
      flush() {
        fuse.spend('flush');
        events.push({ op: 'flush', inode });
      },
    };
  }

  create(name: string): Device {
    this.fuse.spend('create');
    if (this.#names.has(name)) throw new ImageError({ code: 'file-exists', what: `${name} is there already` });
    const inode = this.#live.length;
    this.#live.push(new MemoryDevice(0, name));
    this.#name(name, inode);
    return this.open(name);
  }

  link(from: string, to: string): void {
    this.fuse.spend('link');
    if (this.#names.has(to)) throw new ImageError({ code: 'file-exists', what: `${to} is there already` });
    this.#name(to, this.#names.get(from) as number);
  }

  remove(name: string): void {
    this.fuse.spend('remove');
    this.events.push({ op: 'unlink', name });
    this.#names.delete(name);
  }

  syncFolder(): void {
    this.fuse.spend('sync-folder');
    this.events.push({ op: 'sync-folder' });
  }

  /** States the disk may be found in if the machine stops after `count` events. */
  *statesAfter(count: number, random: Random): Generator<DiskState> {
    const past = this.events.slice(0, count);
    const pending = past.map((event, i) => isPending(event, past.slice(i + 1)));
    const open = pending.flatMap((is, i) => (is ? [i] : []));
    const kept = (choose: (at: number) => boolean): boolean[] => past.map((_, i) => !pending[i] || choose(i));

    if (open.length <= EXHAUSTIVE) {
      for (let subset = 0; subset < 2 ** open.length; subset++) {
        yield this.#build(
          past,
          kept((i) => ((subset >>> open.indexOf(i)) & 1) === 1),
        );
      }
    } else {
      yield this.#build(
        past,
        kept(() => false),
      );
      yield this.#build(
        past,
        kept(() => true),
      );
      for (let i = 0; i < 2 ** EXHAUSTIVE; i++)
        yield this.#build(
          past,
          kept(() => random.chance(0.5)),
        );
    }
    for (const torn of open) {
      const event = past[torn];
      if (event?.op !== 'write') continue;
      // Its sectors in part, its length without it, and the rest at random.
      for (const part of [random.int(0, 0xffff), 0]) {
        yield this.#build(
          past,
          kept(() => random.chance(0.5)),
          { torn, part },
        );
      }
    }
  }

  #name(name: string, inode: number): void {
    this.events.push({ op: 'link', name, inode });
    this.#names.set(name, inode);
  }

  /** `tear`: of that event only the sectors whose bit in `part` is set, and the length. */
  #build(
    past: readonly DiskEvent[],
    kept: readonly boolean[],
    tear?: { readonly torn: number; readonly part: number },
  ): DiskState {
    const files = new Map<number, MemoryDevice>();
    const file = (inode: number): MemoryDevice => {
      const found = files.get(inode) ?? new MemoryDevice(this.#initialBytes[inode] ?? 0);
      files.set(inode, found);
      return found;
    };
    const names = new Map(this.#initial);
    past.forEach((event, i) => {
      if (event.op === 'write' && i === tear?.torn) {
        const target = file(event.inode);
        target.resize(Math.max(target.size, event.offset + event.bytes.length));
        writeSectors(target, event.offset, event.bytes, tear.part);
        return;
      }
      if (!kept[i]) return;
      if (event.op === 'write') file(event.inode).write(event.offset, event.bytes);
      else if (event.op === 'resize') file(event.inode).resize(event.size);
      else if (event.op === 'link') names.set(event.name, event.inode);
      else if (event.op === 'unlink') names.delete(event.name);
    });
    return new Map([...names].map(([name, inode]) => [name, file(inode).bytes()]));
  }
}

/** Whether an event may be lost: nothing after it makes it durable. */
function isPending(event: DiskEvent, later: readonly DiskEvent[]): boolean {
  switch (event.op) {
    case 'write':
    case 'resize':
      return !later.some((e) => e.op === 'flush' && e.inode === event.inode);
    case 'link':
    case 'unlink':
      return !later.some((e) => e.op === 'sync-folder');
    default:
      return false;
  }
}

function writeSectors(target: Device, offset: number, bytes: Uint8Array, part: number): void {
  let sector = 0;
  for (let at = 0; at < bytes.length; sector++) {
    const next = Math.min(bytes.length, at + SECTOR - ((offset + at) % SECTOR));
    if ((part >>> (sector % 16)) & 1) target.write(offset + at, bytes.subarray(at, next));
    at = next;
  }
}

export const IMAGE = 'image';
export const JOURNAL = 'image.platter-journal';
export const ROLLBACK = 'rollback';

/** A commit's place on a CrashDisk. */
export class CrashSite implements CommitSite {
  readonly disk: CrashDisk;
  readonly image: Device;
  readonly imageId = { dev: '1', ino: '18446744073709551615' };
  readonly journalName = JOURNAL;
  fixedSize = false;
  /** What `writtenSince` answers. */
  foreign = false;

  constructor(disk: CrashDisk) {
    this.disk = disk;
    this.image = disk.open(IMAGE);
  }

  imageMtime(): string {
    return '1700000000000000000';
  }

  check(): void {}

  settle(): void {}

  openJournal(): Device | undefined {
    return this.disk.has(JOURNAL) ? this.disk.open(JOURNAL) : undefined;
  }

  createJournal(): Device {
    return this.disk.create(JOURNAL);
  }

  removeJournal(): void {
    if (this.disk.has(JOURNAL)) this.disk.remove(JOURNAL);
    this.disk.syncFolder();
  }

  keepJournal(): string {
    if (!this.disk.has(ROLLBACK)) this.disk.link(JOURNAL, ROLLBACK);
    this.disk.syncFolder();
    this.removeJournal();
    return ROLLBACK;
  }

  syncFolder(): void {
    this.disk.syncFolder();
  }

  heartbeat(): void {}

  writtenSince(): boolean {
    return this.foreign;
  }
}
