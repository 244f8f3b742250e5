/**
 * The journal: what a commit is about to destroy, put beside the image first. One format for two uses: to recover
 * after a crash, and, kept after the commit, to roll back to the bit-identical original.
 *
 *   sector 0   what image this is of, before anything was written           (journal.header)
 *   sector 1   how far the commit came, rewritten alone                     (journal.state)
 *   sector 2.. records: 64 bytes of head, then the stored bytes             (journal.record)
 *
 * Invariants (each has a test of this name in test/device/journal.test.ts):
 *  1. ready-is-complete: the state READY is on the disk only after every record is.
 *  2. preparing-means-untouched: in the state PREPARING no byte that the old image claims has been overwritten.
 *  3. every-bit-counts: a bit flipped anywhere in a journal that is READY or later makes it refused.
 *  4. sectors-belong-together: the two sectors carry one random number; a state of another journal is refused.
 *  5. nothing-outside: old bytes lie below the old end of the file, headers are one aligned sector, sizes add up;
 *     else the journal is refused, whatever its checksums say.
 *  6. half-made-is-nothing: a journal of which one of the first two sectors never reached the disk (zeros) guards
 *     nothing yet and can go.
 *
 * 64-bit identities (inode, device, nanoseconds) are decimal text: they are compared, never computed with.
 */
import { createHash } from 'node:crypto';
import { bytes, decode, type Infer, patch, struct, u32, u64 } from '../bytes/struct.ts';

export const SECTOR = 512;
/** Where the records begin, bytes. */
export const RECORDS_AT = 2 * SECTOR;
/** Stored bytes of one record at most: what recovery holds in memory at a time. */
export const RECORD_LIMIT = 2 ** 20;

export const JOURNAL_VERSION = 1;
export const HEADER_MAGIC = 'PLATTERJ';
export const STATE_MAGIC = 'PLATTERS';
export const RECORD_MAGIC = 0x52_43_4a_50;

export const JournalHeader = struct(
  'journal.header',
  { spec: 'device/journal.ts', endian: 'little' },
  {
    magic: bytes(8, { doc: `"${HEADER_MAGIC}"` }),
    version: u32({ equals: JOURNAL_VERSION }),
    keep: u32({ oneOf: [0, 1], doc: '1: the journal becomes the rollback file once the commit is done' }),
    nonce: bytes(16, { doc: 'random; the same in every sector of this journal' }),
    dev: bytes(24, { doc: "the image's device number, decimal text" }),
    ino: bytes(24, { doc: "the image's inode number, decimal text" }),
    mtime: bytes(24, { doc: "the image's modification time before the commit, nanoseconds, decimal text" }),
    created: u64({ show: 'decimal', doc: 'seconds since 1970' }),
    old_size: u64({ show: 'size', doc: "the image's length before the commit, bytes" }),
    old_sector: bytes(32, { doc: 'SHA-256 of the first 512 bytes before the commit' }),
    label: bytes(128, { doc: 'what was done, for people, UTF-8' }),
    unused: bytes(200),
    digest: bytes(32, { doc: 'SHA-256 of the bytes before' }),
  },
);

export const JournalStateSector = struct(
  'journal.state',
  { spec: 'device/journal.ts', endian: 'little' },
  {
    magic: bytes(8, { doc: `"${STATE_MAGIC}"` }),
    state: bytes(16, { doc: 'PREPARING, READY, COMMITTED, ROLLING-BACK or ROLLED-BACK, text' }),
    nonce: bytes(16),
    end: u64({ show: 'size', doc: "the journal's length, bytes" }),
    fresh_size: u64({ show: 'size', doc: "the image's length once the new parts were appended, bytes" }),
    new_size: u64({ show: 'size', doc: "the image's length after the commit, bytes" }),
    records: u64({ show: 'decimal' }),
    content: bytes(32, { doc: 'SHA-256 of sector 0 and all records' }),
    mtime: bytes(24, { doc: "the image's modification time after the commit, nanoseconds, decimal text" }),
    unused: bytes(352),
    digest: bytes(32, { doc: 'SHA-256 of the bytes before' }),
  },
);

export const JournalRecord = struct(
  'journal.record',
  { spec: 'device/journal.ts', endian: 'little' },
  {
    magic: u32({ equals: RECORD_MAGIC, show: 'hex' }),
    kind: u32({ min: 1, max: 7, doc: '1 old, 2 new, 3 old header, 4 new header, 5 free, 6 cut, 7 fresh' }),
    offset: u64({ doc: 'in the image, bytes' }),
    length: u64({ doc: 'in the image, bytes' }),
    stored: u64({ doc: 'bytes that follow: length, or 0 when all are zero (or the kind is 7)' }),
    digest: bytes(32, { doc: 'SHA-256 of the bytes in the image' }),
  },
);

/**
 * `old`/`new`: a range that is overwritten, before and after. `old-header`/`new-header`: the sector that is written
 * last. `free`: space the old image does not claim, before new parts went there. `cut`: what lay past the new end.
 * `fresh`: new parts, digest only.
 */
export const RECORD_KINDS = ['old', 'new', 'old-header', 'new-header', 'free', 'cut', 'fresh'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

export const JOURNAL_STATES = ['PREPARING', 'READY', 'COMMITTED', 'ROLLING-BACK', 'ROLLED-BACK'] as const;
export type JournalState = (typeof JOURNAL_STATES)[number];

export type HeaderFields = Infer<typeof JournalHeader>;
export type StateFields = Infer<typeof JournalStateSector>;

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** A text field, zero padded; cut at a character's border when it is too long. */
export function textField(text: string, size: number): Uint8Array {
  const field = new Uint8Array(size);
  new TextEncoder().encodeInto(text, field);
  return field;
}

export function fieldText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const DIGEST_AT = JournalHeader.at.digest;

/** Fills in the digest of a header or state sector. */
export function seal(sector: Uint8Array): Uint8Array {
  sector.set(sha256(sector.subarray(0, DIGEST_AT)), DIGEST_AT);
  return sector;
}

export function isSealed(sector: Uint8Array): boolean {
  return sameBytes(sha256(sector.subarray(0, DIGEST_AT)), sector.subarray(DIGEST_AT, SECTOR));
}

/** The state sector with another state, and the image's modification time where it is known by now. */
export function withState(sector: Uint8Array, state: JournalState, mtime?: string): Uint8Array {
  const next = sector.slice();
  patch(JournalStateSector, next, {
    state: textField(state, JournalStateSector.fields.state.size),
    ...(mtime === undefined ? {} : { mtime: textField(mtime, JournalStateSector.fields.mtime.size) }),
  });
  return seal(next);
}

export function stateOf(sector: Uint8Array): string {
  return fieldText(decode(JournalStateSector, sector).state);
}
