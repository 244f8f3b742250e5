/**
 * Reads a journal as the untrusted file it is: nothing in it is believed before all of it was checked, and nothing
 * outside the bounds of invariant 5 (journal.ts) is believed at all.
 */
import { createHash } from 'node:crypto';
import { decode } from '../bytes/struct.ts';
import { ImageError } from '../errors.ts';
import { type Device, readBytes } from './device.ts';
import {
  fieldText,
  HEADER_MAGIC,
  type HeaderFields,
  isSealed,
  JOURNAL_STATES,
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
  type StateFields,
  sameBytes,
  sha256,
  stateOf,
  withState,
} from './journal.ts';
import { isZero } from './zeros.ts';

/** A record's head; its bytes stay in the file. */
export interface RecordHead {
  readonly kind: RecordKind;
  /** In the image, bytes. */
  readonly offset: number;
  readonly length: number;
  readonly digest: Uint8Array;
  /** Where the stored bytes begin in the journal; undefined when there are none. */
  readonly at: number | undefined;
}

/** A range the commit overwrites, with what stood there and what shall. */
export interface Overwritten {
  readonly before: RecordHead;
  readonly after: RecordHead;
  readonly isHeader: boolean;
}

export interface Journal {
  readonly device: Device;
  readonly header: HeaderFields;
  /** Sizes and counts hold from READY on. */
  readonly state: StateFields;
  readonly stateName: JournalState;
  readonly records: readonly RecordHead[];
  /** In the order of the commit: the header sector last. */
  readonly overwritten: readonly Overwritten[];
}

/** The journal in `device`, or undefined when it was never finished being made. Throws ImageError `journal-damaged`. */
export function readJournal(device: Device): Journal | undefined {
  const headerSector = readBytes(device, 0, SECTOR);
  const stateSector = readBytes(device, SECTOR, SECTOR);
  const header = decode(JournalHeader, headerSector);
  const state = decode(JournalStateSector, stateSector);
  const headerIsThere = !isZero(headerSector);
  const stateIsThere = !isZero(stateSector);
  const damaged = (what: string, offset: number, length: number): ImageError =>
    journalDamaged(device, what, offset, length);

  if (headerIsThere) {
    if (fieldText(header.magic) !== HEADER_MAGIC) throw damaged('it does not begin as a journal does', 0, 8);
    if (!isSealed(headerSector)) throw damaged('the checksum of its first sector is wrong', 0, SECTOR);
    if (header.version !== JOURNAL_VERSION) {
      throw damaged(`its version is ${header.version}, expected ${JOURNAL_VERSION}`, JournalHeader.at.version, 4);
    }
  }
  if (stateIsThere) {
    if (fieldText(state.magic) !== STATE_MAGIC) throw damaged('its second sector is not the state', SECTOR, 8);
    if (!isSealed(stateSector)) throw damaged('the checksum of its state is wrong', SECTOR, SECTOR);
  }
  const stateName = stateOf(stateSector) as JournalState;
  if (stateIsThere && !JOURNAL_STATES.includes(stateName)) throw damaged(`its state is '${stateName}'`, SECTOR + 8, 16);
  if (!headerIsThere || !stateIsThere) {
    // Both sectors are durable before anything else happens: one that is missing was never written.
    if (stateIsThere && stateName !== 'PREPARING') throw damaged('its first sector is missing', 0, SECTOR);
    return undefined;
  }
  if (!sameBytes(header.nonce, state.nonce)) throw damaged('its state belongs to another journal', SECTOR + 24, 16);
  if (stateName === 'PREPARING') return { device, header, state, stateName, records: [], overwritten: [] };
  checkContent(device, headerSector, state);
  const records = readRecords(device, header, state);
  return { device, header, state, stateName, records, overwritten: pairUp(device, records) };
}

/** Throws ImageError `not-a-rollback-file` for a file that a user named and that is something else altogether. */
export function refuseOtherFile(device: Device): void {
  const start = readBytes(device, 0, HEADER_MAGIC.length);
  if (isZero(start) || fieldText(start) === HEADER_MAGIC) return;
  throw new ImageError({
    code: 'not-a-rollback-file',
    class: 'magic',
    what: `${device.name} is no rollback file and no journal: it does not begin as one`,
    where: { offset: 0, length: HEADER_MAGIC.length, file: device.name },
  });
}

/** Rewrites the journal's state sector and makes it durable. */
export function setJournalState(journal: Journal, state: JournalState, mtimeNs?: string): void {
  const sector = withState(readBytes(journal.device, SECTOR, SECTOR), state, mtimeNs);
  journal.device.write(SECTOR, sector, `journal state ${state}`);
  journal.device.flush();
}

/** The bytes a record stands for: at most RECORD_LIMIT of them. Not for `fresh` records, which have none. */
export function recordBytes(journal: Journal, record: RecordHead): Uint8Array {
  if (record.at === undefined) return new Uint8Array(record.length);
  return readBytes(journal.device, record.at, record.length);
}

export function journalDamaged(device: Device, what: string, offset: number, length: number): ImageError {
  return new ImageError({
    code: 'journal-damaged',
    class: 'checksum',
    what: `${device.name} cannot be trusted: ${what}; nothing was changed`,
    where: { offset, length, file: device.name },
    tryThis: 'check the image; if it is sound, remove this file by hand',
  });
}

function checkContent(device: Device, headerSector: Uint8Array, state: StateFields): void {
  if (device.size !== state.end || state.end < RECORDS_AT) {
    throw journalDamaged(device, `it is ${device.size} bytes long, expected ${state.end}`, 0, 0);
  }
  const hash = createHash('sha256').update(headerSector);
  const buffer = new Uint8Array(RECORD_LIMIT);
  for (let at = RECORDS_AT; at < state.end; at += RECORD_LIMIT) {
    const part = buffer.subarray(0, Math.min(RECORD_LIMIT, state.end - at));
    device.read(at, part);
    hash.update(part);
  }
  if (!sameBytes(hash.digest(), state.content)) {
    throw journalDamaged(device, 'the checksum of its content is wrong', RECORDS_AT, state.end - RECORDS_AT);
  }
}

function readRecords(device: Device, header: HeaderFields, state: StateFields): RecordHead[] {
  const records: RecordHead[] = [];
  let at = RECORDS_AT;
  for (let i = 0; i < state.records; i++) {
    if (at + JournalRecord.size > state.end) throw journalDamaged(device, `it ends before record ${i}`, at, 0);
    const head = decode(JournalRecord, readBytes(device, at, JournalRecord.size));
    const kind = RECORD_KINDS[head.kind - 1];
    const wrong = kind ? recordFault(kind, head, header, state) : `kind ${head.kind}`;
    if (!kind || wrong || head.magic !== RECORD_MAGIC || at + JournalRecord.size + head.stored > state.end) {
      throw journalDamaged(device, `record ${i} is wrong (${wrong ?? 'its place'})`, at, JournalRecord.size);
    }
    at += JournalRecord.size;
    const { offset, length, digest, stored } = head;
    records.push({ kind, offset, length, digest, at: stored > 0 ? at : undefined });
    at += stored;
  }
  if (at !== state.end) throw journalDamaged(device, 'bytes follow its last record', at, state.end - at);
  return records;
}

/** Which bound of invariant 5 a record breaks. */
function recordFault(
  kind: RecordKind,
  record: { readonly offset: number; readonly length: number; readonly stored: number },
  header: HeaderFields,
  state: StateFields,
): string | undefined {
  const { offset, length, stored } = record;
  const end = offset + length;
  if (end > Number.MAX_SAFE_INTEGER || length === 0) return 'its length';
  if (kind === 'fresh') return stored === 0 && end <= state.fresh_size ? undefined : 'it lies past the new parts';
  if (length > RECORD_LIMIT || (stored !== 0 && stored !== length)) return 'its stored length';
  if (end > header.old_size) return 'it lies past the old end';
  if (kind === 'cut' && offset < state.new_size) return 'it lies before the new end';
  if (kind.endsWith('header') && (length !== SECTOR || offset % SECTOR !== 0)) return 'a header is one aligned sector';
  return undefined;
}

/** Old and new records alternate, the same range in both; the header's pair comes last, and once. */
function pairUp(device: Device, records: readonly RecordHead[]): Overwritten[] {
  const pairs: Overwritten[] = [];
  const halves = records.filter(({ kind }) => ['old', 'new', 'old-header', 'new-header'].includes(kind));
  for (let i = 0; i < halves.length; i += 2) {
    const before = halves[i] as RecordHead;
    const after = halves[i + 1];
    const isHeader = before.kind === 'old-header';
    const matches =
      after?.kind === (isHeader ? 'new-header' : 'new') && before.kind === (isHeader ? 'old-header' : 'old');
    if (!after || !matches || before.offset !== after.offset || before.length !== after.length) {
      throw journalDamaged(device, 'a range has an old but no new content, or another range', 0, 0);
    }
    if (isHeader && i + 2 < halves.length) throw journalDamaged(device, 'its header is not last', 0, 0);
    pairs.push({ before, after, isHeader });
  }
  return pairs;
}

/** Whether the image's bytes at a record's range hash to its digest. */
export function matchesDigest(image: Device, record: RecordHead): boolean {
  if (record.length <= RECORD_LIMIT)
    return sameBytes(sha256(readBytes(image, record.offset, record.length)), record.digest);
  const hash = createHash('sha256');
  const buffer = new Uint8Array(RECORD_LIMIT);
  for (let done = 0; done < record.length; done += RECORD_LIMIT) {
    const part = buffer.subarray(0, Math.min(RECORD_LIMIT, record.length - done));
    image.read(record.offset + done, part);
    hash.update(part);
  }
  return sameBytes(hash.digest(), record.digest);
}
