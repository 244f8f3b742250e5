/**
 * The commit protocol. At every instant, power cut included, the file is the old image, the new image, or is told
 * from its journal which of the two it shall become.
 *
 *   1. the file is as it was at open, and nobody else holds it
 *   2. new parts go where the old image claims nothing: past its end, or into free space; flush
 *   3. they are read back and verified
 *   4. what will be overwritten or cut off goes into the journal; flush; its state READY; flush
 *   5. the file is still ours alone
 *   6. overwrites, in order; flush; the header last, one sector in one write; flush
 *   7. the file is cut to its new length; flush
 *   8. the journal is removed, or becomes the rollback file
 *
 * Invariants (test/device/commit.test.ts):
 *  1. Up to 5 a failure, or a cancellation, leaves the old image and its length; from 6 on nothing can cancel.
 *  2. Where only one sector is overwritten, the order alone is safe and there is no journal, unless one is asked for.
 *  3. What is written in 2 is fenced: a write to what the old image claims is a bug, not a loss.
 */
import type { Progress } from '../bytes/progress.ts';
import { Ranges } from '../bytes/ranges.ts';
import { ImageError } from '../errors.ts';
import { COMBINED, CombiningDevice } from './combining.ts';
import type { CommitSite } from './commit-site.ts';
import type { CommitResult, CommitRules, CommitSource } from './commit-source.ts';
import { type Device, readBytes } from './device.ts';
import { fence, TO_THE_END } from './fence.ts';
import { FreshRecorder } from './fresh.ts';
import { SECTOR, sameBytes } from './journal.ts';
import { JournalWriter } from './journal-writer.ts';

type Final = ReturnType<CommitSource['final']>;

/** Runs the protocol. Throws ImageError; the message says in which state the file is. */
export function* commitOn(
  site: CommitSite,
  source: CommitSource,
  rules: CommitRules,
): Generator<Progress, CommitResult> {
  const commit = new Commit(site, source, rules);
  const final = yield* commit.prepare();
  return commit.finish(final);
}

class Commit {
  readonly #site: CommitSite;
  readonly #image: Device;
  readonly #source: CommitSource;
  readonly #rules: CommitRules;
  #journal: JournalWriter | undefined;
  #recorder: FreshRecorder | undefined;
  #overwrittenBytes = 0;
  /** Everything so far was written by us alone, and `check` can tell if that changes. */
  #settled = false;

  constructor(site: CommitSite, source: CommitSource, rules: CommitRules) {
    this.#site = site;
    this.#image = site.image;
    this.#source = source;
    this.#rules = rules;
  }

  /** Steps 1 to 5. Whatever stops it, the old image is left as it was. */
  *prepare(): Generator<Progress, Final> {
    this.#site.check();
    if (this.#image.size !== this.#source.oldSize) {
      throw new ImageError({
        code: 'file-changed',
        what: `${this.#image.name} is ${this.#image.size} bytes long, expected ${this.#source.oldSize}`,
        tryThis: 'open it again',
      });
    }
    this.#refuseForeignJournal();
    let failure: unknown;
    let ready = false;
    try {
      if (this.#rules.keep || this.#rules.journal === 'always') this.#beginJournal();
      yield* this.#writeFresh();
      if (this.#source.verify) yield* this.#source.verify();
      const final = this.#source.final();
      this.#checkFinal(final);
      this.#grow(final.newSize);
      yield* this.#saveOld(final);
      this.#site.check();
      ready = true;
      return final;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      // Also reached when the generator is ended from outside: a cancelled commit.
      if (!ready) this.#callOff(failure);
    }
  }

  /** Steps 6 to 8. Not a generator: from the first overwrite on there is no cancelling. */
  finish(final: Final): CommitResult {
    const { header } = final;
    const before = header && readBytes(this.#image, header.offset, SECTOR);
    let atHeader = false;
    try {
      for (const { offset, bytes, what } of final.overwrites) this.#overwrite(offset, bytes, what);
      if (this.#overwrittenBytes > 0) this.#image.flush();
      if (header) {
        atHeader = this.#journal === undefined;
        this.#overwrite(header.offset, header.bytes, header.what);
        atHeader = false;
      }
      this.#image.flush();
      this.#cut(final.newSize);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      if (atHeader && header && before && sameBytes(readBytes(this.#image, header.offset, SECTOR), before)) {
        this.#callOff(error);
        throw error;
      }
      throw this.#interrupted(error);
    }
    this.#site.settle();
    return this.#conclude(final);
  }

  #beginJournal(): void {
    const { keep, label } = this.#rules;
    const { dev, ino } = this.#site.imageId;
    const created = Math.floor(Date.now() / 1000);
    let device: Device;
    try {
      device = this.#site.createJournal();
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      throw new ImageError({
        code: 'no-journal',
        what: `this commit needs a journal beside the image, for it cannot be made safe by order alone, and: ${error.what}`,
        tryThis: 'make the folder of the image writable, or work on a copy in another folder',
      });
    }
    try {
      this.#journal = new JournalWriter(device, this.#image, {
        ...{ dev, ino, keep, label, created },
        oldSize: this.#source.oldSize,
        mtimeNs: this.#site.imageMtime(),
      });
      this.#site.syncFolder();
    } catch (error) {
      if (error instanceof ImageError) this.#site.removeJournal();
      throw error;
    }
  }

  *#writeFresh(): Generator<Progress, void> {
    const { oldSize, free } = this.#source;
    const journal = this.#journal;
    const beat = (): void => {
      if (journal) this.#site.heartbeat(journal.device);
    };
    const recorder = new FreshRecorder(this.#image, oldSize, this.#rules.keep ? journal : undefined, beat);
    this.#recorder = recorder;
    const combining = new CombiningDevice(recorder);
    const allowed = free.clone();
    allowed.remove(oldSize, TO_THE_END - oldSize);
    allowed.add(oldSize, TO_THE_END - oldSize);
    yield* this.#source.fresh(fence(combining, allowed));
    combining.drain();
    // Whoever still holds the device may read it back, but not write: what is verified is what stays.
    allowed.remove(0, TO_THE_END);
    recorder.finish();
    if (recorder.bytes > 0 || this.#image.size !== oldSize) this.#image.flush();
    this.#site.settle();
    this.#settled = true;
  }

  #checkFinal({ header, overwrites, newSize }: Final): void {
    const { oldSize } = this.#source;
    if (this.#site.fixedSize && newSize !== oldSize) {
      throw new ImageError({
        code: 'fixed-size',
        class: 'size',
        what: `${this.#image.name} is ${oldSize} bytes long and cannot become ${newSize} bytes long: it is a block device`,
        tryThis: 'work on a copy in a file',
      });
    }
    if (
      header &&
      (header.bytes.length !== SECTOR || header.offset % SECTOR !== 0 || header.offset + SECTOR > oldSize)
    ) {
      throw new Error(
        `the header at ${header.offset}, ${header.bytes.length} bytes, is not one sector of the old file`,
      );
    }
    const seen = new Ranges();
    for (const { offset, bytes, what } of overwrites) {
      const onHeader = header && offset < header.offset + SECTOR && header.offset < offset + bytes.length;
      if (onHeader || offset + bytes.length > oldSize || seen.overlapping(offset, bytes.length)) {
        throw new Error(`the overwrite of ${what} at ${offset} is outside the old file or overwritten twice`);
      }
      seen.add(offset, bytes.length);
    }
  }

  /** The file gets its new length before the header speaks of it. */
  #grow(newSize: number): void {
    if (newSize <= this.#image.size) return;
    this.#image.resize(newSize);
    this.#image.flush();
    this.#site.settle();
  }

  /** Step 4. */
  *#saveOld({ overwrites, header, newSize }: Final): Generator<Progress, void> {
    const needed = !isEmpty(overwrites);
    if (needed && !this.#journal) this.#beginJournal();
    const journal = this.#journal;
    if (!journal) return;
    for (const { offset, bytes } of overwrites) {
      // Old and new in pieces of one size, so that each piece can be judged by itself at recovery.
      for (let at = 0; at < bytes.length; at += COMBINED) {
        const part = bytes.subarray(at, at + COMBINED);
        journal.save('old', offset + at, readBytes(this.#image, offset + at, part.length));
        journal.save('new', offset + at, part);
        yield { what: 'journal', done: journal.length, total: journal.length, unit: 'bytes' };
      }
    }
    if (this.#rules.keep) {
      const { oldSize } = this.#source;
      for (let at = newSize; at < oldSize; at += COMBINED) {
        journal.save('cut', at, readBytes(this.#image, at, Math.min(COMBINED, oldSize - at)));
        yield { what: 'rollback file', done: at - newSize, total: oldSize - newSize, unit: 'bytes' };
      }
    }
    if (header) {
      journal.save('old-header', header.offset, readBytes(this.#image, header.offset, SECTOR));
      journal.save('new-header', header.offset, header.bytes);
    }
    journal.ready(this.#image.size, newSize);
  }

  #overwrite(offset: number, bytes: Uint8Array, what: string): void {
    if (this.#journal) this.#site.heartbeat(this.#journal.device);
    this.#image.write(offset, bytes, what);
    this.#overwrittenBytes += bytes.length;
  }

  #cut(newSize: number): void {
    if (newSize >= this.#image.size) return;
    if (this.#journal) this.#site.heartbeat(this.#journal.device);
    this.#image.resize(newSize);
    this.#image.flush();
  }

  #conclude(final: Final): CommitResult {
    const notes: string[] = [];
    const journal = this.#journal;
    let rollbackFile: string | undefined;
    if (journal) {
      try {
        if (this.#rules.keep) {
          journal.setState('COMMITTED', this.#site.imageMtime());
          rollbackFile = this.#site.keepJournal();
        } else this.#site.removeJournal();
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        // The new image is complete and on the disk: this is worth a word, not a failure.
        notes.push(`the image is committed, but its journal stays at ${this.#site.journalName}: ${error.what}`);
        if (this.#rules.keep) rollbackFile = this.#site.journalName;
      }
    }
    return {
      freshBytes: this.#recorder?.bytes ?? 0,
      overwrittenBytes: this.#overwrittenBytes,
      cutBytes: Math.max(0, this.#source.oldSize - final.newSize),
      newSize: final.newSize,
      ...(rollbackFile === undefined ? {} : { rollbackFile, rollbackBytes: journal?.length ?? 0 }),
      notes,
    };
  }

  /** Gives the file back its length, and free space its bytes where they were saved; the journal goes. */
  #callOff(failure: unknown): void {
    try {
      if (this.#settled && !this.#isOurs()) {
        // Somebody else wrote to the file or opened it meanwhile: what is there now may be theirs.
        if (this.#journal) this.#site.removeJournal();
        return;
      }
      const journal = this.#journal;
      if (journal) for (const range of journal.saved) this.#image.write(range.offset, journal.read(range));
      if (this.#image.size !== this.#source.oldSize) this.#image.resize(this.#source.oldSize);
      if (this.#recorder && this.#recorder.bytes > 0) this.#image.flush();
      if (journal) this.#site.removeJournal();
      this.#site.settle();
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      const first = failure instanceof ImageError ? `${failure.what}; then ` : '';
      throw new ImageError({
        code: failure instanceof ImageError ? failure.code : error.code,
        what:
          `${first}${error.what}; the old image is intact, but what was written where it claims nothing could not ` +
          `be taken back: it was ${this.#source.oldSize} bytes long`,
        tryThis: 'check the image',
      });
    }
  }

  #isOurs(): boolean {
    try {
      this.#site.check();
      return true;
    } catch (error) {
      if (error instanceof ImageError) return false;
      throw error;
    }
  }

  #refuseForeignJournal(): void {
    if (this.#site.openJournal() === undefined) return;
    throw new ImageError({
      code: 'journal-exists',
      what: `${this.#site.journalName} lies beside the image: an earlier commit did not come to its end`,
      tryThis: 'platter recover IMAGE',
    });
  }

  #interrupted(error: ImageError): ImageError {
    const what = this.#journal
      ? `the journal ${this.#site.journalName} stays, and the next open by Platter will take the file back to the old image or finish the new one`
      : 'the file is the old image or the new one, both complete; which of them is on the disk is not known';
    return new ImageError({
      code: error.code === 'flush-failed' ? 'flush-failed' : 'commit-interrupted',
      what: `${error.what}; ${what}`,
      tryThis: this.#journal ? 'platter recover IMAGE' : 'open the image again and check it',
    });
  }
}

function isEmpty(things: Iterable<unknown>): boolean {
  for (const _ of things) return false;
  return true;
}
