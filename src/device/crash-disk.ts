/**
 * One state of crash-states.ts as files that can be read: the image and the journal beside it, as overlays over the
 * file and the log of the recording. And the same as a place where recovery can work, without touching either.
 */
import type { CommitSite } from './commit-site.ts';
import { type CrashState, keptEvents, tornParts } from './crash-states.ts';
import type { Device } from './device.ts';
import { MemoryDevice } from './memory.ts';
import { Pieces } from './pieces.ts';
import type { RecordedFile, Recording } from './recording.ts';
import { StagedDevice } from './staged.ts';

export interface CrashFiles {
  readonly image: Device;
  /** Undefined: no journal can be seen beside the image. */
  readonly journal: Device | undefined;
}

/** Bytes of what recovery writes that are kept in memory. */
const RECOVERY_MEMORY = 8 * 2 ** 20;

/** Builds states of one recording; quick when they are asked for in order. */
export class CrashDisk {
  readonly #recording: Recording;
  /** What is on the disk for certain when a segment begins. */
  #durable: { readonly from: number; readonly files: Files } | undefined;

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  /** The disk in that state. Valid as long as the recording's file and log are open. */
  files(state: CrashState): CrashFiles {
    const { segment } = state;
    const { events } = this.#recording;
    const files = copyOf(this.#durableAt(segment.from, segment.pending));
    const kept = keptEvents(state);
    for (const i of segment.pending) {
      const event = events[i];
      if (!event || !kept.has(i)) continue;
      if (event.op === 'write' && i === state.torn?.event) {
        const device = files[event.file];
        const end = event.offset + event.length;
        if (device.size < end) device.resize(end);
        for (const { offset, length } of tornParts(event, state.torn.how, state.torn.seed)) {
          device.put(event.offset + offset, length, event.at + offset);
        }
      } else apply(files, event);
    }
    return { image: files.image, journal: files.named ? files.journal : undefined };
  }

  /** All events before `from`, but those that are still pending. */
  #durableAt(from: number, pending: readonly number[]): Files {
    const known = this.#durable;
    if (known?.from === from) return known.files;
    const { base, events, log } = this.#recording;
    const files: Files = {
      image: new Pieces(base, log),
      journal: new Pieces(new MemoryDevice(0, this.#recording.journalName), log),
      named: false,
    };
    const open = new Set(pending);
    events.slice(0, from).forEach((event, i) => {
      if (!open.has(i)) apply(files, event);
    });
    this.#durable = { from, files };
    return files;
  }
}

type Files = Record<RecordedFile, Pieces> & { named: boolean };

function copyOf({ image, journal, named }: Files): Files {
  return { image: image.clone(), journal: journal.clone(), named };
}

function apply(files: Files, event: Recording['events'][number]): void {
  switch (event.op) {
    case 'write':
      files[event.file].put(event.offset, event.length, event.at);
      return;
    case 'resize':
      files[event.file].resize(event.size);
      return;
    case 'create':
      files.named = true;
      return;
    case 'remove':
      files.named = false;
      return;
    default:
  }
}

/** A crashed disk as a place for recovery to work in; all it writes is staged, and gone with `close`. */
export class CrashSite implements CommitSite {
  readonly image: StagedDevice;
  readonly imageId: { readonly dev: string; readonly ino: string };
  readonly fixedSize = false;
  readonly journalName: string;
  #journal: StagedDevice | undefined;

  constructor({ image, journal }: CrashFiles, { imageId, journalName }: Recording) {
    this.imageId = imageId;
    this.journalName = journalName;
    this.image = staged(image);
    this.#journal = journal && staged(journal);
  }

  imageMtime(): string {
    return '0';
  }

  check(): void {}

  settle(): void {}

  openJournal(): Device | undefined {
    return this.#journal;
  }

  createJournal(): Device {
    throw new Error('recovery makes no journal');
  }

  removeJournal(): void {
    this.#journal?.reset();
    this.#journal = undefined;
  }

  keepJournal(): string {
    this.removeJournal();
    return 'the rollback file';
  }

  syncFolder(): void {}

  heartbeat(): void {}

  writtenSince(): boolean {
    return false;
  }

  close(): void {
    this.image.reset();
    this.removeJournal();
  }
}

function staged(device: Device): StagedDevice {
  const layer = new StagedDevice(device, { memoryLimit: RECOVERY_MEMORY });
  layer.begin('recovery');
  return layer;
}
