/**
 * The way back after a commit: from the rollback file, the bit-identical original.
 *
 * The rollback file itself says ROLLING-BACK before the first byte changes, so that a roll-back that was interrupted
 * is finished by running it again. Where more than the one header sector has to be put back, the file would be
 * neither image in between: then a copy is laid beside the image as its journal, and the next open finishes it.
 */
import type { Progress } from '../bytes/progress.ts';
import { ImageError } from '../errors.ts';
import { COMBINED } from './combining.ts';
import type { CommitSite } from './commit-site.ts';
import { type Device, readBytes } from './device.ts';
import { FileDevice } from './file.ts';
import { FileSite } from './file-site.ts';
import { refuseWhenInUse } from './in-use.ts';
import { RECORDS_AT, SECTOR, sameBytes } from './journal.ts';
import { type Journal, readJournal, refuseOtherFile, setJournalState } from './journal-reader.ts';
import { withLock } from './lock-file.ts';
import { changesSinceCommit, isOfThisImage, putBack, standing } from './recovery.ts';

export interface RollbackResult {
  /** The file's length again, bytes. */
  readonly size: number;
  /** Overridden reasons, when forced; what could not be put back. */
  readonly notes: readonly string[];
}

/**
 * Puts the image back to what it was before the commit that made `rollbackPath`. Throws ImageError:
 * `changed-since-commit` (every reason at once; `force` overrides), `not-committed`, `journal-damaged`,
 * `journal-exists`, `in-use`, `locked`, or as reading and writing do.
 */
export function* rollback(
  imagePath: string,
  rollbackPath: string,
  { force = false }: { readonly force?: boolean } = {},
): Generator<Progress, RollbackResult> {
  const image = new FileDevice(imagePath);
  try {
    return yield* withLock(image.path, function* (): Generator<Progress, RollbackResult> {
      yield { what: 'roll-back', done: 0, total: 1 };
      const site = new FileSite(image);
      const file = new FileDevice(rollbackPath, 'read-write');
      try {
        refuseOtherFile(file);
        refuseWhenInUse(image);
        image.allowWrites();
        return rollbackOn(site, file, force);
      } finally {
        file.close();
        site.close();
      }
    });
  } finally {
    image.close();
  }
}

/** The same on any site; `file` is the rollback file. */
export function rollbackOn(site: CommitSite, file: Device, force: boolean): RollbackResult {
  const journal = readJournal(file);
  if (!journal || journal.stateName === 'PREPARING' || journal.stateName === 'READY') {
    throw new ImageError({
      code: 'not-committed',
      what: `${file.name} is the journal of a commit that did not come to its end; there is nothing to roll back`,
      tryThis: 'platter recover IMAGE',
    });
  }
  removeOwnRemains(site, journal);
  const notes = checkCanRollBack(site, journal, force);
  if (notes === 'done') return { size: site.image.size, notes: ['the image is the old one already'] };
  setJournalState(journal, 'ROLLING-BACK');
  const beside = journal.overwritten.some(({ isHeader }) => !isHeader);
  if (beside) layBeside(site, journal);
  notes.push(...putBack(site, journal, force));
  setJournalState(journal, 'ROLLED-BACK');
  if (beside) site.removeJournal();
  return { size: site.image.size, notes };
}

/** A journal beside the image may be what an earlier run of this very roll-back laid there; any other is refused. */
function removeOwnRemains(site: CommitSite, journal: Journal): void {
  const device = site.openJournal();
  if (!device) return;
  const found = readJournal(device);
  if (found && !(found.stateName === 'ROLLING-BACK' && sameBytes(found.header.nonce, journal.header.nonce))) {
    throw new ImageError({
      code: 'journal-exists',
      what: `${site.journalName} lies beside the image: an earlier commit or roll-back did not come to its end`,
      tryThis: 'platter recover IMAGE',
    });
  }
  site.removeJournal();
}

/**
 * What a roll-back would run over, each one phrase: empty when the image is as the commit left it, 'done' when it is
 * the old one already. Writes nothing. Throws ImageError `journal-damaged`, or as opening and reading do.
 */
export function whatChanged(imagePath: string, rollbackPath: string): readonly string[] | 'done' {
  const image = new FileDevice(imagePath);
  try {
    const site = new FileSite(image);
    const file = new FileDevice(rollbackPath);
    try {
      refuseOtherFile(file);
      const journal = readJournal(file);
      return journal ? reasonsAgainst(site, journal) : ['the commit had not begun'];
    } finally {
      file.close();
      site.close();
    }
  } finally {
    image.close();
  }
}

function reasonsAgainst(site: CommitSite, journal: Journal): string[] | 'done' {
  if (journal.stateName === 'COMMITTED') return changesSinceCommit(site, journal);
  const reasons: string[] = [];
  const { allOld, foreign } = standing(site, journal);
  const hasOldSize = site.image.size === journal.header.old_size;
  if (journal.stateName === 'ROLLED-BACK' && allOld && hasOldSize) return 'done';
  if (journal.stateName === 'ROLLED-BACK') reasons.push('it was rolled back before, and changed since');
  else if (allOld && site.writtenSince(journal.device))
    reasons.push('it is the old image again, and was written to since');
  if (foreign !== undefined) reasons.push(`it was written to at offset ${foreign}`);
  if (!isOfThisImage(site, journal)) reasons.push('it is another file than the one that was committed (a copy?)');
  return reasons;
}

/** Reasons overridden by `force`; 'done' when there is nothing to do. Throws `changed-since-commit`. */
function checkCanRollBack(site: CommitSite, journal: Journal, force: boolean): string[] | 'done' {
  const reasons = reasonsAgainst(site, journal);
  if (reasons === 'done' || reasons.length === 0 || force) return reasons;
  throw new ImageError({
    code: 'changed-since-commit',
    class: 'consistency',
    what: `${site.image.name} changed since the commit, and a roll-back would lose that: ${reasons.join('; ')}`,
    tryThis: 'rollback --force to get the old image back all the same',
  });
}

/** Copies the rollback file to the journal's place: the records first, so that it is nothing until it is all. */
function layBeside(site: CommitSite, journal: Journal): void {
  const { device } = journal;
  const copy = site.createJournal();
  for (let at = RECORDS_AT; at < device.size; at += COMBINED) {
    copy.write(at, readBytes(device, at, Math.min(COMBINED, device.size - at)), 'journal records');
  }
  copy.flush();
  copy.write(0, readBytes(device, 0, SECTOR), 'journal header');
  copy.flush();
  copy.write(SECTOR, readBytes(device, SECTOR, SECTOR), 'journal state');
  copy.flush();
  site.syncFolder();
}
