/**
 * Stands between what builds the new parts of an image and the file: counts them, saves what lay in free space
 * before, and hashes what is written, where a rollback file is asked for. Hashing costs about as much as writing, so
 * it is done only then.
 */
import { createHash, type Hash } from 'node:crypto';
import { Ranges } from '../bytes/ranges.ts';
import { COMBINED } from './combining.ts';
import { type Device, readBytes } from './device.ts';
import type { JournalWriter } from './journal-writer.ts';

/** A run of bytes written front to back. */
interface Run {
  readonly offset: number;
  length: number;
  readonly hash: Hash;
}

export class FreshRecorder implements Device {
  readonly name: string;
  readonly #image: Device;
  readonly #oldSize: number;
  readonly #journal: JournalWriter | undefined;
  readonly #beat: () => void;
  readonly #written = new Ranges();
  readonly #saved = new Ranges();
  #runs: Run[] = [];
  #rewritten = false;

  /** `journal`: where old bytes and hashes go, if anywhere. `beat` is called before each write to the image. */
  constructor(image: Device, oldSize: number, journal: JournalWriter | undefined, beat: () => void) {
    this.name = image.name;
    this.#image = image;
    this.#oldSize = oldSize;
    this.#journal = journal;
    this.#beat = beat;
  }

  get size(): number {
    return this.#image.size;
  }

  /** Bytes of the file that are new. */
  get bytes(): number {
    return this.#written.total;
  }

  /** Whether anything was written below the old end. */
  get touchedOld(): boolean {
    return this.#written.overlapping(0, this.#oldSize) !== undefined;
  }

  read(offset: number, target: Uint8Array): void {
    this.#image.read(offset, target);
  }

  write(offset: number, bytes: Uint8Array, what?: string): void {
    if (this.#journal) {
      this.#saveOld(this.#journal, offset, bytes.length);
      this.#hash(offset, bytes);
    }
    this.#written.add(offset, bytes.length);
    this.#beat();
    this.#image.write(offset, bytes, what);
  }

  resize(size: number): void {
    // What a shrink takes away must not be hashed as written; this is rare enough to hash everything again.
    if (size < this.#image.size) {
      this.#written.remove(size, this.#image.size - size);
      this.#rewritten = true;
    }
    this.#beat();
    this.#image.resize(size);
  }

  flush(): void {
    this.#image.flush();
  }

  /** Puts the hashes of all new parts into the journal. Call when they are all written. */
  finish(): void {
    if (!this.#journal) return;
    if (this.#rewritten) this.#hashAgain();
    for (const { offset, length, hash } of this.#runs) this.#journal.note(offset, length, hash.digest());
  }

  #saveOld(journal: JournalWriter, offset: number, length: number): void {
    const end = Math.min(offset + length, this.#oldSize);
    if (end <= offset) return;
    const unsaved = Ranges.of([{ offset, length: end - offset }]);
    for (let known = this.#saved.overlapping(offset, end - offset); known; ) {
      unsaved.remove(known.offset, known.length);
      const next = known.offset + known.length;
      known = next < end ? this.#saved.overlapping(next, end - next) : undefined;
    }
    for (const part of unsaved) journal.save('free', part.offset, readBytes(this.#image, part.offset, part.length));
    this.#saved.add(offset, end - offset);
  }

  #hash(offset: number, bytes: Uint8Array): void {
    const last = this.#runs.at(-1);
    if (last && last.offset + last.length === offset) {
      last.hash.update(bytes);
      last.length += bytes.length;
    } else {
      this.#runs.push({ offset, length: bytes.length, hash: createHash('sha256').update(bytes) });
    }
    if (this.#written.overlapping(offset, bytes.length)) this.#rewritten = true;
  }

  #hashAgain(): void {
    this.#runs = [...this.#written].map(({ offset, length }) => {
      const hash = createHash('sha256');
      for (let done = 0; done < length; done += COMBINED) {
        hash.update(readBytes(this.#image, offset + done, Math.min(COMBINED, length - done)));
      }
      return { offset, length, hash };
    });
  }
}
