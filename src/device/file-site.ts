/**
 * A commit's place on a real disk: the image's file, and `<image>.platter-journal` beside it.
 *
 * Files made here are new (O_EXCL), not reached through links (O_NOFOLLOW), for their owner only (0600), and durable
 * with their names (the folder is flushed too).
 */
import { closeSync, constants, fsyncSync, linkSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ImageError } from '../errors.ts';
import { COMBINED } from './combining.ts';
import type { CommitSite } from './commit-site.ts';
import { type Device, readBytes } from './device.ts';
import { FileDevice } from './file.ts';
import { identityOfDescriptor, identityOfPath, sameFile } from './identity.ts';
import { refuseWhenInUse } from './in-use.ts';
import { errnoOf, ioError } from './io-error.ts';
import { journalPathOf } from './journal-path.ts';

/** Milliseconds: how much later than our heartbeat the image's own time may lie and still be our own write. */
const HEARTBEAT_SLACK = 2000;

export class FileSite implements CommitSite {
  readonly image: FileDevice;
  readonly journalName: string;
  readonly #rollbackPath: string;
  #journal: FileDevice | undefined;

  /** `rollbackPath`: where a kept journal goes; beside the image when absent. */
  constructor(image: FileDevice, rollbackPath?: string) {
    this.image = image;
    this.journalName = journalPathOf(image);
    this.#rollbackPath = resolve(rollbackPath ?? `${image.path}.platter-rollback`);
  }

  get imageId(): { readonly dev: string; readonly ino: string } {
    return this.image.identity;
  }

  get fixedSize(): boolean {
    return this.image.kind === 'block-device';
  }

  imageMtime(): string {
    return identityOfDescriptor(this.image.descriptor).mtimeNs;
  }

  check(): void {
    const changes = this.image.changed();
    if (changes.length > 0) {
      throw new ImageError({
        code: 'file-changed',
        what: `${this.image.name} is not as it was when it was opened: ${changes.join('; ')}`,
        tryThis: 'close it and open it again',
      });
    }
    refuseWhenInUse(this.image);
  }

  settle(): void {
    this.image.refresh();
  }

  openJournal(): Device | undefined {
    if (this.#journal) return this.#journal;
    if (!lstatSync(this.journalName, { throwIfNoEntry: false })) return undefined;
    const journal = new FileDevice(this.journalName, 'read-write', 'no-follow');
    const owners = [this.image.owner, process.getuid?.() ?? journal.owner];
    if (journal.kind !== 'file' || !owners.includes(journal.owner)) {
      journal.close();
      throw new ImageError({
        code: 'journal-damaged',
        what: `${this.journalName} is not a file of the image's owner, nor of this user: it is not believed`,
        tryThis: 'find out who put it there; remove it if the image is sound',
      });
    }
    this.#journal = journal;
    return journal;
  }

  createJournal(): Device {
    if (this.image.kind !== 'file') {
      throw new ImageError({
        code: 'no-journal',
        what: `${this.image.name} is a block device, and a journal beside it would not outlive a crash`,
      });
    }
    this.#journal = new FileDevice(this.journalName, 'read-write', 'create');
    return this.#journal;
  }

  removeJournal(): void {
    this.close();
    try {
      unlinkSync(this.journalName);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw ioError(error, this.journalName, 'remove it');
    }
    this.syncFolder();
  }

  keepJournal(): string {
    const to = this.#rollbackPath;
    try {
      linkSync(this.journalName, to);
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      // Another file system, or one without links: copied. There already: linked by an earlier run that was stopped.
      if (['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(errno)) this.#copyJournal(to);
      else if (errno !== 'EEXIST' || !isSame(to, this.journalName)) {
        throw ioError(error, to, 'keep the journal under this name');
      }
    }
    syncFolder(dirname(to));
    this.removeJournal();
    return to;
  }

  syncFolder(): void {
    syncFolder(dirname(this.journalName));
  }

  heartbeat(journal: Device): void {
    if (journal instanceof FileDevice) journal.touch();
  }

  writtenSince(journal: Device): boolean {
    return journal instanceof FileDevice && this.image.mtimeMs > journal.mtimeMs + HEARTBEAT_SLACK;
  }

  /** Closes the journal, not the image. */
  close(): void {
    this.#journal?.close();
    this.#journal = undefined;
  }

  #copyJournal(to: string): void {
    const journal = this.openJournal();
    if (!journal) return;
    const copy = new FileDevice(to, 'read-write', 'create');
    try {
      for (let at = 0; at < journal.size; at += COMBINED) {
        copy.write(at, readBytes(journal, at, Math.min(COMBINED, journal.size - at)));
      }
      copy.flush();
    } catch (error) {
      unlinkSync(to);
      throw error;
    } finally {
      copy.close();
    }
  }
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [identityOfPath(a), identityOfPath(b)];
  return one !== undefined && other !== undefined && sameFile(one, other);
}

/** Makes names made or removed in a folder durable. */
function syncFolder(path: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    fsyncSync(fd);
  } catch (error) {
    // Some file systems cannot flush a folder and say so; their names are durable at once or never.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? ''))
      throw ioError(error, path, 'flush the folder');
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
