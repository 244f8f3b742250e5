/**
 * A commit that only is written down: the protocol of commit-core.ts runs on a site that records every call and
 * touches nothing. `plan` shows the record, `crash` asks of each moment of it what a power cut would leave; so neither
 * can say anything else than `commit` does (test/oracle/plan.test.ts compares it with the system calls).
 *
 * Invariants:
 *  1. The file is read, never written; no name is made beside it.
 *  2. Events are in the order of the calls.
 */
import type { Progress } from '../bytes/progress.ts';
import type { ByteLog } from './byte-log.ts';
import { commitOn } from './commit-core.ts';
import type { CommitSite } from './commit-site.ts';
import type { CommitResult, CommitRules, CommitSource } from './commit-source.ts';
import { type Device, readBytes } from './device.ts';
import { MemoryDevice } from './memory.ts';
import { SECTOR } from './page-store.ts';
import { Pieces } from './pieces.ts';

export type RecordedFile = 'image' | 'journal';

/**
 * What a write to the image is: `fresh` where the old image claims nothing, `header` the one sector that is written
 * last, `overwrite` all else.
 */
export type WriteStage = 'fresh' | 'overwrite' | 'header' | 'journal';

export interface RecordedWrite {
  readonly op: 'write';
  readonly file: RecordedFile;
  readonly stage: WriteStage;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  /** Where its bytes begin in the log; 0 when there is none. */
  readonly at: number;
  /** For people. */
  readonly what: string;
}

export type RecordedEvent =
  | RecordedWrite
  | { readonly op: 'resize'; readonly file: RecordedFile; readonly from: number; readonly size: number }
  | { readonly op: 'flush'; readonly file: RecordedFile }
  /** The journal's name: made, removed, or given to the rollback file as well. */
  | { readonly op: 'create' | 'remove' | 'keep' }
  | { readonly op: 'sync-folder' };

export interface Recording {
  /** The file as it is. */
  readonly base: Device;
  readonly events: readonly RecordedEvent[];
  /** What the writes write; undefined when only sizes were recorded. */
  readonly log: ByteLog | undefined;
  readonly imageId: { readonly dev: string; readonly ino: string };
  readonly journalName: string;
  readonly rules: CommitRules;
  readonly result: CommitResult;
}

/** What a recording has to know of the file that it is not given by a device. */
export interface RecordedPlace {
  readonly image: Device;
  readonly imageId: { readonly dev: string; readonly ino: string };
  readonly mtimeNs: string;
  readonly fixedSize: boolean;
  readonly journalName: string;
}

/** Runs the protocol on paper. With a `log` the bytes are kept. Throws what the commit would throw before it writes. */
export function* recordCommit(
  place: RecordedPlace,
  source: CommitSource,
  rules: CommitRules,
  log?: ByteLog,
): Generator<Progress, Recording> {
  const site = new RecordingSite(place, source, log);
  const result = yield* commitOn(site, site.heard(source), rules);
  const { imageId, journalName, image: base } = place;
  return { base, events: site.events, log, imageId, journalName, rules, result };
}

/**
 * The writes of `planned` as a program does them that knows no better: in the order of the file, the header first
 * because it stands first, no journal, and one flush at the end. `now` holds what shall be written.
 */
export function* recordNaive(
  place: RecordedPlace,
  planned: Recording,
  now: Device,
  log?: ByteLog,
): Generator<Progress, Recording> {
  const site = new RecordingSite(place, undefined, log);
  const { image } = site;
  const writes = planned.events.filter((event) => event.op === 'write').filter(({ file }) => file === 'image');
  const { newSize } = planned.result;
  let done = 0;
  for (const { offset, length, what } of writes.toSorted((a, b) => a.offset - b.offset)) {
    image.write(offset, readBytes(now, offset, length), what);
    yield { what: 'naive order', done: ++done, total: writes.length };
  }
  if (image.size !== newSize) image.resize(newSize);
  image.flush();
  return { ...planned, events: site.events, log };
}

class RecordingSite implements CommitSite {
  readonly image: Device;
  readonly imageId: { readonly dev: string; readonly ino: string };
  readonly fixedSize: boolean;
  readonly journalName: string;
  readonly events: RecordedEvent[] = [];
  readonly #mtimeNs: string;
  readonly #log: ByteLog | undefined;
  #journal: Device | undefined;
  #header: number | undefined;

  constructor(place: RecordedPlace, source: CommitSource | undefined, log: ByteLog | undefined) {
    this.imageId = place.imageId;
    this.fixedSize = place.fixedSize;
    this.journalName = place.journalName;
    this.#mtimeNs = place.mtimeNs;
    this.#log = log;
    const oldSize = source?.oldSize ?? place.image.size;
    const isFresh = (offset: number, length: number): boolean =>
      offset >= oldSize || (source?.free.covers(offset, Math.min(length, oldSize - offset)) ?? false);
    this.image = this.#recorded('image', place.image, (offset, length) => {
      if (isFresh(offset, length)) return 'fresh';
      return offset === this.#header && length === SECTOR ? 'header' : 'overwrite';
    });
  }

  /** The source, listened to: what it calls the header is the header. */
  heard(source: CommitSource): CommitSource {
    const { oldSize, free, verify } = source;
    return {
      oldSize,
      free,
      fresh: (out) => source.fresh(out),
      ...(verify && { verify: () => verify.call(source) }),
      final: () => {
        const final = source.final();
        this.#header = final.header?.offset;
        return final;
      },
    };
  }

  imageMtime(): string {
    return this.#mtimeNs;
  }

  check(): void {}

  settle(): void {}

  openJournal(): Device | undefined {
    return this.#journal;
  }

  createJournal(): Device {
    this.events.push({ op: 'create' });
    this.#journal = this.#recorded('journal', new MemoryDevice(0, this.journalName), () => 'journal');
    return this.#journal;
  }

  removeJournal(): void {
    this.events.push({ op: 'remove' }, { op: 'sync-folder' });
    this.#journal = undefined;
  }

  keepJournal(): string {
    this.events.push({ op: 'keep' }, { op: 'sync-folder' });
    this.removeJournal();
    return 'the rollback file';
  }

  syncFolder(): void {
    this.events.push({ op: 'sync-folder' });
  }

  heartbeat(): void {}

  writtenSince(): boolean {
    return false;
  }

  #recorded(file: RecordedFile, base: Device, stageOf: (offset: number, length: number) => WriteStage): Device {
    const { events } = this;
    const log = this.#log;
    const now = new Pieces(base, log);
    return {
      name: base.name,
      get size() {
        return now.size;
      },
      read(offset, target) {
        now.read(offset, target);
      },
      write(offset, bytes, what = '') {
        if (bytes.length === 0) return;
        const { length } = bytes;
        const at = log?.append(bytes) ?? 0;
        events.push({ op: 'write', file, stage: stageOf(offset, length), offset, length, at, what });
        now.put(offset, length, at);
      },
      resize(size) {
        events.push({ op: 'resize', file, from: now.size, size });
        now.resize(size);
      },
      flush() {
        events.push({ op: 'flush', file });
      },
    };
  }
}
