/** Makes a journal: PREPARING at once, records as they come, READY when they are all on the disk. */

import { createHash, type Hash, randomBytes } from 'node:crypto';
import { patch } from '../bytes/struct.ts';
import { CombiningDevice } from './combining.ts';
import { type Device, readBytes } from './device.ts';
import {
  HEADER_MAGIC,
  JOURNAL_VERSION,
  JournalHeader,
  JournalRecord,
  type JournalState,
  JournalStateSector,
  RECORD_KINDS,
  RECORD_LIMIT,
  RECORD_MAGIC,
  RECORDS_AT,
  type RecordKind,
  SECTOR,
  STATE_MAGIC,
  seal,
  sha256,
  textField,
  withState,
} from './journal.ts';
import { isZero } from './zeros.ts';

export interface JournalFacts {
  readonly dev: string;
  readonly ino: string;
  readonly mtimeNs: string;
  /** The image's length before anything was appended, bytes. */
  readonly oldSize: number;
  /** What is being done, for people. */
  readonly label: string;
  readonly keep: boolean;
  /** Seconds since 1970. */
  readonly created: number;
}

/** What free space held before, for giving it back while the commit can still be called off. Bytes. */
export interface SavedRange {
  readonly offset: number;
  readonly length: number;
  /** Where its bytes stand in the journal; undefined when all are zero. */
  readonly at: number | undefined;
}

export class JournalWriter {
  readonly device: Device;
  readonly saved: SavedRange[] = [];
  readonly #out: CombiningDevice;
  readonly #content: Hash;
  #state: Uint8Array;
  #end = RECORDS_AT;
  #records = 0;

  /** `device`: an empty file. Writes its first two sectors and flushes; the caller makes its name durable. */
  constructor(device: Device, image: Device, facts: JournalFacts) {
    this.device = device;
    this.#out = new CombiningDevice(device);
    const nonce = randomBytes(16);
    const header = new Uint8Array(SECTOR);
    const { fields } = JournalHeader;
    patch(JournalHeader, header, {
      magic: textField(HEADER_MAGIC, fields.magic.size),
      version: JOURNAL_VERSION,
      keep: facts.keep ? 1 : 0,
      nonce,
      dev: textField(facts.dev, fields.dev.size),
      ino: textField(facts.ino, fields.ino.size),
      mtime: textField(facts.mtimeNs, fields.mtime.size),
      created: facts.created,
      old_size: facts.oldSize,
      old_sector: sha256(readBytes(image, 0, SECTOR)),
      label: textField(facts.label, fields.label.size),
    });
    seal(header);
    const state = new Uint8Array(SECTOR);
    patch(JournalStateSector, state, { magic: textField(STATE_MAGIC, 8), nonce, end: RECORDS_AT });
    this.#state = withState(state, 'PREPARING');
    this.#content = createHash('sha256').update(header);
    const both = new Uint8Array(RECORDS_AT);
    both.set(header);
    both.set(this.#state, SECTOR);
    device.write(0, both, 'journal header');
    device.flush();
  }

  /** Bytes so far. */
  get length(): number {
    return this.#end;
  }

  /** Records bytes of the image that stand, or will stand, at `offset`; zeros take no space. */
  save(kind: RecordKind, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += RECORD_LIMIT) {
      const part = bytes.subarray(at, at + RECORD_LIMIT);
      const zero = isZero(part);
      this.#append(kind, offset + at, part.length, sha256(part), zero ? 0 : part.length);
      if (kind === 'free')
        this.saved.push({ offset: offset + at, length: part.length, at: zero ? undefined : this.#end });
      if (!zero) this.#put(part);
    }
  }

  /** Records only what the image's bytes at `offset` hash to. */
  note(offset: number, length: number, digest: Uint8Array): void {
    this.#append('fresh', offset, length, digest, 0);
  }

  /** Everything is on the disk; from here on the journal can bring the old image back. Sizes in bytes. */
  ready(freshSize: number, newSize: number): void {
    this.#out.flush();
    patch(JournalStateSector, this.#state, {
      end: this.#end,
      fresh_size: freshSize,
      new_size: newSize,
      records: this.#records,
      content: this.#content.digest(),
    });
    this.setState('READY');
  }

  /** Rewrites the state sector and makes it durable. */
  setState(state: JournalState, mtimeNs?: string): void {
    this.#state = withState(this.#state, state, mtimeNs);
    this.device.write(SECTOR, this.#state, `journal state ${state}`);
    this.device.flush();
  }

  /** Reads a saved range's bytes back. */
  read({ at, length }: SavedRange): Uint8Array {
    return at === undefined ? new Uint8Array(length) : readBytes(this.#out, at, length);
  }

  #append(kind: RecordKind, offset: number, length: number, digest: Uint8Array, stored: number): void {
    const head = new Uint8Array(JournalRecord.size);
    const code = RECORD_KINDS.indexOf(kind) + 1;
    patch(JournalRecord, head, { magic: RECORD_MAGIC, kind: code, offset, length, stored, digest });
    this.#records++;
    this.#put(head);
  }

  #put(bytes: Uint8Array): void {
    this.#content.update(bytes);
    this.#out.write(this.#end, bytes, 'journal record');
    this.#end += bytes.length;
  }
}
