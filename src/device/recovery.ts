/**
 * What becomes of an image beside which a journal lies: the crash side of commit-core.ts, and its way back. Works on
 * a CommitSite, so that tests can crash it anywhere, itself included.
 *
 * Every piece of what the commit overwrites is looked at as it is now: old, new, torn between the two, or foreign.
 * Then
 *   - all new: the commit is finished (the file cut to its new length);
 *   - all old: the commit never began to overwrite; what it appended is cut off;
 *   - mixed or torn: the old bytes are put back, the header last;
 *   - foreign: somebody else wrote there since. Refused: any choice would destroy something.
 *
 * Invariants (test/device/recovery.test.ts):
 *  1. Doing it twice is doing it once; stopping anywhere and doing it again too.
 *  2. Only ranges recorded in the journal, and the length, are ever written, and only to recorded bytes.
 *  3. Appended space is cut off only while nothing tells that somebody else used the file since.
 */
import { ImageError } from '../errors.ts';
import type { CommitSite } from './commit-site.ts';
import { readBytes } from './device.ts';
import { fieldText, SECTOR, sameBytes, sha256 } from './journal.ts';
import {
  type Journal,
  journalDamaged,
  matchesDigest,
  type Overwritten,
  readJournal,
  recordBytes,
  setJournalState,
} from './journal-reader.ts';

export interface RecoveryResult {
  /** `none`: there was no journal. Otherwise which image the file now is. */
  readonly outcome: 'none' | 'old' | 'new';
  /** What was done, one sentence. */
  readonly what: string;
  /** Where the journal went, when it was to be kept as a rollback file. */
  readonly rollbackFile?: string;
  readonly notes: readonly string[];
}

export interface RecoveryRules {
  /** Go on even where the journal is of another file, or the image was written to by others since. */
  readonly force: boolean;
}

/** Throws ImageError `journal-damaged`, `journal-not-of-this-image`, `journal-foreign-write`, or as writing does. */
export function recoverOn(site: CommitSite, { force }: RecoveryRules): RecoveryResult {
  const device = site.openJournal();
  if (!device) return { outcome: 'none', what: 'there is no journal beside the image', notes: [] };
  const journal = readJournal(device);
  if (!journal) {
    site.removeJournal();
    return { outcome: 'old', what: 'the commit had not begun; its empty journal was removed', notes: [] };
  }
  checkIsOfThisImage(site, journal, force);
  switch (journal.stateName) {
    case 'PREPARING':
      return callOff(site, journal, force);
    case 'READY':
      return decide(site, journal, force);
    case 'COMMITTED':
      return conclude(site, journal, 'the commit was complete');
    case 'ROLLING-BACK': {
      const notes = putBack(site, journal, force);
      site.removeJournal();
      return { outcome: 'old', what: 'the roll-back that had begun was finished', notes };
    }
    case 'ROLLED-BACK':
      site.removeJournal();
      return { outcome: 'old', what: 'the roll-back was complete; its journal was removed', notes: [] };
  }
}

/** How the overwritten ranges stand in the image now. */
export interface Standing {
  readonly allOld: boolean;
  readonly allNew: boolean;
  /** The first place where neither old nor new bytes, nor a tear between them, stand. Bytes. */
  readonly foreign: number | undefined;
}

export function standing(site: CommitSite, journal: Journal): Standing {
  let allOld = true;
  let allNew = true;
  let foreign: number | undefined;
  for (const { before, after } of journal.overwritten) {
    const old = recordBytes(journal, before);
    const now = readBytes(site.image, before.offset, before.length);
    const next = recordBytes(journal, after);
    // A record whose bytes do not hash to its digest would be put back wrong: the content hash should have told.
    if (!sameBytes(sha256(old), before.digest) || !sameBytes(sha256(next), after.digest)) {
      throw journalDamaged(journal.device, 'the checksum of a record is wrong', before.offset, before.length);
    }
    if (!sameBytes(now, old)) allOld = false;
    if (!sameBytes(now, next)) allNew = false;
    for (let at = 0; at < now.length && foreign === undefined; at += SECTOR) {
      const end = Math.min(at + SECTOR, now.length);
      if (!isBetween(now.subarray(at, end), old.subarray(at, end), next.subarray(at, end)))
        foreign = before.offset + at;
    }
  }
  return { allOld, allNew, foreign };
}

/** Puts the old image back in place of the new, the header last; then what is past it. Answers notes. */
export function putBack(site: CommitSite, journal: Journal, force: boolean): string[] {
  const { image } = site;
  const { allOld, foreign } = standing(site, journal);
  if (foreign !== undefined && !force) throw foreignWrite(site, foreign);
  const oldSize = journal.header.old_size;
  if (allOld && site.writtenSince(journal.device) && !force) return [leftAlone(site, oldSize)];

  const end = image.size;
  for (const record of journal.records) {
    // Past the end zeros come of themselves, and take no space.
    if (record.kind !== 'cut' || (record.at === undefined && record.offset >= end)) continue;
    site.heartbeat(journal.device);
    image.write(record.offset, recordBytes(journal, record), 'what was cut off');
  }
  if (image.size < oldSize) image.resize(oldSize);
  image.flush();
  const isHeader = (range: Overwritten): boolean => range.isHeader;
  putBackRanges(
    site,
    journal,
    journal.overwritten.filter((range) => !isHeader(range)),
  );
  putBackRanges(site, journal, journal.overwritten.filter(isHeader));
  giveBackSpace(site, journal);
  return [];
}

function putBackRanges(site: CommitSite, journal: Journal, ranges: readonly Overwritten[]): void {
  if (ranges.length === 0) return;
  for (const { before } of ranges) {
    site.heartbeat(journal.device);
    site.image.write(before.offset, recordBytes(journal, before), 'old bytes');
  }
  site.image.flush();
}

/** The old image stands: what the commit put where that claims nothing goes. */
function giveBackSpace(site: CommitSite, journal: Journal): void {
  for (const record of journal.records) {
    if (record.kind !== 'free') continue;
    site.heartbeat(journal.device);
    site.image.write(record.offset, recordBytes(journal, record), 'free space');
  }
  site.heartbeat(journal.device);
  if (site.image.size > journal.header.old_size) site.image.resize(journal.header.old_size);
  site.image.flush();
  site.settle();
}

function callOff(site: CommitSite, journal: Journal, force: boolean): RecoveryResult {
  const { image } = site;
  const oldSize = journal.header.old_size;
  const sectorIsOld = sameBytes(sha256(readBytes(image, 0, SECTOR)), journal.header.old_sector);
  const notes: string[] = [];
  if (image.size > oldSize) {
    if (!force && (!sectorIsOld || site.writtenSince(journal.device))) notes.push(leftAlone(site, oldSize));
    else {
      site.heartbeat(journal.device);
      image.resize(oldSize);
      image.flush();
      site.settle();
    }
  }
  site.removeJournal();
  return { outcome: 'old', what: 'the commit had overwritten nothing yet; the image is the old one', notes };
}

function decide(site: CommitSite, journal: Journal, force: boolean): RecoveryResult {
  const { image } = site;
  const { allOld, allNew, foreign } = standing(site, journal);
  const { fresh_size: freshSize, new_size: newSize } = journal.state;
  const oldSize = journal.header.old_size;
  if (foreign !== undefined && !force) throw foreignWrite(site, foreign);
  const shortest = allNew ? newSize : oldSize;
  if (image.size < shortest && !force) throw foreignLength(site, `at least ${shortest}`);

  // A commit that only cuts or only appends has nothing to tell old from new by: once READY it is finished.
  if (allNew) {
    const notes: string[] = [];
    if (image.size > newSize) {
      if (image.size > freshSize || site.writtenSince(journal.device)) notes.push(leftAlone(site, newSize));
      else {
        site.heartbeat(journal.device);
        image.resize(newSize);
      }
    }
    image.flush();
    site.settle();
    return conclude(site, journal, 'everything was written; the commit was finished', notes);
  }
  if (allOld) {
    const theirs = image.size > freshSize || site.writtenSince(journal.device);
    const notes = theirs && image.size !== oldSize ? [leftAlone(site, oldSize)] : [];
    if (!theirs) giveBackSpace(site, journal);
    site.removeJournal();
    return { outcome: 'old', what: 'the commit had overwritten nothing yet; the image is the old one', notes };
  }
  if (image.size > freshSize && !force) throw foreignLength(site, `at most ${freshSize}`);
  const notes = putBack(site, journal, force);
  site.removeJournal();
  return { outcome: 'old', what: 'the commit was half written; the old bytes were put back', notes };
}

/** The new image is complete and durable: the journal goes, or becomes the rollback file. */
function conclude(site: CommitSite, journal: Journal, what: string, notes: readonly string[] = []): RecoveryResult {
  if (journal.header.keep === 0) {
    site.removeJournal();
    return { outcome: 'new', what, notes };
  }
  if (journal.stateName !== 'COMMITTED') setJournalState(journal, 'COMMITTED', site.imageMtime());
  return { outcome: 'new', what, rollbackFile: site.keepJournal(), notes };
}

/** What a roll-back must not run over: reasons, each one phrase; none when the file is as the commit left it. */
export function changesSinceCommit(site: CommitSite, journal: Journal): string[] {
  const reasons: string[] = [];
  const { image } = site;
  const { new_size: newSize, mtime } = journal.state;
  if (!isOfThisImage(site, journal)) reasons.push('it is another file than the one that was committed (a copy?)');
  if (image.size !== newSize) reasons.push(`its length is ${image.size} bytes, the commit left ${newSize}`);
  const changed = journal.overwritten.find(({ after }) => !matchesDigest(image, after));
  if (changed) reasons.push(`what the commit wrote at offset ${changed.after.offset} was changed`);
  const fresh = journal.records.find((record) => record.kind === 'fresh' && !matchesDigest(image, record));
  if (fresh) {
    reasons.push(`the new parts at offset ${fresh.offset}, ${fresh.length} bytes, were changed`);
  }
  if (reasons.length === 0 && site.imageMtime() !== fieldText(mtime)) {
    reasons.push('it was written to since (its modification time changed); the old format would keep those guest data');
  }
  return reasons;
}

export function isOfThisImage(site: CommitSite, { header }: Journal): boolean {
  return fieldText(header.ino) === site.imageId.ino;
}

function checkIsOfThisImage(site: CommitSite, journal: Journal, force: boolean): void {
  // The device number is not compared: it may change with every boot, and a crash is when this is read.
  if (force || isOfThisImage(site, journal)) return;
  throw new ImageError({
    code: 'journal-not-of-this-image',
    class: 'consistency',
    what:
      `${site.journalName} belongs to inode ${fieldText(journal.header.ino)}, the image is inode ${site.imageId.ino}; ` +
      'nothing was changed',
    tryThis: 'recover --force if the image was copied together with its journal; else remove the journal',
  });
}

function foreignWrite(site: CommitSite, offset: number): ImageError {
  return new ImageError({
    code: 'journal-foreign-write',
    class: 'consistency',
    what: `${site.image.name} was written to by something else after the commit was interrupted: neither the old nor the new bytes stand there; nothing was changed`,
    where: { offset, length: SECTOR },
    tryThis: 'recover --force to put the old bytes back all the same',
  });
}

function foreignLength(site: CommitSite, expected: string): ImageError {
  return new ImageError({
    code: 'journal-foreign-write',
    class: 'size',
    what: `${site.image.name} is ${site.image.size} bytes long, expected ${expected}: something else changed it after the commit was interrupted; nothing was changed`,
    tryThis: 'recover --force to put the old bytes back all the same',
  });
}

function leftAlone(site: CommitSite, size: number): string {
  return (
    `the file was written to since, so the bytes past ${size} (to ${site.image.size}) and free space were left as they ` +
    'are; the image does not claim them'
  );
}

/** Old, new, or one up to some byte and the other from there on: what a disk that tears a sector leaves. */
function isBetween(now: Uint8Array, old: Uint8Array, next: Uint8Array): boolean {
  if (sameBytes(now, old) || sameBytes(now, next)) return true;
  return isTorn(now, old, next) || isTorn(now, next, old);
}

function isTorn(now: Uint8Array, head: Uint8Array, tail: Uint8Array): boolean {
  let at = 0;
  while (at < now.length && now[at] === head[at]) at++;
  return sameBytes(now.subarray(at), tail.subarray(at));
}
