/**
 * The place a commit works in: the image, and the folder it lies in with the journal beside it. An interface, so that
 * the protocol runs the same over real files and over a simulated disk that loses, tears and reorders writes.
 */
import type { Device } from './device.ts';

export interface CommitSite {
  /** Open for writing. */
  readonly image: Device;
  /** Which file the image is: decimal text. */
  readonly imageId: { readonly dev: string; readonly ino: string };
  /** The image cannot grow or shrink: a block device. */
  readonly fixedSize: boolean;
  /** The image's modification time now, nanoseconds as decimal text. */
  imageMtime(): string;
  /** Throws ImageError when the image is not as it was at open or at the last `settle`, or is in use by others. */
  check(): void;
  /** The image's present state is our own doing. */
  settle(): void;
  /** Where the journal lies or would lie, for messages. */
  readonly journalName: string;
  /** The journal that lies there, or undefined. Throws ImageError when it is not a file of ours. */
  openJournal(): Device | undefined;
  /** An empty new journal, its name durable only after `syncFolder`. Throws ImageError when one exists. */
  createJournal(): Device;
  /** Removes it, durably. */
  removeJournal(): void;
  /** Gives the journal the name of the rollback file, durably; answers that name. */
  keepJournal(): string;
  syncFolder(): void;
  /** Marks the time of our last write to the image, on the journal. */
  heartbeat(journal: Device): void;
  /** Whether the image was written to after the last heartbeat: then by somebody else. */
  writtenSince(journal: Device): boolean;
}
